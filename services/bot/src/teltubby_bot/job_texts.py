"""The words of the commands about jobs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from teltubby_bot.texts import bar, fitting, kind, short_id, size
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import ItemState, JobRecord, TrailEntry
from teltubby_core.ports import QueueDepth

QUEUE_FORM = "Send /queue for your open jobs, or /queue all for everybody's."
JOBS_FORM = "Send /jobs for your latest jobs, or /jobs and a job's id, like /jobs 3f2a9c."
CANCEL_FORM = "Send /cancel and the job's id, like /cancel 3f2a9c. /queue lists your open jobs."
RETRY_FORM = "Send /retry and the job's id, like /retry 3f2a9c. /jobs lists your latest jobs."
PURGE_FORM = "Send /purge to see what it would remove, or /purge yes to remove it."
NO_JOBS = "You have had no jobs yet. Files too large for the Bot API become jobs for a worker."
FOR_ADMINS = "That is for the admins of this archive."
CANCEL_UNHEARD = "The queue does not answer: a worker that is at it stops once it does."

Progress = Mapping[str, tuple[int, int | None]]
"""Bytes done and bytes in all, by job_id."""

_LAST_STEPS = 8


def short_prefix(least: int) -> str:
    """Say that an id was too short."""
    return f"Give at least the first {least} characters of the job's id. /jobs lists your latest jobs."


def unknown_job(word: str) -> str:
    """Answer an id that none of the user's jobs has."""
    return f"You have no job {word}. /jobs lists your latest jobs."


def ambiguous(word: str, jobs: Sequence[JobRecord]) -> str:
    """Answer the beginning of several ids."""
    return f"{word} fits several of your jobs: {', '.join(job.id[:13] for job in jobs)}. Give more of the id."


def queue(
    jobs: Sequence[JobRecord],
    counts: Mapping[JobState, int],
    carrier: str,
    *,
    everybodys: bool,
    progress: Progress,
) -> str:
    """Answer /queue: the newest open ``jobs``, and how many there are of each state."""
    whose = "Open jobs" if everybodys else "Your open jobs"
    by_state = " · ".join(f"{counts[state]} {state.lower()}" for state in JobState if state in counts) or "none"
    lines = [f"📥 {whose}: {by_state}", *(line(job, progress) for job in jobs)]
    if (more := sum(counts.values()) - len(jobs)) > 0:
        lines.append(f"… and {more} older ones")
    return fitting("\n".join([*lines, carrier]))


def carrier(depth: QueueDepth) -> str:
    """Say how the queue is."""
    held = "" if depth.unacknowledged is None else f", {depth.unacknowledged} with workers"
    return f"Queue: {depth.ready} waiting{held} · dead letters: {depth.dead}"


def recent(jobs: Sequence[JobRecord], progress: Progress) -> str:
    """Answer /jobs."""
    if not jobs:
        return NO_JOBS
    return fitting("\n".join(["📋 Your latest jobs", *(line(job, progress) for job in jobs)]))


def line(job: JobRecord, progress: Progress) -> str:
    """Tell a job in a line."""
    how_large = "" if job.size_bytes is None else f" {size(job.size_bytes)}"
    return f"{short_id(job.id)} {kind(job.item.media.kind)}{how_large}: {state(job, progress)}"


def state(job: JobRecord, progress: Progress) -> str:
    """Say where a job stands."""
    return _STATES[job.state](job, progress)


def _waits(job: JobRecord, _: Progress) -> str:
    if job.item.follows:
        return "waits for the job that brings the same file"
    return "waits for a worker" if job.published else "waits for the queue"


def _how_far(job: JobRecord, progress: Progress) -> str:
    done, of = progress.get(job.id, (0, None))
    return f"{bar(done / of)} {min(100 * done // of, 100)} %" if of else "being fetched"


_STATES: dict[JobState, Callable[[JobRecord, Progress], str]] = {
    JobState.PENDING: _waits,
    JobState.PROCESSING: _how_far,
    JobState.RETRYING: lambda job, _: f"tries again: {job.last_error}",
    JobState.COMPLETED: lambda job, _: "already archived" if job.item.state is ItemState.DUPLICATE else "archived",
    JobState.FAILED: lambda job, _: f"failed: {job.last_error}",
    JobState.CANCELLED: lambda *_: "cancelled",
}


