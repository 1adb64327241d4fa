"""The commands that tell how things are; those about jobs are in ``job_commands``."""

from collections.abc import Awaitable, Callable, Mapping

from teltubby_bot import texts
from teltubby_bot.ownership import OWNER_KEY
from teltubby_bot.quota import Room
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
        room: Room,
        *,
        jobs_wait_for: str | None,
        ignored: Callable[[], Mapping[str, int]],
        reception: Callable[[], tuple[str, str | None]],
    ) -> None:
        """``ignored`` returns how many updates were left alone, by reason; ``reception`` how messages come in, and
        what keeps them from it.
        """
        self._index = index
        self._store = store
        self._clock = clock
        self._room = room
        self._jobs_wait_for = jobs_wait_for
        self._ignored = ignored
        self._reception = reception
        self._started = clock.now()

    def by_name(self) -> dict[str, Callable[[IncomingMessage], Awaitable[str]]]:
        """Return each command's function by its name without the slash."""
        return {"start": self._start, "help": self._help, "status": self._status, "quota": self._quota}

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
            reception=self._reception(),
        )

    async def _quota(self, _: IncomingMessage) -> str:
        return texts.quota(*await self._room.state())

    async def _store_state(self) -> str:
        try:
            await self._store.head(OWNER_KEY)
        except TeltubbyError as error:
            return f"⚠️ {error}"
        return "answers"
