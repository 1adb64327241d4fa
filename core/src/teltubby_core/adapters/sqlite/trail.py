"""The audit trail of jobs: every step of every job, in table ``job_events``, in the order that the index learnt them.

Workers' reports stand there under their own kinds. Those of this module are what bot and people did.
"""

import json
import sqlite3
from datetime import datetime

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.jobs import JobEvent
from teltubby_core.domain.records import TrailEntry

CREATED = "job.created"
PUBLISHED = "job.published"
REPUBLISHED = "job.republished"
LOST = "job.lost"
CANCEL = "job.cancel"  # ordered by a person; the worker that stops reports job.cancelled
RETRY = "job.retry"
LEADS = "job.leads"  # it followed another job, which ended without the file
SERVED = "job.served"  # it has its outcome by another one's


def note(connection: sqlite3.Connection, job_id: str, kind: str, **details: object) -> None:
    """Add a step of the bot's or a person's."""
    _add(connection, job_id, kind, json.dumps(details))


def note_report(connection: sqlite3.Connection, event: JobEvent) -> None:
    """Add what a worker reported."""
    _add(connection, event.job_id, event.kind, event.model_dump_json())


def _add(connection: sqlite3.Connection, job_id: str, kind: str, details: str) -> None:
    connection.execute(
        "INSERT INTO job_events (job_id, kind, event_json, at) VALUES (?, ?, ?, ?)",
        (job_id, kind, details, rows.utc_now()),
    )


def count(connection: sqlite3.Connection, job_id: str, kind: str, generation: int) -> int:
    """Count the steps of a kind that a generation of a job has gone through."""
    query = (
        "SELECT COUNT(*) FROM job_events WHERE job_id = ? AND kind = ? AND json_extract(event_json, '$.generation') = ?"
    )
    return int(connection.execute(query, (job_id, kind, generation)).fetchone()[0])


def last(connection: sqlite3.Connection, job_id: str, limit: int) -> list[TrailEntry]:
    """Return a job's last steps, oldest first."""
    query = "SELECT at, kind, event_json FROM job_events WHERE job_id = ? ORDER BY id DESC LIMIT ?"
    found = connection.execute(query, (job_id, limit)).fetchall()
    return [_entry(row) for row in reversed(found)]


def _entry(row: sqlite3.Row) -> TrailEntry:
    return TrailEntry(datetime.fromisoformat(row["at"]), row["kind"], json.loads(row["event_json"]))
