"""The ports behind a breaker: their contracts hold, an outage is met at once, and no work is lost for it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from teltubby_core.adapters.guarded import GuardedControl, GuardedEvents, GuardedQueue, GuardedStore
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.archiving import Target, archive_item
from teltubby_core.breaker import Breaker, CircuitState
from teltubby_core.domain.jobs import ArchiveStored, CancelOrder, JobCompleted
from teltubby_core.errors import BrokerUnavailableError, InfrastructureError, StorageUnavailableError
from teltubby_core.ports import Control, Delivery, Events, JobQueue, ObjectStore
from teltubby_core.testing import (
    MemoryEvents,
    MemoryJobQueue,
    MemoryObjectStore,
    MemorySource,
    SteppedClock,
    sample_job,
)

KEY = "teltubby/2025/03/ada/7/a.jpg"
DOWN = StorageUnavailableError("gone")
BROKER_DOWN = BrokerUnavailableError("gone")


class Rig:
    """Everything behind one breaker, for brevity."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.breaker = Breaker("backend", now=self.clock.now)
        self.inner_store = CountingStore()
        self.inner_queue = WaitingQueue(self.clock)
        self.inner_events = MemoryEvents()
        self.store: ObjectStore = GuardedStore(self.inner_store, self.breaker)
        self.queue: JobQueue = GuardedQueue(self.inner_queue, self.breaker)
        self.events: Events = GuardedEvents(self.inner_events, self.breaker)
        self.control: Control = GuardedControl(LocalControl(), self.breaker)

    def break_down(self) -> None:
        """Let the dependencies be down, and the circuit open."""
        self.inner_store.fail_with = DOWN
        self.inner_queue.fail_with = self.inner_events.fail_with = BROKER_DOWN
        for _ in range(5):
            with pytest.raises(InfrastructureError), self.breaker.watched():
                raise DOWN
        assert self.is_open()

    def mend(self) -> None:
        """Let them be back, which nobody has noticed yet."""
        self.inner_store.fail_with = self.inner_queue.fail_with = self.inner_events.fail_with = None

    def is_open(self) -> bool:
        return self.breaker.state is not CircuitState.CLOSED


class CountingStore(MemoryObjectStore):
    """Counts the questions that reach it."""

    def __init__(self) -> None:
        super().__init__("bucket")
        self.asked = 0

    def _fail(self) -> None:
        self.asked += 1
        super()._fail()


