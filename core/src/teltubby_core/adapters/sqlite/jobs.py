"""Jobs in the index: the outbox towards the queue, and what workers report back."""

import sqlite3

from teltubby_core.adapters.sqlite import followers, job_orders, trail
from teltubby_core.adapters.sqlite.job_rows import enter, item_of_job, message_of_job
from teltubby_core.adapters.sqlite.outcomes import settle
from teltubby_core.domain.jobs import (
    CancelOrder,
    JobCancelled,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobProgress,
    JobReplayed,
    JobRetrying,
    JobStarted,
    JobState,
)
from teltubby_core.domain.records import (
    DedupReason,
    Duplicate,
    Effect,
    Failed,
    ItemRecord,
    ItemState,
    Outcome,
    Skipped,
    Stored,
)
from teltubby_core.domain.routing import Route
from teltubby_core.errors import ErrorCategory

_NOTHING = Effect()
_NOT_WANTED = frozenset({JobState.CANCELLED, JobState.COMPLETED})
"""A copy of a job that is in one of these states is work for nothing."""


def unpublished(connection: sqlite3.Connection, limit: int) -> list[JobMessage]:
    """Return recorded jobs that the queue does not have yet, oldest first."""
    found = connection.execute(
        "SELECT h.payload_json FROM outbox o JOIN job_history h ON h.job_id = o.job_id ORDER BY o.rowid LIMIT ?",
        (limit,),
    )
    return [JobMessage.model_validate_json(row["payload_json"]) for row in found]


def published(connection: sqlite3.Connection, job: JobMessage) -> None:
    """The queue has it; a later generation that came meanwhile is still to go there."""
    found = connection.execute(
        "DELETE FROM outbox WHERE job_id = ?1 AND"
        " (SELECT json_extract(payload_json, '$.generation') FROM job_history WHERE job_id = ?1) = ?2",
        (job.job_id, job.generation),
    )
    if found.rowcount:
        trail.note(connection, job.job_id, trail.PUBLISHED, generation=job.generation)


def apply(connection: sqlite3.Connection, event: JobEvent, *, dedup: bool) -> Effect:
    """Record a report; see ArchiveIndex.apply."""
    item = item_of_job(connection, event.job_id)
    if item is None or item.job_state is None:
        return _NOTHING
    if isinstance(event, JobCompleted):
        return _complete(connection, item, event, dedup=dedup)
    current = message_of_job(connection, event.job_id).generation
    if isinstance(event, JobReplayed):
        fits = event.generation >= current
        again = fits and job_orders.retry(connection, event.job_id, None, dedup=dedup)
        return Effect(item.message) if again else _NOTHING
    if event.generation < current or item.job_state in _NOT_WANTED:
        return _unwanted(connection, event, current)
    if item.job_state.final or isinstance(event, JobCancelled):
        return _NOTHING
    if not isinstance(event, JobProgress):
        trail.note_report(connection, event)
        _change(connection, item, event, dedup=dedup)
    return Effect(item.message)


def _unwanted(connection: sqlite3.Connection, event: JobEvent, current: int) -> Effect:
    """Its worker is at what was cancelled, is there already, or has been followed by another generation: it is told."""
    if isinstance(event, JobStarted | JobProgress):
        return Effect(stop=CancelOrder(job_id=event.job_id, generation=event.generation))
    if isinstance(event, JobCancelled) and event.generation == current:
        trail.note_report(connection, event)
    return _NOTHING


def _complete(connection: sqlite3.Connection, item: ItemRecord, event: JobCompleted, *, dedup: bool) -> Effect:
    """Take an object in, whatever became of its job meanwhile: it is there, and nothing stored is ever forgotten."""
    trail.note_report(connection, event)
    stored = Stored(event.key, event.sha256, event.size_bytes, Route.MTPROTO)
    outcome = settle(connection, item.id, stored, dedup=dedup)
    enter(connection, item, JobState.COMPLETED, None)
    _serve_followers(connection, event.job_id, outcome, JobState.COMPLETED)
    new = isinstance(outcome, Stored) and item.state is not ItemState.STORED
    return Effect(item.message, stored=stored if new else None)


def _change(
    connection: sqlite3.Connection, item: ItemRecord, event: JobStarted | JobRetrying | JobFailed, *, dedup: bool
) -> None:
    match event:
        case JobStarted():
            enter(connection, item, JobState.PROCESSING, None)
        case JobRetrying():
            enter(connection, item, JobState.RETRYING, event.error)
        case JobFailed(category=ErrorCategory.USER):  # not archived by rule: the same file fares no better again
            outcome = settle(connection, item.id, Skipped(event.error), dedup=dedup)
            enter(connection, item, JobState.FAILED, event.error)
            _serve_followers(connection, event.job_id, outcome, JobState.FAILED)
        case JobFailed():
            settle(connection, item.id, Failed(event.error), dedup=dedup)
            enter(connection, item, JobState.FAILED, event.error)
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
