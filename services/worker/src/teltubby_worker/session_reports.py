"""Tells the bot and the metrics how the worker's login at Telegram is."""

import asyncio
import logging
from collections.abc import Callable

from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionNotes
from teltubby_core.errors import TeltubbyError
from teltubby_core.observability import Metrics
from teltubby_core.ports import Clock, Events
from teltubby_worker.handling import pause_after
from teltubby_worker.tracing import utc

log = logging.getLogger(__name__)

_REPEAT_SECONDS = 300.0
"""A session that stays as it is is told of this often: by that one sees that its worker lives."""
_LAST_WORD_SECONDS = 5.0


class SessionReports:
    """Publishes each change, and the latest again and again until the broker has it. Nobody waits for it."""

    def __init__(
        self,
        events: Events,
        clock: Clock,
        worker: str,
        metrics: Metrics,
        pause: Callable[[int], float] = pause_after,
    ) -> None:
        self._events = events
        self._clock = clock
        self._worker = worker
        self._metrics = metrics
        self._pause = pause
        self._last: dict[str, SessionReport] = {}
        self._waiting: dict[str, SessionReport] = {}
        self._publishing: asyncio.Task[None] | None = None

    def __call__(self, session: str, notes: SessionNotes, held: bool) -> None:  # as Tell says
        """The session is so; ``held``: by us."""
        self._metrics.session(session, notes, self._worker if held else None)
        report = SessionReport(
            kind=_kind(notes),
            at=utc(self._clock),
            session=session,
            worker=self._worker,
            notes=notes,
            held=held,
        )
        before = self._last.get(session)
        if before is not None and _same(before, report):
            return
        self._last[session] = self._waiting[session] = report
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish(), name="report sessions")

    @property
    def idle(self) -> bool:
        """Whether all that was to be told has been, or nobody tries any more."""
        return self._publishing is None

    async def close(self) -> None:
        """Say the last word, if the broker takes it soon."""
        if self._publishing is not None:
            await asyncio.wait([self._publishing], timeout=_LAST_WORD_SECONDS)
            if self._publishing is not None:
                self._publishing.cancel()
                await asyncio.wait([self._publishing])

    async def _publish(self) -> None:
        failures = 0
        try:
            while self._waiting:
                session, report = next(iter(self._waiting.items()))
                try:
                    await self._events.publish(report)
                except TeltubbyError as error:
                    log.warning("%s of session %s not reported yet: %s", report.kind, session, error)
                    await asyncio.sleep(self._pause(failures))
                    failures += 1
                    continue
                failures = 0
                if self._waiting[session] is report:
                    del self._waiting[session]
        finally:
            self._publishing = None


def _kind(notes: SessionNotes) -> str:
    return f"session.{notes.state}"


def _same(before: SessionReport, after: SessionReport) -> bool:
    """Whether the later one tells nothing new."""
    if (after.at - before.at).total_seconds() >= _REPEAT_SECONDS:
        return False
    aside = {"used_at": None, "busy": None}
    unchanged = before.notes.model_copy(update=aside) == after.notes.model_copy(update=aside)
    return unchanged and before.held == after.held
