"""Runs checks side by side, each within a limit, whatever they do. Knows nothing of what they look at."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from teltubby_cli.doctor.finding import Finding, Verdict
from teltubby_core.errors import ConfigurationError, TeltubbyError
from teltubby_core.logs import redact

log = logging.getLogger(__name__)

Said = AsyncIterator[tuple[Verdict, str]]
"""What a check says, sentence by sentence. An error of ours that it raises is one more, and its last."""


class NotCheckedError(Exception):
    """A check can't be made; the text says why. Nothing is wrong with what it would look at, as far as is known."""


@dataclass(frozen=True)
class Check:
    """One thing to look at. ``look`` is called in the event loop."""

    subject: str
    look: Callable[[], Said]


async def findings_of(checks: Sequence[Check], limit: float) -> list[Finding]:
    """Run all of them at once; return what they found within ``limit`` seconds, in their order.

    Those that are not done by then are told to stop, and are not waited for.
    """
    if not checks:
        return []
    found: list[list[Finding]] = [[] for _ in checks]
    tasks = [
        asyncio.create_task(_run(check, into), name=f"check {check.subject}")
        for check, into in zip(checks, found, strict=True)
    ]
    _, late = await asyncio.wait(tasks, timeout=limit)
    for check, task, into in zip(checks, tasks, found, strict=True):
        if task in late:
            task.cancel()
            into.append(_late(check.subject, limit))
    return [finding for findings in found for finding in findings]


async def _run(check: Check, into: list[Finding]) -> None:
    def note(verdict: Verdict, text: str) -> None:
        into.append(Finding(verdict, check.subject, redact(text)))

    try:
        async for verdict, text in check.look():
            note(verdict, text)
    except NotCheckedError as error:
        note(Verdict.NOT_CHECKED, str(error))
    except ConfigurationError as error:
        for problem in error.problems:
            note(Verdict.WRONG, problem)
    except TeltubbyError as error:
        note(Verdict.WRONG, str(error))
    except Exception as error:
        # the others go on: whoever asks a doctor has trouble enough
        log.exception("the check of %s failed", check.subject)
        note(Verdict.WRONG, f"the check itself failed ({type(error).__name__}): please report it with the log above")


def _late(subject: str, limit: float) -> Finding:
    advice = "check that it runs, its address, and what lies between (firewall, name service)"
    return Finding(Verdict.WRONG, subject, f"no answer within {limit:g} s – {advice}")
