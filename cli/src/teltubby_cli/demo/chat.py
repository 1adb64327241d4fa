"""The curator's side of the chat: prints what is said as it is said, and waits for answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.console import Console
from rich.markup import escape

from teltubby_cli.demo.answers import Answers
from teltubby_cli.demo.cast import Cast
from teltubby_simulator.model import Message

PATIENCE = 90.0  # seconds for one answer
_ENDS = ("✅ Archived", "♻️", "⚠️")


class Chat:
    """What the curator sees."""

    def __init__(self, console: Console, cast: Cast, early_end: Callable[[], str | None]) -> None:
        """``early_end`` says which program has ended, so that no answer will come; None while all run."""
        self._console = console
        self._cast = cast
        self._early_end = early_end
        self._shown: dict[int, int] = {}

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Print what the bot says, as it says it, while this lasts."""
        task = asyncio.create_task(self._tell_news(), name="demo chat")
        try:
            yield
        finally:
            task.cancel()

    def say(self, markup: str) -> None:
        """Print a line of our own."""
        self._console.print(markup, soft_wrap=True)

    def ada(self, what: str) -> None:
        """Tell what the curator sends."""
        self._print_news()
        self.say(f"\n[green]Ada[/] sends {what}")

    async def answered(self, messages: list[Message], ends: tuple[str, ...] = _ENDS) -> None:
        """Wait until the bot's answer to each message, of an album to its first, stands at an end.

        Raises:
            TimeoutError: it does not.
            ChildProcessError: a program that would have to answer has ended.
        """
        groups = {message.media_group_id or str(message.id): message.id for message in reversed(messages)}

        def ended() -> bool:
            if reason := self._early_end():
                raise ChildProcessError(reason)
            return Answers(self._chat()).all_begin(groups.values(), ends)

        await self._cast.world.changed.wait_for(ended, PATIENCE)
        self._print_news()

    async def _tell_news(self) -> None:
        while True:
            await self._cast.world.changed.wait_for(self._news)
            self._print_news()

    def _news(self) -> bool:
        return any(len(message.edits) > self._shown.get(message.id, 0) for message in self._answers())

    def _answers(self) -> list[Message]:
        return [message for message in self._chat() if message.sender is self._cast.bot]

    def _chat(self) -> list[Message]:
        return self._cast.world.chat_with(self._cast.curator.id, self._cast.bot.id)

    def _print_news(self) -> None:
        for message in self._answers():
            for number, (_, text) in enumerate(message.edits):
                if number >= self._shown.get(message.id, 0):
                    sign = "[cyan]bot[/] ↳" if number == 0 else "[cyan]bot[/] ✎"
                    lines = escape(text).replace("\n", "\n        ")
                    self.say(f"  {sign} {lines}")
            self._shown[message.id] = len(message.edits)
