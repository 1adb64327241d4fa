"""What is done with a job from outside: people cancel and retry it, the reconciler has it published again.

Each verb is one transaction and may be given twice: the second time nothing changes.
"""

import sqlite3

from teltubby_core.adapters.sqlite import followers, trail
from teltubby_core.adapters.sqlite.job_rows import enter, item_of_job, message_of_job, to_outbox
from teltubby_core.adapters.sqlite.outcomes import known_by_file_id, settle
from teltubby_core.domain.jobs import CancelOrder, JobMessage, JobState
from teltubby_core.domain.records import Cancelled, DedupReason, Duplicate, Failed, ItemRecord, ItemState
from teltubby_core.domain.routing import Route

_RETRIABLE = frozenset({JobState.FAILED, JobState.CANCELLED})


def cancel(connection: sqlite3.Connection, job_id: str, by: int) -> CancelOrder | None:
    """End an open job; return the order for workers, None when it has ended otherwise or is none of ours.

    Only the canceller's part ends: of those that follow the job the first one leads from now on.
    """
    item = item_of_job(connection, job_id)
    if item is None or item.job_state is None:
        return None
    order = CancelOrder(job_id=job_id, generation=message_of_job(connection, job_id).generation)
    if item.job_state is JobState.CANCELLED:
        return order
    if item.job_state.final:
        return None
    trail.note(connection, job_id, trail.CANCEL, by=by, was=item.job_state, generation=order.generation)
    settle(connection, item.id, Cancelled(f"cancelled by user {by}"), dedup=False)
    enter(connection, item, JobState.CANCELLED, None)
    followers.release(connection, job_id)
    return order


def retry(connection: sqlite3.Connection, job_id: str, by: int | None, *, dedup: bool) -> bool:
    """Give a job that FAILED or was CANCELLED another try as a new generation; tell whether it is such a job.

    ``by`` is None for an operator. Its file may be known by now, or on its way by another job: then it is a duplicate,
    or follows.
    """
    item = item_of_job(connection, job_id)
    if item is None or item.job_state not in _RETRIABLE:
        return False
    job = _renewed(message_of_job(connection, job_id))
    connection.execute("UPDATE job_history SET payload_json = ? WHERE job_id = ?", (job.model_dump_json(), job_id))
    _queue_again(connection, item, job, by, dedup=dedup)
    known = known_by_file_id(connection, item.media.file_unique_id) if dedup else None
    if known is not None and known.key != job.key:
        duplicate = Duplicate(known.key, DedupReason.FILE_UNIQUE_ID, known.sha256, job.key)
        settle(connection, item.id, duplicate, dedup=dedup)
        enter(connection, item, JobState.COMPLETED, None)
        trail.note(connection, job_id, trail.SERVED, by=known.key, state=JobState.COMPLETED)
    return True


def _renewed(job: JobMessage) -> JobMessage:
    meta = job.job_metadata.model_copy(update={"retry_count": 0})
    return job.model_copy(update={"generation": job.generation + 1, "job_metadata": meta})


def _queue_again(
    connection: sqlite3.Connection, item: ItemRecord, job: JobMessage, by: int | None, *, dedup: bool
) -> None:
    leader = followers.leader_for(connection, item) if dedup else None
    connection.execute(
        "UPDATE items SET state = ?, route = ?, follows = ?, skipped_reason = NULL WHERE id = ?",
        (ItemState.QUEUED, Route.MTPROTO, leader, item.id),
    )
    enter(connection, item, JobState.PENDING, None)
    trail.note(
        connection, job.job_id, trail.RETRY, by=by, was=item.job_state, generation=job.generation, follows=leader
    )
    if leader is None:
        to_outbox(connection, job.job_id)


def republish(connection: sqlite3.Connection, job_id: str, reason: str, limit: int) -> JobState | None:
    """Have a job published again that the queue seems to have lost; after ``limit`` times it FAILED.

    Return the state that it is in by this, None when nothing was done: it is not with the queue (any more).
    """
    item = item_of_job(connection, job_id)
    if item is None or item.job_state is None or item.job_state.final or item.follows is not None:
        return None
    if connection.execute("SELECT 1 FROM outbox WHERE job_id = ?", (job_id,)).fetchone():
        return None
    generation = message_of_job(connection, job_id).generation
    if trail.count(connection, job_id, trail.REPUBLISHED, generation) >= limit:
        _give_up(connection, item, job_id, f"the queue has lost it {limit} times, the last time {reason}")
        return JobState.FAILED
    trail.note(connection, job_id, trail.REPUBLISHED, reason=reason, generation=generation)
    enter(connection, item, JobState.PENDING, None)
    to_outbox(connection, job_id)
    return JobState.PENDING


def _give_up(connection: sqlite3.Connection, item: ItemRecord, job_id: str, error: str) -> None:
    trail.note(connection, job_id, trail.LOST, error=error)
    settle(connection, item.id, Failed(error), dedup=False)
    enter(connection, item, JobState.FAILED, error)
    followers.release(connection, job_id)