def details(job: JobRecord, trail: Sequence[TrailEntry], progress: Progress) -> str:
    """Answer /jobs ID."""
    done, of = progress.get(job.id, (0, None))
    lines = [
        f"📋 Job {job.id}",
        f"{line(job, progress)}",
        f"From message {job.message.message_id}",
        f"Made {job.created_at:%Y-%m-%d %H:%M:%S}, last change {job.updated_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if job.state is JobState.PROCESSING and of:
        lines.append(f"{size(done)} of {size(of)} fetched")
    if attempt := next((entry.details for entry in reversed(trail) if entry.kind == "job.started"), None):
        lines.append(
            f"Attempt {attempt['attempt']} of {job.message.job_metadata.max_retries + 1}, by {attempt['worker']}"
        )
    if job.last_error:
        lines.append(f"Last error: {job.last_error}")
    lines += _keys(job)
    lines += ["", *(_step(entry) for entry in trail[-_LAST_STEPS:])]
    if not job.state.final:
        lines.append(f"/cancel {short_id(job.id)}")
    elif job.state is not JobState.COMPLETED:
        lines.append(f"/retry {short_id(job.id)}")
    return fitting("\n".join(lines))


def _keys(job: JobRecord) -> list[str]:
    item = job.item
    if item.state is ItemState.DUPLICATE:  # of other users' files no key is shown
        own = item.duplicate_owner == item.incoming.chat_id
        return [f"Already archived: {item.duplicate_of}" if own else "Already archived"]
    return [f"Key: {item.key or job.message.key}"]


def _step(entry: TrailEntry) -> str:
    words = _STEPS.get(entry.kind)
    said = words(entry.details) if words else entry.kind
    return f"{entry.at:%m-%d %H:%M:%S} {said}"


def _person(user: int | None) -> str:
    return "an operator" if user is None else f"user {user}"


_STEPS: dict[str, Callable[[dict[str, Any]], str]] = {
    "job.created": lambda d: "made, follows another job" if d.get("follows") else "made",
    "job.published": lambda _: "given to the queue",
    "job.republished": lambda d: f"given to the queue again: {d['reason']}",
    "job.lost": lambda d: f"given up: {d['error']}",
    "job.leads": lambda _: "goes its own way: the job it followed ended without the file",
    "job.served": lambda d: f"{d['state'].lower()} by another job's file",
    "job.cancel": lambda d: f"cancelled by {_person(d['by'])}",
    "job.retry": lambda d: f"to be tried again, says {_person(d['by'])}",
    "job.started": lambda d: f"started by {d['worker']}, attempt {d['attempt']}",
    "job.retrying": lambda d: f"again in {d['delay_seconds']:.0f} s: {d['error']}",
    "job.completed": lambda d: f"stored, {size(d['size_bytes'])}",
    "job.failed": lambda d: f"failed: {d['error']}",
    "job.cancelled": lambda d: f"stopped by {d['worker']}",
}
"""What each step of the audit trail is called."""


def cancelled(job: JobRecord, *, unheard: bool) -> str:
    """Answer a /cancel that came in time."""
    text = f"🛑 Job {short_id(job.id)} is cancelled. /retry {short_id(job.id)} brings it back."
    return f"{text}\n{CANCEL_UNHEARD}" if unheard else text


def not_cancelled(job: JobRecord) -> str:
    """Answer a /cancel of a job that has ended."""
    return f"Job {short_id(job.id)} has ended already: {state(job, {})}."


def retried(job: JobRecord) -> str:
    """Answer a /retry, given the job as it stands by that."""
    short = short_id(job.id)
    if job.state is JobState.COMPLETED:
        return f"♻️ Job {short} needs no transfer: its file has been archived by now."
    if job.item.follows:
        return f"🔁 Job {short} is open again: another job brings the same file already, this one gets its share of it."
    return f"🔁 Job {short} is queued again."


def not_retried(job: JobRecord) -> str:
    """Answer a /retry of a job that is open or done."""
    why = "it is archived" if job.state is JobState.COMPLETED else f"it is on its way ({state(job, {})})"
    return f"Job {short_id(job.id)} can't be tried again: {why}. Only what failed or was cancelled can."


def no_room(job: JobRecord, full: str) -> str:
    """Answer a /retry for which the archive is ``full``."""
    return f"⏸ {full}. Send /retry {short_id(job.id)} again once there is space."


def purge_asked(dead: int) -> str:
    """Answer /purge."""
    if not dead:
        return "There are no dead letters to remove."
    letters = "dead letter" if dead == 1 else "dead letters"
    return (
        f"There {'is' if dead == 1 else 'are'} {dead} {letters}: jobs that nobody could do. /purge yes removes them"
        " from the queue for good. The jobs stay listed as failed, and /retry works on them all the same."
    )


def purged(count: int, trouble: str | None) -> str:
    """Answer /purge yes; ``trouble``: why there may be more."""
    text = f"🗑 {count} dead letter{'' if count == 1 else 's'} removed."
    return f"{text} Then the queue said: {trouble}" if trouble else text


def broker_away(problem: str) -> str:
    """Say that the queue can't be asked."""
    return f"⚠️ The queue does not answer: {problem}"
