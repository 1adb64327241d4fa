"""What the modules about jobs read and write in common: a job's row, its message, its item, its place in the outbox."""

import sqlite3
from datetime import datetime

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.jobs import JobMessage, JobState
from teltubby_core.domain.records import ItemRecord, JobRecord

JOB_COLUMNS = (
    "j.job_id, j.state, j.created_at, j.updated_at, j.last_error, j.payload_json,"
    " j.job_id IN (SELECT job_id FROM outbox) AS unpublished FROM job_history j"
)


def item_of_job(connection: sqlite3.Connection, job_id: str) -> ItemRecord | None:
    """Return the item that a job carries."""
    row = connection.execute(f"SELECT {rows.ITEM_COLUMNS} WHERE i.job_id = ?", (job_id,)).fetchone()
    return rows.item_of(row) if row else None


def message_of_job(connection: sqlite3.Connection, job_id: str) -> JobMessage:
    """Return the message of a job that is known to be there."""
    row = connection.execute("SELECT payload_json FROM job_history WHERE job_id = ?", (job_id,)).fetchone()
    return JobMessage.model_validate_json(row["payload_json"])


def job_of(connection: sqlite3.Connection, row: sqlite3.Row) -> JobRecord:
    """Read a row of ``JOB_COLUMNS``."""
    item = item_of_job(connection, row["job_id"])
    assert item is not None, "a job and its item come in one transaction"
    return JobRecord(
        message=JobMessage.model_validate_json(row["payload_json"]),
        state=JobState(row["state"]),
        item=item,
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        last_error=row["last_error"],
        published=not row["unpublished"] and item.follows is None,
    )


def enter(connection: sqlite3.Connection, item: ItemRecord, state: JobState, error: str | None) -> None:
    """Let an item's job be in ``state`` from now on, for the reason ``error`` if there is one."""
    connection.execute(
        "UPDATE job_history SET state = ?, updated_at = ?, last_error = COALESCE(?, last_error) WHERE job_id = ?",
        (state, rows.utc_now(), error, item.job_id),
    )
    connection.execute("UPDATE items SET last_error = ? WHERE id = ?", (error, item.id))
    if state.final:
        connection.execute("DELETE FROM outbox WHERE job_id = ?", (item.job_id,))
    rows.touch(connection, item.message)


def to_outbox(connection: sqlite3.Connection, job_id: str) -> None:
    """Have a job published, behind those that wait for it already."""
    connection.execute("INSERT OR IGNORE INTO outbox (job_id) VALUES (?)", (job_id,))
