"""Copies of messages in the relay channel: made before their jobs are published, removed when these have ended."""

import sqlite3

from teltubby_core.domain.jobs import JobMessage, RelayCopy

_SPENT = """
    SELECT r.chat_id, r.message_id FROM relay_copies r JOIN job_history j ON j.job_id = r.job_id
    WHERE j.state IN ('COMPLETED', 'FAILED', 'CANCELLED') OR r.generation < json_extract(j.payload_json, '$.generation')
    ORDER BY r.rowid LIMIT ?
"""


def of(connection: sqlite3.Connection, job: JobMessage) -> RelayCopy | None:
    """Return the copy that this generation of a job has."""
    row = connection.execute(
        "SELECT chat_id, message_id FROM relay_copies WHERE job_id = ? AND generation = ? ORDER BY rowid DESC",
        (job.job_id, job.generation),
    ).fetchone()
    return _copy(row) if row else None


def note(connection: sqlite3.Connection, job: JobMessage, copy: RelayCopy) -> None:
    """This generation of a job has this copy."""
    connection.execute(
        "INSERT OR REPLACE INTO relay_copies (job_id, generation, chat_id, message_id) VALUES (?, ?, ?, ?)",
        (job.job_id, job.generation, copy.chat_id, copy.message_id),
    )


def spent(connection: sqlite3.Connection, limit: int) -> list[RelayCopy]:
    """Return copies whose job has ended, or goes on with another one, oldest first."""
    return [_copy(row) for row in connection.execute(_SPENT, (limit,))]


def forget(connection: sqlite3.Connection, copy: RelayCopy) -> None:
    """It is gone."""
    connection.execute("DELETE FROM relay_copies WHERE chat_id = ? AND message_id = ?", (copy.chat_id, copy.message_id))


def _copy(row: sqlite3.Row) -> RelayCopy:
    return RelayCopy(chat_id=row["chat_id"], message_id=row["message_id"])
