"""The commands a curator can give."""

from collections.abc import Awaitable, Callable, Mapping

from teltubby_bot import texts
from teltubby_bot.ownership import OWNER_KEY
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import ArchiveIndex, Clock, ObjectStore


class Commands:
    """Answers commands with text. Reads, changes nothing."""

    def __init__(
        self,
        index: ArchiveIndex,
        store: ObjectStore,
        clock: Clock,
        *,
        jobs_wait_for: str | None,
        ignored: Callable[[], Mapping[str, int]],
    ) -> None:
        """``ignored`` returns how many updates were left alone, by reason."""
        self._index = index
        self._store = store
        self._clock = clock
        self._jobs_wait_for = jobs_wait_for
        self._ignored = ignored
        self._started = clock.now()

    def by_name(self) -> dict[str, Callable[[IncomingMessage], Awaitable[str]]]:
        """Return each command's function by its name without the slash."""
        return {"start": self._start, "help": self._help, "status": self._status}

    async def _start(self, _: IncomingMessage) -> str:
        return texts.START

    async def _help(self, _: IncomingMessage) -> str:
        return texts.HELP

    async def _status(self, _: IncomingMessage) -> str:
        return texts.status(
            await self._index.stats(),
            uptime_seconds=self._clock.now() - self._started,
            bucket=self._store.bucket,
            store=await self._store_state(),
            jobs_wait_for=self._jobs_wait_for,
            ignored=self._ignored(),
        )

    async def _store_state(self) -> str:
        try:
            await self._store.head(OWNER_KEY)
        except TeltubbyError as error:
            return f"⚠️ {error}"
        return "answers"
