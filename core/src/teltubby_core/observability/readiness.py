"""Whether what a service needs answers. Asked in the background: whoever wants to know gets the last result at once.

A check that hangs is a failing one; it is cancelled, and no second one starts beside it while it does not let go.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from teltubby_core.breaker import Breaker
from teltubby_core.errors import TeltubbyError
from teltubby_core.logs import redact
from teltubby_core.observability.metrics import Metrics
from teltubby_core.ports import Clock

log = logging.getLogger(__name__)

_STOP_SECONDS = 0.3


@dataclass(frozen=True)
class Check:
    """How to find out about one dependency. ``name`` as of its breaker; times in seconds.

    ``probe`` returns when it answers and raises one of our errors when it does not; it should ask the dependency
    itself and not a guarded port. ``circuit`` is told when it answers, so that calls need not wait for their next try.
    """

    name: str
    probe: Callable[[], Awaitable[object]]
    needed: bool = True
    every: float = 5.0
    timeout: float = 3.0
    circuit: Breaker | None = None


@dataclass(frozen=True)
class Dependency:
    """What is known of one. ``up`` is None before the first result; ``since`` when it became so."""

    name: str
    needed: bool
    up: bool | None
    sentence: str
    since: datetime


class Readiness:
    """Runs checks while entered as a context."""

    def __init__(
        self,
        checks: Sequence[Check],
        clock: Clock,
        metrics: Metrics,
        *,
        override: Callable[[], bool] = lambda: False,
        listener: Callable[[str, str | None], None] = lambda _, __: None,
    ) -> None:
        """``override``: ready whatever the dependencies do, as a worker is that holds a job.

        ``listener`` is told each result: the dependency's name and what is wrong with it, None when it answered.
        """
        self._checks = checks
        self._clock = clock
        self._metrics = metrics
        self._override = override
        self._listener = listener
        self._known = {
            check.name: Dependency(check.name, check.needed, None, "not asked yet", self._now()) for check in checks
        }
        self._loops: list[asyncio.Task[None]] = []

    @property
    def dependencies(self) -> list[Dependency]:
        """What is known, in the order of the checks."""
        return list(self._known.values())

    @property
    def overridden(self) -> bool:
        """Whether it is ready whatever the dependencies do."""
        return self._override()

    @property
    def ready(self) -> bool:
        """Whether everything that is needed answered when last asked."""
        return self.overridden or all(each.up for each in self._known.values() if each.needed)

    async def __aenter__(self) -> Self:
        self._loops = [
            asyncio.create_task(self._watch(check), name=f"check of the {check.name}") for check in self._checks
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops, timeout=_STOP_SECONDS)

    async def _watch(self, check: Check) -> None:
        while True:
            asking = asyncio.create_task(_ask(check), name=f"question to the {check.name}")
            try:
                await self._wait_for(check, asking)
            finally:
                asking.cancel()
            await asyncio.sleep(check.every)

    async def _wait_for(self, check: Check, asking: asyncio.Task[str | None]) -> None:
        await asyncio.wait([asking], timeout=check.timeout)
        if not asking.done():
            self._learn(check, f"did not answer within {check.timeout:g} s")
            asking.cancel()
            await asyncio.wait([asking])
            return
        problem = asking.result()
        if problem is None and check.circuit:
            check.circuit.answered()
        self._learn(check, problem)

    def _learn(self, check: Check, problem: str | None) -> None:
        before = self._known[check.name]
        up, sentence = problem is None, redact(problem or "answers")
        since = before.since if before.up is up else self._now()
        self._known[check.name] = Dependency(check.name, check.needed, up, sentence, since)
        self._metrics.dependency(check.name, up)
        self._listener(check.name, None if problem is None else sentence)
        if before.up is not up:
            self._tell(check, before, problem)

    def _tell(self, check: Check, before: Dependency, problem: str | None) -> None:
        spoken = check.name.replace("_", " ")
        if problem is not None:
            log.warning("the %s does not answer as it should: %s", spoken, problem)
        elif before.up is not None:
            log.info("the %s is all right again", spoken)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


async def _ask(check: Check) -> str | None:
    """Return what is wrong, None when nothing is."""
    try:
        await check.probe()
    except TeltubbyError as error:
        return str(error) or type(error).__name__
    except Exception as error:  # the loop's edge: a check with a defect must not end the checks
        log.debug("the check of the %s failed unexpectedly", check.name, exc_info=error)
        return f"its check failed unexpectedly ({type(error).__name__})"
    return None
