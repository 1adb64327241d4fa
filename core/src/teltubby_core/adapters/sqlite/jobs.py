"""Jobs in the index: the outbox towards the queue, and what workers report back."""

import sqlite3

from teltubby_core.adapters.sqlite import followers, rows
from teltubby_core.adapters.sqlite.outcomes import settle
from teltubby_core.domain.jobs import (
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobProgress,
    JobRetrying,
    JobStarted,
    JobState,
)
from teltubby_core.domain.records import DedupReason, Duplicate, Failed, ItemRecord, Outcome, Skipped, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.errors import ErrorCategory


def unpublished(connection: sqlite3.Connection, limit: int) -> list[JobMessage]:
    """Return recorded jobs that the queue does not have yet, oldest first."""
    found = connection.execute(
        "SELECT h.payload_json FROM outbox o JOIN job_history h ON h.job_id = o.job_id ORDER BY o.rowid LIMIT ?",
        (limit,),
    )
    return [JobMessage.model_validate_json(row["payload_json"]) for row in found]


def published(connection: sqlite3.Connection, job_id: str) -> None:
    """The queue has it."""
    connection.execute("DELETE FROM outbox WHERE job_id = ?", (job_id,))


def item_of_job(connection: sqlite3.Connection, job_id: str) -> ItemRecord | None:
    """Return the item that a job carries."""
    row = connection.execute(f"SELECT {rows.ITEM_COLUMNS} WHERE i.job_id = ?", (job_id,)).fetchone()
    return rows.item_of(row) if row else None


def apply(connection: sqlite3.Connection, event: JobEvent, *, dedup: bool) -> int | None:
    """Record a report; None when it is about nothing we know or comes after the outcome."""
    item = item_of_job(connection, event.job_id)
    if item is None or item.job_state is None:
        return None
    late = item.job_state.final
    if isinstance(event, JobProgress):
        return None if late else item.message
    if late and not isinstance(event, JobCompleted):
        return None
    connection.execute(
        "INSERT INTO job_events (job_id, kind, event_json, at) VALUES (?, ?, ?, ?)",
        (event.job_id, event.kind, event.model_dump_json(), rows.utc_now()),
    )
    _change(connection, item, event, dedup=dedup)
    return item.message


def _change(
    connection: sqlite3.Connection,
    item: ItemRecord,
    event: JobStarted | JobRetrying | JobCompleted | JobFailed,
    *,
    dedup: bool,
) -> None:
    match event:
        case JobStarted():
            _enter(connection, item, JobState.PROCESSING, None)
        case JobRetrying():
            _enter(connection, item, JobState.RETRYING, event.error)
        case JobCompleted():
            stored = Stored(event.key, event.sha256, event.size_bytes, Route.MTPROTO)
            outcome = settle(connection, item.id, stored, dedup=dedup)
            _enter(connection, item, JobState.COMPLETED, None)
            _serve_followers(connection, event.job_id, outcome, JobState.COMPLETED)
        case JobFailed(category=ErrorCategory.USER):  # not archived by rule: the same file fares no better again
            outcome = settle(connection, item.id, Skipped(event.error), dedup=dedup)
            _enter(connection, item, JobState.FAILED, event.error)
            _serve_followers(connection, event.job_id, outcome, JobState.FAILED)
        case JobFailed():
            settle(connection, item.id, Failed(event.error), dedup=dedup)
            _enter(connection, item, JobState.FAILED, event.error)
            followers.release(connection, event.job_id)


def _serve_followers(connection: sqlite3.Connection, job_id: str, outcome: Outcome, state: JobState) -> None:
    """Give those that follow a job their part in its outcome."""
    for item in followers.of(connection, job_id):
        settle(connection, item.id, _shared(outcome), dedup=True)
        followers.served(connection, item, state, outcome.reason if isinstance(outcome, Skipped) else None)


def _shared(outcome: Outcome) -> Outcome:
    """Return what a leader's outcome is for a follower: the same file, so the leader's object."""
    match outcome:
        case Stored():
            return Duplicate(outcome.key, DedupReason.FILE_UNIQUE_ID, outcome.sha256, own_key=None)
        case Duplicate():
            return Duplicate(outcome.duplicate_of, DedupReason.FILE_UNIQUE_ID, outcome.sha256, own_key=None)
        case _:
            return outcome


def _enter(connection: sqlite3.Connection, item: ItemRecord, state: JobState, error: str | None) -> None:
    connection.execute(
        "UPDATE job_history SET state = ?, updated_at = ?, last_error = COALESCE(?, last_error) WHERE job_id = ?",
        (state, rows.utc_now(), error, item.job_id),
    )
    connection.execute("UPDATE items SET last_error = ? WHERE id = ?", (error, item.id))
    rows.touch(connection, item.message)
