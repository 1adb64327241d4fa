"""What clients asked of either door: tests look here for calls that must, or must not, have been made."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Door = Literal["bot_api", "mtproto"]

_CAPACITY = 10_000  # entries; enough for any test, and a demo that runs for weeks stays small


@dataclass(frozen=True)
class JournalEntry:
    """One call and how it ended: ``outcome`` is "ok", or the error as the client got it."""

    time: float  # Unix seconds by the world's clock
    door: Door
    method: str
    bot_id: int | None  # the calling account, a user's id for a user session; None when nobody was recognised
    params: Mapping[str, object]  # without tokens, hashes and passwords
    outcome: str
    via: Mapping[str, object] = field(default_factory=dict)  # MTProto: dc_id, media, connection, first_byte, end_byte


class Journal:
    """The latest calls in the order of their ends."""

    def __init__(self, clock: Callable[[], float], notify: Callable[[], None]) -> None:
        self._clock = clock
        self._notify = notify
        self._entries: deque[JournalEntry] = deque(maxlen=_CAPACITY)

    def record(
        self,
        door: Door,
        method: str,
        bot_id: int | None,
        params: Mapping[str, object],
        outcome: str = "ok",
        via: Mapping[str, object] | None = None,
    ) -> None:
        """Append a call. The caller leaves secrets out of ``params``."""
        self._entries.append(JournalEntry(self._clock(), door, method, bot_id, dict(params), outcome, dict(via or {})))
        self._notify()

    def entries(
        self, method: str | None = None, *, door: Door | None = None, bot_id: int | None = None
    ) -> list[JournalEntry]:
        """Return what matches every given argument, oldest first; method names regardless of case."""
        return [
            entry
            for entry in self._entries
            if (method is None or entry.method.lower() == method.lower())
            and (door is None or entry.door == door)
            and (bot_id is None or entry.bot_id == bot_id)
        ]

    def clear(self) -> None:
        """Forget everything, so that a test sees only what follows."""
        self._entries.clear()
