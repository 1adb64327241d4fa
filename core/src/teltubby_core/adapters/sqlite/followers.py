"""Items whose file another item's job brings already: they have a job of their own, which is not published.

When the job that they follow, their leader, ends with the file, they are its duplicates. When it ends without, the
first of them leads the others: its own job is published.
"""

import json
import sqlite3

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import ItemRecord

_SERVED = "job.served"


def leader_for(connection: sqlite3.Connection, item: ItemRecord) -> str | None:
    """Return the job that brings the item's file already, if there is one."""
    row = connection.execute(
        "SELECT job_id FROM items WHERE file_unique_id = ? AND state = 'queued' AND follows IS NULL AND id <> ?"
        " ORDER BY id LIMIT 1",
        (item.media.file_unique_id, item.id),
    ).fetchone()
    return str(row["job_id"]) if row else None


def of(connection: sqlite3.Connection, job_id: str) -> list[ItemRecord]:
    """Return those that follow a job, oldest first."""
    found = connection.execute(f"SELECT {rows.ITEM_COLUMNS} WHERE i.follows = ? ORDER BY i.id", (job_id,))
    return [rows.item_of(row) for row in found.fetchall()]


def served(connection: sqlite3.Connection, item: ItemRecord, state: JobState, error: str | None = None) -> None:
    """A follower has its outcome by its leader's: so its own job ends, in ``state``."""
    now = rows.utc_now()
    connection.execute("UPDATE items SET follows = NULL WHERE id = ?", (item.id,))
    connection.execute(
        "UPDATE job_history SET state = ?, updated_at = ?, last_error = ? WHERE job_id = ?",
        (state, now, error, item.job_id),
    )
    connection.execute(
        "INSERT INTO job_events (job_id, kind, event_json, at) VALUES (?, ?, ?, ?)",
        (item.job_id, _SERVED, json.dumps({"by": item.follows, "state": state}), now),
    )


def release(connection: sqlite3.Connection, job_id: str) -> None:
    """The leader ended without the file: its first follower leads from now on."""
    followers = of(connection, job_id)
    if not followers:
        return
    first = followers[0]
    connection.execute("UPDATE items SET follows = NULL WHERE id = ?", (first.id,))
    connection.execute("UPDATE items SET follows = ? WHERE follows = ?", (first.job_id, job_id))
    connection.execute("INSERT INTO outbox (job_id) VALUES (?)", (first.job_id,))
    for item in followers:
        rows.touch(connection, item.message)
