"""Whether dependencies answer is found out in the background, and a hanging one holds up nobody."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from support import eventually
from teltubby_core.breaker import Breaker, CircuitState
from teltubby_core.errors import BrokerUnavailableError, StorageUnavailableError
from teltubby_core.observability import Check, Liveness, Metrics, Readiness
from teltubby_core.observability.readiness import Dependency
from teltubby_core.testing import SteppedClock

SOON = 0.01


class Backend:
    """A dependency to play with."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs = False
        self.stubborn = False
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        while self.hangs:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        if self.error:
            raise self.error


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def readiness(
    *checks: Check, clock: SteppedClock | None = None, override: Callable[[], bool] = lambda: False
) -> Readiness:
    return Readiness(checks, clock or SteppedClock(), Metrics("test"), override=override)


def only(ready: Readiness) -> Dependency:
    (dependency,) = ready.dependencies
    return dependency


async def test_ready_once_everything_needed_answers(backend: Backend) -> None:
    async with readiness(Check("broker", backend.probe, every=SOON)) as ready:
        assert not ready.ready, "nobody has asked yet"
        assert only(ready).sentence == "not asked yet"
        await eventually(lambda: ready.ready)
        backend.error = BrokerUnavailableError("can't be reached")
        await eventually(lambda: not ready.ready)
        assert only(ready).sentence == "can't be reached"
        backend.error = None
        await eventually(lambda: ready.ready)


async def test_what_is_not_needed_does_not_count(backend: Backend) -> None:
    backend.error = StorageUnavailableError("gone")
    async with readiness(Check("object_store", backend.probe, needed=False)) as ready:
        await eventually(lambda: only(ready).up is False)
        assert ready.ready


async def test_a_check_that_hangs_fails_after_its_limit_and_is_asked_anew(backend: Backend) -> None:
    backend.hangs = True
    async with readiness(Check("broker", backend.probe, every=SOON, timeout=0.05)) as ready:
        await eventually(lambda: backend.asked > 2)
        assert only(ready).sentence == "did not answer within 0.05 s"
        backend.hangs = False
        await eventually(lambda: ready.ready)


async def test_a_check_that_can_not_be_stopped_is_not_started_twice(backend: Backend) -> None:
    backend.hangs = backend.stubborn = True
    other = Backend()
    checks = (
        Check("broker", backend.probe, every=SOON, timeout=0.02),
        Check("database", other.probe, every=SOON),
    )
    async with readiness(*checks) as ready:
        await eventually(lambda: other.asked > 20)
        assert backend.asked == 1
        assert [each.up for each in ready.dependencies] == [False, True]
        backend.hangs = False
        await eventually(lambda: ready.ready)


async def test_stopping_does_not_wait_for_a_check_that_hangs(backend: Backend) -> None:
    backend.hangs = backend.stubborn = True
    loop = asyncio.get_running_loop()
    async with readiness(Check("broker", backend.probe)) as ready:
        await eventually(lambda: backend.asked)
        began = loop.time()
    assert loop.time() - began < 1
    assert not ready.ready
    backend.hangs = False


async def test_since_tells_when_it_became_so(backend: Backend, clock: SteppedClock) -> None:
    async with readiness(Check("broker", backend.probe, every=SOON), clock=clock) as ready:
        await eventually(lambda: ready.ready)
        began = only(ready).since
        clock.advance(60)
        asked = backend.asked
        await eventually(lambda: backend.asked > asked + 2)
        assert only(ready).since == began
        backend.error = BrokerUnavailableError("gone")
        await eventually(lambda: not ready.ready)
        assert (only(ready).since - began).total_seconds() == 60


async def test_a_worker_that_holds_a_job_stays_ready(backend: Backend) -> None:
    backend.error = BrokerUnavailableError("gone")
    busy = True
    async with readiness(Check("broker", backend.probe), override=lambda: busy) as ready:
        await eventually(lambda: only(ready).up is False)
        assert ready.ready
        busy = False
        assert not ready.ready


async def test_a_check_with_a_defect_is_a_failing_one(backend: Backend) -> None:
    backend.error = KeyError("secret caption")
    async with readiness(Check("broker", backend.probe, every=SOON)) as ready:
        await eventually(lambda: only(ready).up is False)
        assert only(ready).sentence == "its check failed unexpectedly (KeyError)"
        backend.error = None
        await eventually(lambda: ready.ready)


async def test_an_answer_closes_the_circuit(backend: Backend) -> None:
    breaker = Breaker("broker")
    for _ in range(5):
        with pytest.raises(BrokerUnavailableError), breaker.watched():
            raise BrokerUnavailableError("gone")
    backend.error = BrokerUnavailableError("gone")
    async with readiness(Check("broker", backend.probe, every=SOON, circuit=breaker)):
        await eventually(lambda: backend.asked > 3)
        assert breaker.state is CircuitState.OPEN
        backend.error = None
        await eventually(lambda: breaker.state is CircuitState.CLOSED)


async def test_changes_are_logged_once_and_without_secrets(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    backend.error = BrokerUnavailableError("amqp://guest:hunter2@host can't be reached")
    with caplog.at_level(logging.INFO):
        async with readiness(Check("object_store", backend.probe, every=SOON)) as ready:
            await eventually(lambda: backend.asked > 3)
            assert "hunter2" not in only(ready).sentence
            backend.error = None
            await eventually(lambda: ready.ready)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[1].getMessage() == "the object store is all right again"


def test_a_loop_is_silent_after_its_own_limit() -> None:
    clock = SteppedClock()
    live = Liveness(clock.now)
    polling, intake = live.watch("polling", 90), live.watch("intake", 10)
    clock.advance(10)
    assert live.silent() == []
    clock.advance(5)
    (silence,) = live.silent()
    assert (silence.loop, silence.silent_for, silence.limit) == ("intake", 15, 10)
    intake.beat()
    assert live.silent() == []
    clock.advance(80)
    assert {each.loop for each in live.silent()} == {"intake", "polling"}
    polling.beat()
    intake.stop()
    assert live.silent() == []


def test_a_loop_may_rest_on_purpose() -> None:
    clock = SteppedClock()
    live = Liveness(clock.now)
    replies = live.watch("replies", 10)
    replies.beat(resting=3600)
    clock.advance(3610)
    assert live.silent() == []
    clock.advance(1)
    assert [each.loop for each in live.silent()] == ["replies"]
    replies.beat()
    clock.advance(11)
    assert [each.loop for each in live.silent()] == ["replies"]


def test_a_loop_that_begins_anew_replaces_the_one_before() -> None:
    clock = SteppedClock()
    live = Liveness(clock.now)
    first = live.watch("polling", 10)
    live.watch("polling", 10)
    first.stop()
    clock.advance(11)
    assert [each.loop for each in live.silent()] == ["polling"]
