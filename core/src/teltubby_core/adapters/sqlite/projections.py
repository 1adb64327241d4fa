"""What message.json and the replies in the chats still have to catch up with, and the counts for /status."""

import sqlite3
from datetime import datetime

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.quota import Usage
from teltubby_core.domain.records import ArchiveStats, Backlog, MessageRecord, Reply

_REPLY_COLUMNS = "r.*, m.revision + m.documented AS version FROM replies r LEFT JOIN messages m ON m.id = r.message"


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
    connection.execute("UPDATE replies SET state = 'open' WHERE message = ? AND state = 'idle'", (record_id,))


def replies(connection: sqlite3.Connection, after: int, limit: int) -> list[Reply]:
    """Return replies with something new to show, oldest first."""
    found = connection.execute(
        f"SELECT {_REPLY_COLUMNS} WHERE r.state = 'open' AND r.id > ? ORDER BY r.id LIMIT ?",
        (after, limit),
    )
    return [rows.reply_of(row) for row in found]


def reply_of(connection: sqlite3.Connection, record_id: int) -> Reply | None:
    """Return the living reply of a message."""
    row = connection.execute(
        f"SELECT {_REPLY_COLUMNS} WHERE r.message = ? AND r.state IN ('open', 'idle')",
        (record_id,),
    ).fetchone()
    return rows.reply_of(row) if row else None


def reply_sent(connection: sqlite3.Connection, reply_id: int, sent_id: int, text: str, version: int) -> None:
    """Record what stands in the chat; the reply stays open when its message has changed since ``version``."""
    connection.execute(
        "UPDATE replies SET sent_id = ?1, sent_text = ?2, state = CASE"
        " WHEN (SELECT revision + documented FROM messages m WHERE m.id = replies.message) > ?3 THEN 'open'"
        " ELSE 'idle' END WHERE id = ?4",
        (sent_id, text, version, reply_id),
    )


def reply_ended(connection: sqlite3.Connection, reply_id: int, *, chat_closed: bool) -> None:
    """Show it no more, or not before the chat's next message comes in."""
    state = "closed" if chat_closed else "gone"
    connection.execute("UPDATE replies SET state = ? WHERE id = ?", (state, reply_id))


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
