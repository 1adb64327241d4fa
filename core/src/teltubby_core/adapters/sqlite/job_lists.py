"""Jobs as people and the reconciler look at them: lists, counts, one by the beginning of its id."""

import sqlite3
from collections.abc import Sequence

from teltubby_core.adapters.sqlite.job_rows import JOB_COLUMNS, job_of
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import CarriedJob, JobRecord

_OPEN = "j.state IN ('PENDING', 'PROCESSING', 'RETRYING')"
_STATE_COUNTS = "j.state, COUNT(*) FROM job_history j"
_ENDED = "j.state IN ('COMPLETED', 'FAILED', 'CANCELLED')"
_FAILED = "j.state = 'FAILED'"
_COUNT = "COUNT(*) FROM job_history j"
_BEHIND_ALL = "\U0010ffff"


def _of(user_id: int | None) -> str:
    """Return the condition that a job is this user's. A parameter that may be NULL would keep the index from use."""
    return "1" if user_id is None else f"j.user_id = {int(user_id)}"


def listed(
    connection: sqlite3.Connection, user_id: int | None, limit: int, *, ended: bool, offset: int = 0
) -> list[JobRecord]:
    """Return the newest open jobs of a user (None: of all), and behind them the newest that have ended."""
    found = _newest(connection, _OPEN, user_id, limit, offset)
    if ended and len(found) < limit:
        found += _newest(connection, _ENDED, user_id, limit - len(found))
    return found


def failed(connection: sqlite3.Connection, user_id: int | None, limit: int, offset: int) -> tuple[list[JobRecord], int]:
    """Return a page of the failed jobs of a user (None: of all), newest first, and how many there are."""
    query = f"SELECT {_COUNT} WHERE {_FAILED} AND {_of(user_id)}"
    total = int(connection.execute(query).fetchone()[0])
    return _newest(connection, _FAILED, user_id, limit, offset), total


def _newest(
    connection: sqlite3.Connection, which: str, user_id: int | None, limit: int, offset: int = 0
) -> list[JobRecord]:
    query = f"SELECT {JOB_COLUMNS} WHERE {which} AND {_of(user_id)} ORDER BY j.rowid DESC LIMIT ? OFFSET ?"
    return [job_of(connection, row) for row in connection.execute(query, (limit, offset)).fetchall()]


def counts(connection: sqlite3.Connection, user_id: int | None) -> dict[JobState, int]:
    """Count the open jobs of a user (None: of all) by their states."""
    query = f"SELECT {_STATE_COUNTS} WHERE {_OPEN} AND {_of(user_id)} GROUP BY j.state"
    return {JobState(state): count for state, count in connection.execute(query)}


def ahead(connection: sqlite3.Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """Count the jobs that workers get before each of these. Those that follow another one wait for no worker."""
    query = (
        "SELECT COUNT(*) FROM job_history a JOIN items i ON i.job_id = a.job_id, job_history j WHERE j.job_id = ?"
        " AND a.state = 'PENDING' AND a.state IN ('PENDING', 'PROCESSING', 'RETRYING') AND i.follows IS NULL"
        " AND (a.priority > j.priority OR (a.priority = j.priority AND a.rowid < j.rowid))"
    )
    return {job_id: int(connection.execute(query, (job_id,)).fetchone()[0]) for job_id in job_ids}


def by_prefix(connection: sqlite3.Connection, prefix: str, user_id: int | None, limit: int) -> list[JobRecord]:
    """Return a user's jobs (None: everybody's) whose id begins so."""
    begins_so = "j.job_id >= ? AND j.job_id < ?"
    query = f"SELECT {JOB_COLUMNS} WHERE {begins_so} AND {_of(user_id)} ORDER BY j.job_id LIMIT ?"
    found = connection.execute(query, (prefix, prefix + _BEHIND_ALL, limit)).fetchall()
    return [job_of(connection, row) for row in found]


def carried(connection: sqlite3.Connection) -> list[CarriedJob]:
    """Return the jobs that queue or workers should have, oldest first."""
    found = connection.execute(
        "SELECT j.job_id, j.state, j.priority, json_extract(j.payload_json, '$.correlation_id') AS correlation_id,"
        " CASE WHEN j.state = 'RETRYING' THEN (SELECT json_extract(e.event_json, '$.delay_seconds') FROM job_events e"
        " WHERE e.job_id = j.job_id AND e.kind = 'job.retrying' ORDER BY e.id DESC LIMIT 1) END AS delay"
        " FROM items i JOIN job_history j ON j.job_id = i.job_id"
        " WHERE i.state = 'queued' AND i.follows IS NULL AND j.job_id NOT IN (SELECT job_id FROM outbox) ORDER BY i.id"
    )
    return [
        CarriedJob(row["job_id"], row["correlation_id"], JobState(row["state"]), row["priority"], row["delay"] or 0.0)
        for row in found
    ]
