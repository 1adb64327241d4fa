"""A circuit breaker: calls to a dependency that is down fail at once, and one at a time finds out whether it is back.

    closed ── 5 outages in a row, or half of the last 20 calls ──▶ open ── pause over ──▶ half-open
      ▲                                                             ▲                      │ one call gets through
      └──────────── any answer of the dependency ───────────────────┴───── an outage ──────┘ pause doubled, 1 … 30 s

What a breaker refuses keeps its category: the caller waits and tries again as it would anyway, sooner than with a
time-out in between. Its pauses lie below those of the callers (up to a minute), so that it hardly makes an outage
longer. It refuses to know what it stands before; ``adapters.guarded`` puts it before the ports.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from teltubby_core.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    DatabaseUnavailableError,
    InfrastructureError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransferMismatchError,
    TransientError,
)

log = logging.getLogger(__name__)

_REFUSALS = (BrokerUnavailableError, StorageUnavailableError, DatabaseUnavailableError, InfrastructureError)


class CircuitState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"  # all do
    OPEN = "open"  # none does
    HALF_OPEN = "half_open"  # one does, to find out


@dataclass(frozen=True)
class BreakerLimits:
    """When a circuit opens and for how long. Times in seconds."""

    in_a_row: int = 5
    """Outages without an answer in between that open it."""
    window: int = 20
    """Latest calls that are looked at for ``share``."""
    window_seconds: float = 60.0
    """Calls older than this are not."""
    share: float = 0.5
    """Part of a full window that, when it failed, opens it too: a dependency that answers only now and then."""
    first_pause: float = 1.0
    longest_pause: float = 30.0
    probe_seconds: float = 10.0
    """After this long the probe may hang: another call may try."""


@dataclass(frozen=True)
class CircuitReport:
    """A breaker as /status shows it. ``next_try_in``: seconds, None while it is closed."""

    name: str
    state: CircuitState
    outages_in_a_row: int
    last_error: str | None
    next_try_in: float | None


@dataclass(frozen=True)
class _Call:
    """A call under way. ``period`` counts openings: what began before the last one tells of an earlier time."""

    period: int
    probe: bool


def is_outage(error: TeltubbyError) -> bool:
    """Tell whether an error speaks against the dependency and not against what was asked of it.

    A full disk still reads and deletes; a wrong setting is no outage; who asks us to wait is there.
    """
    if isinstance(error, ConfigurationError | StorageFullError | TransferMismatchError):
        return False
    if isinstance(error, TransientError):
        return error.retry_after is None
    return isinstance(error, InfrastructureError)


class Breaker:
    """Stands before one dependency, for all that call it. For one event loop; not for threads."""

    def __init__(
        self,
        name: str,
        *,
        limits: BreakerLimits | None = None,
        now: Callable[[], float] = time.monotonic,
        counts: Callable[[TeltubbyError], bool] = is_outage,
    ) -> None:
        """``name`` like ``object_store``: a label's value and, with spaces, part of sentences.

        ``now`` returns seconds that never go back; ``counts`` tells which errors are outages.
        """
        self.name = name
        self._limits = limits or BreakerLimits()
        self._now = now
        self._counts = counts
        self._listeners: list[Callable[[str, CircuitState], None]] = []
        self._state = CircuitState.CLOSED
        self._period = 0
        self._row = 0
        self._window: deque[tuple[float, bool]] = deque(maxlen=self._limits.window)
        self._last: TeltubbyError | None = None
        self._why = ""
        self._pause = 0.0
        self._retry_at = 0.0
        self._closed_at = -math.inf

    @property
    def state(self) -> CircuitState:
        """Whether calls go through."""
        return self._state

    def subscribe(self, listener: Callable[[str, CircuitState], None]) -> None:
        """Call ``listener`` with name and state, now and at each change."""
        self._listeners.append(listener)
        listener(self.name, self._state)

    def report(self) -> CircuitReport:
        """Return how things stand."""
        open_ = self._state is not CircuitState.CLOSED
        last = str(self._last) if self._last else None
        return CircuitReport(self.name, self._state, self._row, last, self._next_try_in() if open_ else None)

    @contextmanager
    def watched(self, *, always: bool = False, proves: bool = True) -> Iterator[bool]:
        """Make one call to the dependency inside; yields whether it is the one that finds out if it is back.

        ``always``: the call goes through even when the circuit is open. ``proves``: that it ends well shows that the
        dependency answered; False for what may end without asking it.

        Raises:
            TransientError, InfrastructureError: the circuit is open; as the dependency's last outage.
        """
        call = self._enter(always=always)
        try:
            yield call.probe
        except TeltubbyError as error:
            if self._counts(error):
                self._failed(call, error)
            else:
                self._succeeded(call)  # a refusal is an answer too
            raise
        except BaseException:  # a cancellation or a defect says nothing about the dependency
            self._abandoned(call)
            raise
        if proves:
            self._succeeded(call)
        else:
            self._abandoned(call)

    def answered(self) -> None:
        """The dependency was seen to work by someone who asked it without this breaker."""
        self._succeeded(_Call(self._period, probe=False))

    # One call

    def _enter(self, *, always: bool) -> _Call:
        if self._state is CircuitState.CLOSED or always:
            return _Call(self._period, probe=False)
        if self._now() < self._retry_at:
            raise self._refusal()
        self._retry_at = self._now() + self._limits.probe_seconds
        self._set(CircuitState.HALF_OPEN)
        return _Call(self._period, probe=True)

    def _failed(self, call: _Call, error: TeltubbyError) -> None:
        if call.period != self._period:
            return
        self._last = error
        if self._state is CircuitState.CLOSED:
            self._count(failed=True)
            if why := self._too_many():
                self._open(why)
        elif call.probe:
            self._row += 1
            self._wait(min(self._pause * 2, self._limits.longest_pause))

    def _succeeded(self, call: _Call) -> None:
        if call.period != self._period:
            return
        if self._state is CircuitState.CLOSED:
            self._count(failed=False)
        else:
            self._close()

    def _abandoned(self, call: _Call) -> None:
        if call.probe and call.period == self._period and self._state is CircuitState.HALF_OPEN:
            self._wait(0.0, keep=self._pause)  # the next call may find out instead

    # Counting

    def _count(self, *, failed: bool) -> None:
        self._row = self._row + 1 if failed else 0
        self._window.append((self._now(), failed))

    def _too_many(self) -> str | None:
        if self._row >= self._limits.in_a_row:
            return f"failed {self._row} times in a row"
        oldest = self._now() - self._limits.window_seconds
        recent = [failed for at, failed in self._window if at >= oldest]
        if len(recent) == self._limits.window and sum(recent) >= self._limits.share * len(recent):
            return f"failed {sum(recent)} of its last {len(recent)} calls"
        return None

    # States

    def _open(self, why: str) -> None:
        self._period += 1
        self._why = why
        self._window.clear()
        # Open again so soon: it only seemed to be back, so the pause goes on growing.
        again = self._now() - self._closed_at < self._limits.longest_pause
        pause = min(self._pause * 2, self._limits.longest_pause) if again else self._limits.first_pause
        log.warning("%s: calls to it wait", self._sentence())
        self._wait(pause)

    def _wait(self, seconds: float, keep: float | None = None) -> None:
        self._pause = seconds if keep is None else keep
        self._retry_at = self._now() + seconds
        self._set(CircuitState.OPEN)

    def _close(self) -> None:
        log.info("the %s answers again", self._spoken)
        self._row = 0
        self._closed_at = self._now()
        self._set(CircuitState.CLOSED)

    def _set(self, state: CircuitState) -> None:
        if state is self._state:
            return
        self._state = state
        for listener in self._listeners:
            listener(self.name, state)

    # Words

    @property
    def _spoken(self) -> str:
        return self.name.replace("_", " ")

    def _sentence(self) -> str:
        return f"the {self._spoken} {self._why} (last: {self._last})"

    def _next_try_in(self) -> float:
        return max(self._retry_at - self._now(), 0.0)

    def _refusal(self) -> TeltubbyError:
        """Return an error of the last outage's category. Of a transient one it is to be waited, not counted."""
        wait = self._next_try_in()
        text = f"{self._sentence()}; next try in {math.ceil(wait)} s"
        if isinstance(self._last, TransientError):
            return TransientError(text, retry_after=wait)
        kind = next(kind for kind in _REFUSALS if isinstance(self._last, kind))
        return kind(text)
