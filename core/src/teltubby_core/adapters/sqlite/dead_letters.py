"""The dead letters of the embedded job queue: its rows that have a reason. When they died is not kept."""

from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import DeadLetter

_OLDEST = "SELECT tag, payload, dead_reason FROM queued_jobs WHERE dead_reason IS NOT NULL ORDER BY tag LIMIT ?"
_REMOVE = "DELETE FROM queued_jobs WHERE tag = ? AND dead_reason IS NOT NULL"
_NO_LIMIT = -1


class SqliteDeadLetters:
    """See DeadLetters. Every method raises DatabaseUnavailableError when the database does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def browse(self, limit: int) -> list[DeadLetter]:
        """Return the oldest; they stay."""
        return [letter for _, letter in await self._letters(limit)]

    async def drain(self, decide: Callable[[DeadLetter], Awaitable[bool]]) -> int:
        """Show each that lies there now to ``decide``; remove those it accepts."""
        removed = 0
        for tag, letter in await self._letters(_NO_LIMIT):
            if await decide(letter):
                removed += await self._remove(tag)
        return removed

    async def _remove(self, tag: int) -> int:
        return await self._database.run(lambda db: db.execute(_REMOVE, (tag,)).rowcount)

    async def _letters(self, limit: int) -> list[tuple[int, DeadLetter]]:
        rows = await self._database.run(lambda db: db.execute(_OLDEST, (limit,)).fetchall())
        return [(row["tag"], DeadLetter(row["dead_reason"], _job(row["payload"]))) for row in rows]


def _job(payload: str) -> JobMessage | None:
    try:
        return JobMessage.model_validate_json(payload)
    except ValidationError:
        return None
