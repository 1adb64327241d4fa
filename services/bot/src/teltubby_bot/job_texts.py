"""The words of the commands about jobs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from teltubby_bot.catalogue import say
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.texts import fitting, how_far, kind, short_id, size
from teltubby_bot.transfers import Transfer
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import ItemState, JobRecord, TrailEntry
from teltubby_core.ports import QueueDepth

Progress = Mapping[str, Transfer]
"""How far each job is, by job_id."""

_LAST_STEPS = 8


def short_prefix(least: int) -> str:
    """Say that an id was too short."""
    return say("job-short-prefix", least=str(least))


def unknown_job(word: str) -> str:
    """Answer an id that none of the user's jobs has."""
    return say("job-unknown", word=word)


def ambiguous(word: str, jobs: Sequence[JobRecord]) -> str:
    """Answer the beginning of several ids."""
    return say("job-ambiguous", word=word, jobs=", ".join(job.id[:13] for job in jobs))


def queue(
    jobs: Sequence[JobRecord],
    counts: Mapping[JobState, int],
    carrier: str,
    *,
    everybodys: bool,
    progress: Progress,
    page: tuple[int, int] = (1, 1),
) -> str:
    """Answer /queue: a ``page`` (of so many) of open ``jobs``, newest first, and how many there are of each state."""
    states = [say(f"jobs-{state.lower()}", count=counts[state]) for state in JobState if state in counts]
    by_state = " · ".join(states) or say("none")
    head = say("queue-all" if everybodys else "queue-own", states=by_state)
    return fitting("\n".join([head, *(line(job, progress) for job in jobs), *_page(page), carrier]))


def dead(
    jobs: Sequence[JobRecord], total: int, unreadable: Sequence[str], *, everybodys: bool, page: tuple[int, int]
) -> str:
    """Answer /queue dead: a page of failed ``jobs``, newest first.

    ``unreadable``: why messages lie beside them that are no jobs.
    """
    if not total and not unreadable:
        return say("dead-none")
    head = say("dead-all" if everybodys else "dead-own", count=total)
    others = [say("dead-unreadable", reason=reason(why)) for why in unreadable]
    return fitting("\n".join([head, *(line(job, {}) for job in jobs), *_page(page), *others]))


def _page(page: tuple[int, int]) -> list[str]:
    number, pages = page
    return [say("page", page=str(number), pages=str(pages))] if pages > 1 else []


def carrier(depth: QueueDepth) -> str:
    """Say how the queue is."""
    counts = {"ready": str(depth.ready), "dead": str(depth.dead)}
    if depth.unacknowledged is None:
        return say("queue-carrier", **counts)
    return say("queue-carrier-held", held=str(depth.unacknowledged), **counts)


def recent(jobs: Sequence[JobRecord], progress: Progress) -> str:
    """Answer /jobs."""
    if not jobs:
        return say("jobs-none")
    return fitting("\n".join([say("jobs-latest"), *(line(job, progress) for job in jobs)]))


def line(job: JobRecord, progress: Progress) -> str:
    """Tell a job in a line."""
    how_large = "" if job.size_bytes is None else f" {size(job.size_bytes)}"
    return f"{short_id(job.id)} {kind(job.item.media.kind)}{how_large}: {state(job, progress)}"


def state(job: JobRecord, progress: Progress) -> str:
    """Say where a job stands."""
    return _STATES[job.state](job, progress)


def _waits(job: JobRecord, _: Progress) -> str:
    if job.item.follows:
        return say("job-waits-for-leader")
    return say("job-waits-for-worker" if job.published else "job-waits-for-queue")


def _how_far(job: JobRecord, progress: Progress) -> str:
    return how_far(progress.get(job.id))


def _stored(job: JobRecord, _: Progress) -> str:
    return say("job-duplicate" if job.item.state is ItemState.DUPLICATE else "job-archived")


_STATES: dict[JobState, Callable[[JobRecord, Progress], str]] = {
    JobState.PENDING: _waits,
    JobState.PROCESSING: _how_far,
    JobState.RETRYING: lambda job, _: say("job-tries-again", error=reason(f"{job.last_error}")),
    JobState.COMPLETED: _stored,
    JobState.FAILED: lambda job, _: say("job-failed", error=reason(f"{job.last_error}")),
    JobState.CANCELLED: lambda *_: say("job-cancelled"),
}


