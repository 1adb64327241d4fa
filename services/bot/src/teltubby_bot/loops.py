"""Loops that do what is due, sleep until woken or the next thing is due, and survive what goes wrong in one round."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from teltubby_core.errors import ConfigurationError, TeltubbyError
from teltubby_core.observability import Heartbeat
from teltubby_core.observability.service import Observed

log = logging.getLogger(__name__)

_IDLE_SECONDS = 30.0
"""Longest sleep: a wake-up that got lost costs no more than this."""
_LONGEST_STEP = 300.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0


class Loop:
    """Calls ``step`` again and again. It returns the seconds until something is due, None when nothing is known.

    An error is logged and followed by a growing pause; only ConfigurationError ends the loop, since no retry mends
    a wrong setting.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[float | None]],
        stop_seconds: float = 2.0,
        *,
        observed: Observed | None = None,
        longest_step: float = _LONGEST_STEP,
    ) -> None:
        """``stop_seconds``: how long a step may go on when it is time to stop.

        ``observed`` gets its signs of life and counts its errors; a step that takes more than ``longest_step`` seconds
        counts as stuck.
        """
        self.name = name
        self.stop_seconds = stop_seconds
        self._step = step
        self._observed = observed
        self._longest_step = longest_step
        self._heartbeat: Heartbeat | None = None
        self._wake = asyncio.Event()
        self._backoff = 0.0

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``."""
        if self._observed:
            self._heartbeat = self._observed.liveness.watch(self.name, self._longest_step)
        try:
            while not stop.is_set():
                self._wake.clear()
                pause = await self._round()
                self._beat(pause)
                await self._sleep(pause, stop)
                self._beat(0.0)
        finally:
            if self._heartbeat:
                self._heartbeat.stop()

    def _beat(self, resting: float) -> None:
        if self._heartbeat:
            self._heartbeat.beat(resting)

    async def _round(self) -> float:
        try:
            due = await self._step()
        except ConfigurationError:
            raise
        except TeltubbyError as error:
            retry_after = getattr(error, "retry_after", None)
            return self._failed(f"{error}", retry_after, error)
        except Exception as error:  # the loop's edge: logged, tried again
            log.exception("unexpected error in %s", self.name)
            return self._failed("unexpected error", None, error)
        self._backoff = 0.0
        return _IDLE_SECONDS if due is None else min(max(due, 0.0), _IDLE_SECONDS)

    def _failed(self, text: str, retry_after: float | None, error: Exception) -> float:
        if self._observed:
            self._observed.metrics.error(error, self.name)
        self._backoff = min(max(self._backoff * 2, _FIRST_BACKOFF), _LONGEST_BACKOFF)
        pause = max(self._backoff, retry_after or 0.0)
        log.warning("%s: %s; next try in %.1f s", self.name, text, pause)
        return pause

    async def _sleep(self, seconds: float, stop: asyncio.Event) -> None:
        # While backing off, only the end of the program cuts the pause short.
        events = [stop] if self._backoff else [stop, self._wake]
        await wait_any(events, seconds)


async def wait_any(events: list[asyncio.Event], seconds: float) -> None:
    """Return when one of ``events`` is set, at the latest after ``seconds``."""
    if any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def done_before(stop: asyncio.Event, action: Coroutine[Any, Any, None], grace: float = 0.0) -> bool:
    """Run ``action`` to its end; cancel it and return False when it still runs ``grace`` seconds after ``stop``."""
    running = asyncio.ensure_future(action)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not running.done() and grace:
            await asyncio.wait([running], timeout=grace)
        if not running.done():
            return False
        running.result()
        return True
    finally:
        stopping.cancel()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
