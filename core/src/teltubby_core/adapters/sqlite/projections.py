"""What message.json still has to catch up with, and the counts for /status."""

import sqlite3
from datetime import datetime

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.quota import Usage
from teltubby_core.domain.records import ArchiveStats, Backlog, MessageRecord


def undocumented(
    connection: sqlite3.Connection, limit: int, exclude: frozenset[int] = frozenset()
) -> list[MessageRecord]:
    """Return settled messages whose document is behind, oldest first, but for those in ``exclude``."""
    found = connection.execute(
        "SELECT id FROM messages m WHERE documented < revision AND closes_at IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM items i WHERE i.message = m.id AND i.state IN ('pending', 'queued')) ORDER BY id LIMIT ?",
        (limit + len(exclude),),
    ).fetchall()
    return [rows.message(connection, row["id"]) for row in found if row["id"] not in exclude][:limit]


def documented(connection: sqlite3.Connection, record_id: int, revision: int, at: float) -> None:
    """The document of this revision is written; a later one stays due."""
    connection.execute(
        "UPDATE messages SET documented = ?, documented_at = COALESCE(documented_at, ?) WHERE id = ?",
        (revision, at, record_id),
    )
    rows.reopen_reply(connection, record_id)


def stats(connection: sqlite3.Connection) -> ArchiveStats:
    """Count the whole index."""
    states = dict(connection.execute("SELECT state, COUNT(*) FROM items GROUP BY state").fetchall())
    jobs = connection.execute("SELECT state, COUNT(*) FROM job_history GROUP BY state").fetchall()
    return ArchiveStats(
        messages=_count(connection, "SELECT COUNT(*) FROM messages"),
        stored=states.get("stored", 0),
        stored_bytes=usage(connection).stored_bytes,
        duplicates=states.get("duplicate", 0),
        skipped=states.get("skipped", 0),
        failed=states.get("failed", 0),
        waiting=states.get("pending", 0) + states.get("queued", 0),
        jobs={JobState(state): count for state, count in jobs},
        parked_updates=_count(connection, "SELECT COUNT(*) FROM inbox WHERE state = 'parked'"),
        cancelled=states.get("cancelled", 0),
    )


def usage(connection: sqlite3.Connection) -> Usage:
    """Return what the archive holds and what its open jobs will bring."""
    row = connection.execute("SELECT stored_bytes, open_bytes FROM usage").fetchone()
    return Usage(row["stored_bytes"], row["open_bytes"])


def backlog(connection: sqlite3.Connection) -> Backlog:
    """Look at what waits; cheap, however large the index is."""
    unread = _count(connection, "SELECT COUNT(*) FROM inbox WHERE state = 'new'")
    oldest = connection.execute(
        "SELECT MIN(created_at) FROM job_history WHERE state IN ('PENDING', 'PROCESSING', 'RETRYING')"
    ).fetchone()[0]
    return Backlog(unread, datetime.fromisoformat(oldest) if oldest else None)


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
