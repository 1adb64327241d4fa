"""/db_maint: looks after the index's database, for admins."""

import logging

from teltubby_bot import texts
from teltubby_bot.access import Access, Command, explained
from teltubby_bot.catalogue import say
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import DatabaseSight
from teltubby_core.ports import ArchiveIndex

log = logging.getLogger(__name__)


class MaintenanceCommand:
    """Checks the database and writes it anew; messages that come meanwhile wait at Telegram."""

    def __init__(self, index: ArchiveIndex, access: Access) -> None:
        self._index = index
        self._access = access

    def by_name(self) -> dict[str, Command]:
        """Return its function by its name without the slash."""
        return {"db_maint": explained(self._maintain)}

    async def _maintain(self, message: IncomingMessage) -> str:
        """Do it, and report how it was before and is after."""
        self._access.check_admin(message)
        done = await self._index.maintain()
        log.info("database looked after in %.1f s: %s", done.seconds, done.problem or "whole")
        if done.problem is not None:
            return say("db-damaged", problem=done.problem)
        return say("db-maintained", before=_sight(done.before), after=_sight(done.after), seconds=f"{done.seconds:.1f}")


def _sight(sight: DatabaseSight) -> str:
    return say("db-sight", size=texts.size(sight.bytes), empty=texts.size(sight.empty_bytes))
