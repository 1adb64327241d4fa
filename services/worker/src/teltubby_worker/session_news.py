"""Tells the world how the worker's login at Telegram is."""

import asyncio
import logging

from teltubby_core.domain.jobs import News, SessionLost, SessionReady
from teltubby_core.errors import TeltubbyError
from teltubby_core.observability import Metrics, SessionState
from teltubby_core.ports import Clock, Events
from teltubby_worker.tracing import utc

log = logging.getLogger(__name__)

_ANNOUNCE_SECONDS = 10.0


class SessionNews:
    """Announces each change, beside the work: nobody waits for it, and what can't be announced is only logged.

    Attributes:
        states: how each login is, by the session's name.
    """

    def __init__(self, events: Events, clock: Clock, worker: str, metrics: Metrics) -> None:
        self._events = events
        self._clock = clock
        self._worker = worker
        self._metrics = metrics
        self._announcing: set[asyncio.Task[None]] = set()
        self.states: dict[str, SessionState] = {}

    def __call__(self, session: str, lost: str | None) -> None:
        """The bot is in, or (with the reason) its login is lost."""
        before, state = self.states.get(session), SessionState.LOST if lost else SessionState.READY
        self.states[session] = state
        self._metrics.session_state(session, state)
        if state == before:
            return
        at = utc(self._clock)
        news: News = SessionReady(at=at, session=session, worker=self._worker)
        if lost:
            news = SessionLost(at=at, session=session, worker=self._worker, reason=lost)
        task = asyncio.create_task(self._announce(news), name=f"announce {news.kind}")
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def _announce(self, news: News) -> None:
        try:
            async with asyncio.timeout(_ANNOUNCE_SECONDS):
                await self._events.announce(news)
        except (TeltubbyError, TimeoutError) as error:
            log.warning("%s of session %s not announced: %s", news.kind, getattr(news, "session", ""), error)
