"""The inbox: each update as Telegram sent it, on disk before Telegram is told to forget it."""

import sqlite3
from collections.abc import Sequence

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.ports import Clock, RawUpdate


class SqliteInbox:
    """Inbox of one bot in table ``inbox``."""

    def __init__(self, database: Database, bot_id: int, clock: Clock) -> None:
        self._database = database
        self._bot_id = bot_id
        self._clock = clock

    async def store(self, updates: Sequence[RawUpdate]) -> int:
        """See Inbox."""
        rows = [(self._bot_id, update.update_id, update.raw, self._clock.now()) for update in updates]

        def work(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            connection.executemany(
                "INSERT OR IGNORE INTO inbox (bot_id, update_id, raw, received_at) VALUES (?, ?, ?, ?)", rows
            )
            return connection.total_changes - before

        return await self._database.run(work)

    async def pending(self, limit: int) -> list[RawUpdate]:
        """See Inbox."""

        def work(connection: sqlite3.Connection) -> list[RawUpdate]:
            rows = connection.execute(
                "SELECT update_id, raw, attempts FROM inbox WHERE state = 'new' AND bot_id = ?"
                " ORDER BY update_id LIMIT ?",
                (self._bot_id, limit),
            )
            return [RawUpdate(row["update_id"], row["raw"], row["attempts"]) for row in rows]

        return await self._database.run(work)

    async def discard(self, update_id: int) -> None:
        """See Inbox."""
        query = "DELETE FROM inbox WHERE bot_id = ? AND update_id = ?"
        await self._database.run(lambda connection: connection.execute(query, (self._bot_id, update_id)).rowcount)

    async def fail(self, update_id: int, error: str, max_attempts: int) -> bool:
        """See Inbox."""

        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "UPDATE inbox SET attempts = attempts + 1, last_error = ?,"
                " state = CASE WHEN attempts + 1 >= ? THEN 'parked' ELSE state END"
                " WHERE bot_id = ? AND update_id = ? RETURNING state",
                (error, max_attempts, self._bot_id, update_id),
            ).fetchone()
            return row is not None and row["state"] == "parked"

        return await self._database.run(work)

    async def unpark(self) -> int:
        """See Inbox."""
        query = "UPDATE inbox SET state = 'new', attempts = 0 WHERE bot_id = ? AND state = 'parked'"
        return await self._database.run(lambda connection: connection.execute(query, (self._bot_id,)).rowcount)

    async def prune(self, older_than: float) -> int:
        """See Inbox."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM inbox WHERE bot_id = ? AND state = 'done' AND received_at < ?", (self._bot_id, older_than)
            ).rowcount

        return await self._database.run(work)


def finish_update(connection: sqlite3.Connection, update_id: int) -> None:
    """Mark an update as done within somebody else's transaction; one that is parked stays so."""
    connection.execute("UPDATE inbox SET state = 'done' WHERE update_id = ? AND state <> 'parked'", (update_id,))


def take_update(connection: sqlite3.Connection, update_id: int) -> None:
    """Mark that the index has an update's item, within somebody else's transaction."""
    connection.execute("UPDATE inbox SET state = 'taken' WHERE update_id = ? AND state = 'new'", (update_id,))