class WaitingQueue(MemoryJobQueue):
    """Remembers how long it was to wait."""

    waited = 0.0

    async def fetch(self, timeout: float) -> Delivery | None:
        self.waited = timeout
        return await super().fetch(0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_store_behind_a_breaker_is_a_store(rig: Rig) -> None:
    assert rig.store.bucket == "bucket"
    assert await rig.store.put_if_absent(KEY, b"one", "text/plain")
    assert not await rig.store.put_if_absent(KEY, b"two", "text/plain")
    await rig.store.put(KEY, b"three", "text/plain")
    head = await rig.store.head(KEY)
    assert (await rig.store.get(KEY), head and head.size_bytes) == (b"three", 5)
    await rig.store.delete(KEY)
    assert await rig.store.get(KEY) is None
    assert await rig.store.sweep() == 0
    archived = await archive_item(MemorySource(b"x" * 100_000), rig.store, Target(KEY, "text/plain"), stall_timeout=5)
    assert (archived.size_bytes, len(rig.inner_store.objects[KEY].body)) == (100_000, 100_000)


STORE_CALLS: list[Callable[[ObjectStore], Awaitable[Any]]] = [
    lambda store: store.begin(KEY, "text/plain", {}),
    lambda store: store.put(KEY, b"", "text/plain"),
    lambda store: store.put_if_absent(KEY, b"", "text/plain"),
    lambda store: store.get(KEY),
    lambda store: store.head(KEY),
    lambda store: store.delete(KEY),
    lambda store: store.sweep(),
]


@pytest.mark.parametrize("call", STORE_CALLS)
async def test_while_the_circuit_is_open_the_store_is_not_asked(
    rig: Rig, call: Callable[[ObjectStore], Awaitable[Any]]
) -> None:
    rig.break_down()
    with pytest.raises(StorageUnavailableError, match="5 times in a row"):
        await call(rig.store)
    assert rig.inner_store.asked == 0


@pytest.mark.parametrize("call", STORE_CALLS)
async def test_any_call_finds_out_that_the_store_is_back(
    rig: Rig, call: Callable[[ObjectStore], Awaitable[Any]]
) -> None:
    rig.break_down()
    rig.mend()
    rig.clock.advance(1)
    await call(rig.store)
    assert not rig.is_open()


@pytest.mark.parametrize("call", STORE_CALLS)
async def test_any_call_finds_out_that_the_store_is_still_away(
    rig: Rig, call: Callable[[ObjectStore], Awaitable[Any]]
) -> None:
    rig.break_down()
    rig.clock.advance(1)
    with pytest.raises(StorageUnavailableError, match="gone"):
        await call(rig.store)
    assert rig.inner_store.asked == 1
    assert rig.breaker.report().next_try_in == pytest.approx(2)


async def test_an_upload_under_way_goes_on_and_is_aborted_whatever_the_circuit_says(rig: Rig) -> None:
    upload = await rig.store.begin(KEY, "text/plain", {})
    rig.break_down()
    with pytest.raises(StorageUnavailableError, match="gone"):
        await upload.write(b"x")
    assert rig.is_open()
    await upload.abort()
    assert rig.inner_store.uploads_open == 0
    await upload.abort()
    assert rig.is_open()


async def test_an_upload_under_way_may_be_the_first_to_see_that_the_store_is_back(rig: Rig) -> None:
    upload = await rig.store.begin(KEY, "text/plain", {})
    rig.break_down()
    rig.mend()
    await upload.write(b"x")
    assert rig.is_open(), "bytes that were only kept prove nothing"
    await upload.commit()
    assert not rig.is_open()
    assert rig.inner_store.objects[KEY].body == b"x"


async def test_failing_uploads_open_the_circuit(rig: Rig) -> None:
    upload = await rig.store.begin(KEY, "text/plain", {})
    rig.inner_store.fail_with = DOWN
    for _ in range(3):
        with pytest.raises(StorageUnavailableError):
            await upload.write(b"x")
    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            await upload.commit()
    assert rig.is_open()


async def test_a_job_in_hand_can_be_let_go_of_whatever_the_circuit_says(rig: Rig) -> None:
    jobs = [sample_job(f"job-{number}", message_id=number) for number in range(1, 5)]
    for job in jobs:
        await rig.queue.publish(job)
    deliveries = [await rig.queue.fetch(1) for _ in jobs]
    assert all(deliveries)
    ends: list[Callable[[Delivery], Awaitable[None]]] = [
        rig.queue.ack,
        rig.queue.give_back,
        lambda delivery: rig.queue.retry(delivery, delivery.job.retried(), 60),
        lambda delivery: rig.queue.dead_letter(delivery, "broken"),
    ]
    for end, delivery in zip(ends, deliveries, strict=True):
        rig.break_down()
        rig.mend()
        assert delivery is not None
        await end(delivery)
        assert not rig.is_open(), "it got through, so the broker is back"
    depth = await rig.queue.depth()
    assert (depth.ready, depth.unacknowledged, depth.dead) == (2, 0, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda rig: rig.queue.publish(sample_job()),
        lambda rig: rig.queue.fetch(5),
        lambda rig: rig.queue.depth(),
        lambda rig: rig.events.publish(_completed()),
        lambda rig: rig.events.announce(_stored()),
        lambda rig: rig.events.next(5),
        lambda rig: rig.control.cancel(CancelOrder(job_id="job-1")),
        lambda rig: rig.control.next(5),
    ],
)
async def test_while_the_circuit_is_open_the_broker_is_not_asked(
    rig: Rig, call: Callable[[Rig], Awaitable[Any]]
) -> None:
    rig.break_down()
    with pytest.raises(StorageUnavailableError, match="next try in 1 s"):  # it had failed as a store
        await call(rig)


async def test_waiting_in_vain_is_no_failure_and_shows_that_the_broker_is_there(rig: Rig) -> None:
    for _ in range(20):
        assert await rig.queue.fetch(5) is None
    assert not rig.is_open()
    assert rig.inner_queue.waited == 5
    rig.break_down()
    rig.mend()
    rig.clock.advance(1)
    assert await rig.queue.fetch(5) is None
    assert rig.inner_queue.waited == 1, "the probe does not keep the others waiting"
    assert not rig.is_open()


async def test_events_and_orders_pass_through(rig: Rig) -> None:
    await rig.events.publish(_completed())
    got = await rig.events.next(1)
    assert got is not None
    assert got.event == _completed()
    rig.break_down()
    rig.mend()
    await rig.events.ack(got)
    assert not rig.is_open()
    assert await rig.events.next(0) is None
    await rig.events.announce(_stored())
    assert rig.inner_events.announced == [_stored()]
    await rig.control.cancel(CancelOrder(job_id="job-1"))
    assert await rig.control.next(1) == CancelOrder(job_id="job-1")
    assert await rig.control.next(0) is None


async def test_an_outage_ends_a_call_with_the_error_that_the_port_raised(rig: Rig) -> None:
    rig.inner_queue.fail_with = BROKER_DOWN
    for _ in range(5):
        with pytest.raises(BrokerUnavailableError) as caught:
            await rig.queue.publish(sample_job())
        assert caught.value is BROKER_DOWN
    with pytest.raises(BrokerUnavailableError, match="the backend failed 5 times in a row"):
        await rig.queue.publish(sample_job())


def _completed() -> JobCompleted:
    return JobCompleted(
        job_id="job-1", at=sample_job().date, key=sample_job().key, sha256="a" * 64, size_bytes=1, generation=0
    )


def _stored() -> ArchiveStored:
    return ArchiveStored(at=sample_job().date, bucket="bucket", key=KEY, sha256="a" * 64, size_bytes=1)
