"""Buttons under what is said about jobs: each types a command about one of them."""

from collections.abc import Sequence

from teltubby_bot.catalogue import say
from teltubby_bot.texts import short_id
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import JobRecord
from teltubby_core.domain.speech import Button, Buttons

_IN_A_ROW = 4


def managing(job: JobRecord, *, everybodys: bool = False) -> Buttons:
    """Return what can be done about a job as it stands. ``everybodys``: it may be another user's, for an admin."""
    whose = " all" if everybodys else ""
    if job.state in {JobState.FAILED, JobState.CANCELLED}:
        return ((Button(say("button-retry", job=""), f"retry {job.id}{whose}"),),)
    if job.state is JobState.COMPLETED:
        return ()
    again = Button(say("button-refresh"), f"jobs {job.id}{whose}")
    return ((again, Button(say("button-cancel", job=""), f"cancel {job.id}{whose}")),)


def details_of(jobs: Sequence[JobRecord], *, everybodys: bool = False) -> Buttons:
    """Return a button for the details of each job."""
    whose = " all" if everybodys else ""
    return in_rows([Button(say("button-details", job=short_id(job.id)), f"jobs {job.id}{whose}") for job in jobs])


def retries_of(jobs: Sequence[JobRecord], *, everybodys: bool = False) -> Buttons:
    """Return a button for another try of each job."""
    whose = " all" if everybodys else ""
    return in_rows([Button(say("button-retry", job=short_id(job.id)), f"retry {job.id}{whose}") for job in jobs])


def in_rows(buttons: Sequence[Button]) -> Buttons:
    """Return buttons in rows that fit a phone."""
    return tuple(tuple(buttons[at : at + _IN_A_ROW]) for at in range(0, len(buttons), _IN_A_ROW))


def turning(command: str, page: int, pages: int) -> Buttons:
    """Return the buttons that turn pages by ``command`` and the page's number; none when there is but one."""
    row = []
    if page > 1:
        row.append(Button(say("button-earlier"), f"{command} {page - 1}"))
    if page < pages:
        row.append(Button(say("button-later"), f"{command} {page + 1}"))
    return (tuple(row),) if row else ()
