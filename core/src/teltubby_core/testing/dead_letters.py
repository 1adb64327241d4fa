"""Dead letters in memory."""

from collections.abc import Awaitable, Callable

from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import DeadLetter


class MemoryDeadLetters:
    """Keeps them in a list.

    Attributes:
        letters: what lies there, oldest first.
        fail_with: when set, every call raises it, as when the broker is down.
    """

    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = list(letters)
        self.fail_with: TeltubbyError | None = None

    async def browse(self, limit: int) -> list[DeadLetter]:
        """Return the oldest."""
        self._fail()
        return self.letters[:limit]

    async def drain(self, decide: Callable[[DeadLetter], Awaitable[bool]]) -> int:
        """Remove what ``decide`` accepts."""
        removed = 0
        for letter in list(self.letters):
            self._fail()
            if await decide(letter):
                self.letters.remove(letter)
                removed += 1
        return removed

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with
