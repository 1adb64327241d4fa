"""Items whose file another item's job brings already: they have a job of their own, which is not published.

When the job that they follow, their leader, ends with the file, they are its duplicates. When it ends without, the
first of them leads the others: its own job is published.
"""

import sqlite3

from teltubby_core.adapters.sqlite import rows, trail
from teltubby_core.adapters.sqlite.job_rows import to_outbox
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import ItemRecord


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
    assert item.job_id is not None, "only what has a job follows another"
    connection.execute("UPDATE items SET follows = NULL WHERE id = ?", (item.id,))
    connection.execute(
        "UPDATE job_history SET state = ?, updated_at = ?, last_error = ? WHERE job_id = ?",
        (state, rows.utc_now(), error, item.job_id),
    )
    trail.note(connection, item.job_id, trail.SERVED, by=item.follows, state=state)


def release(connection: sqlite3.Connection, job_id: str) -> None:
    """The leader ended without the file: its first follower leads from now on."""
    followers = of(connection, job_id)
    if not followers:
        return
    first = followers[0]
    connection.execute("UPDATE items SET follows = NULL WHERE id = ?", (first.id,))
    connection.execute("UPDATE items SET follows = ? WHERE follows = ?", (first.job_id, job_id))
    assert first.job_id is not None, "only what has a job follows another"
    trail.note(connection, first.job_id, trail.LEADS, after=job_id)
    to_outbox(connection, first.job_id)
    for item in followers:
        rows.touch(connection, item.message)
