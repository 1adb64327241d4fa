"""How a service is, for a person or a program: dependencies, circuits, loops, and what it says of itself.

It shows neither secrets nor captions: what a service adds are counts, states and names of its own.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teltubby_core.breaker import Breaker
from teltubby_core.errors import TeltubbyError
from teltubby_core.observability.liveness import Liveness
from teltubby_core.observability.metrics import VERSION
from teltubby_core.observability.readiness import Dependency, Readiness

log = logging.getLogger(__name__)

Describe = Callable[[], Awaitable[Mapping[str, Any]]]
"""What a service says of itself: values that JSON can carry."""

_DESCRIBE_SECONDS = 2.0


async def _nothing() -> Mapping[str, Any]:
    return {}


class Status:
    """Puts /healthz, /readyz and /status into words."""

    def __init__(
        self,
        service: str,
        readiness: Readiness,
        liveness: Liveness,
        *,
        circuits: Sequence[Breaker] = (),
        describe: Describe = _nothing,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``describe`` may take two seconds; what it raises is told as missing. ``now`` never goes back."""
        self._service = service
        self._readiness = readiness
        self._liveness = liveness
        self._circuits = circuits
        self._describe = describe
        self._now = now
        self._started = now()

    def alive(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all loops go round, and the body of /healthz."""
        silent = [asdict(silence) for silence in self._liveness.silent()]
        return not silent, {"alive": not silent, "silent": silent}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the service is ready, and the body of /readyz."""
        ready = self._readiness.ready
        body = {
            "ready": ready,
            "busy": self._readiness.overridden,
            "dependencies": {each.name: _dependency(each) for each in self._readiness.dependencies},
        }
        return ready, body

    async def report(self) -> dict[str, Any]:
        """Return the body of /status."""
        return {
            "service": self._service,
            "version": VERSION,
            "uptime_seconds": round(self._now() - self._started, 1),
            **self.alive()[1],
            **self.ready()[1],
            "circuits": {each.name: _circuit(each) for each in self._circuits},
            self._service: await self._described(),
        }

    async def _described(self) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(_DESCRIBE_SECONDS):
                return await self._describe()
        except TimeoutError:
            return {"unknown": f"not to be had within {_DESCRIBE_SECONDS:g} s"}
        except Exception as error:  # the edge of a request: the rest of the page is still true
            log.debug("no description of the service", exc_info=error)
            return {"unknown": str(error) if isinstance(error, TeltubbyError) else type(error).__name__}


def _dependency(known: Dependency) -> dict[str, Any]:
    state = {None: "unknown", True: "up", False: "down"}[known.up]
    return {
        "state": state,
        "needed": known.needed,
        "sentence": known.sentence,
        "since": known.since.isoformat(timespec="seconds"),
    }


def _circuit(breaker: Breaker) -> dict[str, Any]:
    shown = asdict(breaker.report())
    del shown["name"]
    return shown