def details(job: JobRecord, trail: Sequence[TrailEntry], progress: Progress, *, everybodys: bool = False) -> str:
    """Answer /jobs ID; of another user's job (``everybodys``) no key is shown."""
    transfer = progress.get(job.id)
    lines = [
        say("job-head", job=job.id),
        line(job, progress),
        say("job-message", message=str(job.message.message_id)),
        say("job-times", made=f"{job.created_at:%Y-%m-%d %H:%M:%S}", changed=f"{job.updated_at:%Y-%m-%d %H:%M:%S}"),
    ]
    if job.state is JobState.PROCESSING and transfer and transfer.total:
        lines.append(say("job-bytes", done=size(transfer.done), total=size(transfer.total)))
    if attempt := next((entry.details for entry in reversed(trail) if entry.kind == "job.started"), None):
        most = str(job.message.job_metadata.max_retries + 1)
        lines.append(say("job-attempt", attempt=str(attempt["attempt"]), most=most, worker=attempt["worker"]))
    if job.last_error:
        lines.append(say("job-last-error", error=reason(job.last_error)))
    lines += [] if everybodys else _keys(job)
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
        return [say("job-key-duplicate", key=item.duplicate_of or "") if own else say("job-already")]
    return [say("job-key", key=item.key or job.message.key)]


def _step(entry: TrailEntry) -> str:
    words = _STEPS.get(entry.kind)
    said = words(entry.details) if words else entry.kind
    return f"{entry.at:%m-%d %H:%M:%S} {said}"


def _person(user: int | None) -> str:
    return say("an-operator") if user is None else say("a-user", user=str(user))


_STEPS: dict[str, Callable[[dict[str, Any]], str]] = {
    "job.created": lambda d: say("step-made-follows" if d.get("follows") else "step-made"),
    "job.published": lambda _: say("step-published"),
    "job.republished": lambda d: say("step-republished", reason=reason(d["reason"])),
    "job.lost": lambda d: say("step-lost", error=reason(d["error"])),
    "job.leads": lambda _: say("step-leads"),
    "job.served": lambda d: say("step-served", state=say(f"state-{d['state'].lower()}")),
    "job.cancel": lambda d: say("step-cancel", person=_person(d["by"])),
    "job.retry": lambda d: say("step-retry", person=_person(d["by"])),
    "job.started": lambda d: say("step-started", worker=d["worker"], attempt=str(d["attempt"])),
    "job.retrying": lambda d: say("step-retrying", seconds=f"{d['delay_seconds']:.0f}", error=reason(d["error"])),
    "job.completed": lambda d: say("step-completed", size=size(d["size_bytes"])),
    "job.failed": lambda d: say("step-failed", error=reason(d["error"])),
    "job.cancelled": lambda d: say("step-stopped", worker=d["worker"]),
}
"""What each step of the audit trail is called."""


def cancel_asked(job: JobRecord, done_bytes: int) -> str:
    """Ask before a transfer under way is ended."""
    return say("cancel-asked", job=short_id(job.id), done=size(done_bytes))


def cancelled(job: JobRecord, *, unheard: bool) -> str:
    """Answer a /cancel that came in time."""
    text = say("cancelled", job=short_id(job.id))
    return f"{text}\n{say('cancel-unheard')}" if unheard else text


def not_cancelled(job: JobRecord) -> str:
    """Answer a /cancel of a job that has ended."""
    return say("not-cancelled", job=short_id(job.id), state=state(job, {}))


def retried(job: JobRecord) -> str:
    """Answer a /retry, given the job as it stands by that."""
    key = "retried-follows" if job.item.follows else "retried"
    return say("retried-known" if job.state is JobState.COMPLETED else key, job=short_id(job.id))


def not_retried(job: JobRecord) -> str:
    """Answer a /retry of a job that is open or done."""
    if job.state is JobState.COMPLETED:
        return say("not-retried-archived", job=short_id(job.id))
    return say("not-retried", job=short_id(job.id), state=state(job, {}))


def no_room(job: JobRecord, full: str) -> str:
    """Answer a /retry for which the archive is ``full``."""
    return say("retry-no-room", full=reason(full), job=short_id(job.id))


def purge_asked(dead: int) -> str:
    """Answer /purge."""
    return say("purge-asked", count=dead) if dead else say("purge-nothing")


def purged(count: int, trouble: str | None) -> str:
    """Answer /purge yes; ``trouble``: why there may be more."""
    text = say("purged", count=count)
    return f"{text} {say('purge-trouble', reason=reason(trouble))}" if trouble else text


def broker_away(problem: str) -> str:
    """Say that the queue can't be asked."""
    return say("broker-away", problem=reason(problem))
