"""What every job queue does. A further adapter is a further maker in ``MAKERS``.

They differ in what they can tell, not in what they promise: a broker does not look at job ids, does not say how many
jobs are in somebody's hands, and has a clock of its own. A harness says which of these its queue has.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from teltubby_core.adapters.rabbitmq import Broker, RabbitJobQueue
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.clock import SystemClock
from teltubby_core.domain.jobs import Priority
from teltubby_core.ports import Clock, Delivery, JobQueue, QueueDepth
from teltubby_core.testing import MemoryJobQueue, SteppedClock, sample_job
from testbed.brokers import rabbit_settings

SOON = 10.0
"""Seconds within which anything that is to happen has happened."""


@dataclass
class Harness:
    """A queue, what makes it lose its holders and come back, and what it can tell."""

    queue: JobQueue
    crash: Callable[[], Awaitable[JobQueue]]
    clock: SteppedClock | None = None
    """The clock that its delays go by; None for one that can't be moved."""
    knows_jobs: bool = True
    """Whether a job_id is queued only once."""
    counts_held: bool = True
    keeps_places: bool = True
    """Whether a job that comes again stands where it stood."""
    delay: float = 30.0
    """Seconds of the shortest delay that a test can see pass."""
    wait: float = 0.0
    """Seconds after which a job that is there has come."""

    def depth(self, *, ready: int = 0, held: int = 0, dead: int = 0) -> QueueDepth:
        return QueueDepth(ready, held if self.counts_held else None, dead)

    async def take(self, queue: JobQueue | None = None) -> Delivery:
        delivery = await (queue or self.queue).fetch(SOON if self.wait else 0)
        assert delivery is not None
        return delivery

    async def take_nothing(self, queue: JobQueue | None = None) -> None:
        assert await (queue or self.queue).fetch(self.wait) is None


Maker = Callable[[pytest.FixtureRequest, Clock], AbstractAsyncContextManager[Harness]]


@asynccontextmanager
async def memory(_: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Harness]:
    queue = MemoryJobQueue(clock)

    async def crash() -> JobQueue:
        await queue.recover()
        return queue

    yield Harness(queue, crash)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Harness]:
    path: Path = request.getfixturevalue("tmp_path")
    opened: list[Database] = []

    async def reopened() -> SqliteJobQueue:
        if opened:
            await opened[-1].close()
        opened.append(Database(path / "teltubby.db"))
        await opened[-1].open()
        queue = SqliteJobQueue(opened[-1], clock, "worker-0")
        await queue.recover()
        return queue

    yield Harness(await reopened(), reopened)
    await opened[-1].close()


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest, _: Clock) -> AsyncIterator[Harness]:
    settings = rabbit_settings(request.getfixturevalue("rabbitmq"))
    brokers = [Broker(settings, "contract test")]

    async def crash() -> JobQueue:
        await brokers[-1].close()  # its queue gives nothing back
        brokers.append(Broker(settings, "contract test"))
        return RabbitJobQueue(brokers[-1])

    yield Harness(
        RabbitJobQueue(brokers[0]), crash, knows_jobs=False, counts_held=False, keeps_places=False, delay=1.0, wait=0.3
    )
    await brokers[-1].close()


MAKERS: list[Maker] = [memory, sqlite, rabbitmq]
KNOWING: list[Maker] = [memory, sqlite]
"""Makers of queues that know job ids."""


def _name(maker: Maker) -> str:
    return maker.__name__


@pytest.fixture(params=MAKERS, ids=_name)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    clock = SteppedClock()
    async with request.param(request, clock) as harness:
        harness.clock = clock if harness.wait == 0 else None
        yield harness


@pytest.fixture(params=KNOWING, ids=_name)
async def knowing(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with request.param(request, SteppedClock()) as harness:
        assert harness.knows_jobs
        yield harness


@pytest.fixture
def queue(harness: Harness) -> JobQueue:
    return harness.queue


async def test_an_empty_queue_gives_nothing(harness: Harness) -> None:
    assert await harness.queue.fetch(0) is None
    assert await harness.queue.fetch(0.01) is None
    assert await harness.queue.depth() == harness.depth()


async def test_a_job_comes_out_as_it_went_in(harness: Harness) -> None:
    job = sample_job()
    await harness.queue.publish(job)

    delivery = await harness.take()

    assert delivery.job == job
    assert delivery.redeliveries == 0


async def test_higher_priority_comes_first_then_older(harness: Harness) -> None:
    for job_id, priority in [
        ("normal-1", Priority.NORMAL),
        ("urgent-1", Priority.URGENT),
        ("normal-2", Priority.NORMAL),
        ("high-1", Priority.HIGH),
        ("urgent-2", Priority.URGENT),
    ]:
        await harness.queue.publish(sample_job(job_id, priority=priority))

    order = []
    for _ in range(5):
        delivery = await harness.take()
        order.append(delivery.job.job_id)
        await harness.queue.ack(delivery)

    assert order == ["urgent-1", "urgent-2", "high-1", "normal-1", "normal-2"]


async def test_a_job_is_in_one_pair_of_hands(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.take()

    await harness.take_nothing()
    assert await harness.queue.depth() == harness.depth(held=1)


async def test_many_takers_get_each_job_once(queue: JobQueue) -> None:
    for number in range(20):
        await queue.publish(sample_job(f"job-{number}"))

    async def take() -> str:
        delivery = await queue.fetch(SOON)
        assert delivery is not None
        await queue.ack(delivery)
        return delivery.job.job_id

    taken = await asyncio.gather(*(take() for _ in range(20)))

    assert sorted(taken) == sorted(f"job-{number}" for number in range(20))


async def test_an_acked_job_is_gone(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.ack(await harness.take())

    queue = await harness.crash()

    await harness.take_nothing(queue)
    assert await queue.depth() == harness.depth()


async def test_a_waiting_or_running_job_is_not_queued_twice(knowing: Harness) -> None:
    queue = knowing.queue
    await queue.publish(sample_job())
    await queue.publish(sample_job())
    assert await queue.depth() == knowing.depth(ready=1)

    held = await knowing.take()
    await queue.publish(sample_job())
    assert await queue.depth() == knowing.depth(held=1)

    await queue.ack(held)
    await queue.publish(sample_job())
    assert await queue.depth() == knowing.depth(ready=1)


@pytest.mark.parametrize("held", [False, True], ids=["waiting", "held"])
async def test_a_later_generation_takes_the_place_of_one_that_waits_or_is_held(knowing: Harness, *, held: bool) -> None:
    queue, later = knowing.queue, sample_job().model_copy(update={"generation": 1})
    await queue.publish(sample_job())
    if held:
        earlier = await knowing.take()
    await queue.publish(later)
    assert await queue.depth() == knowing.depth(ready=1)
    await queue.publish(sample_job())  # of the earlier one again, by a reconciler that knows no better
    taken = await knowing.take()
    assert taken.job == later
    if held:
        await queue.ack(earlier)  # who had it lets go of nothing
    assert await queue.depth() == knowing.depth(held=1)
    await queue.ack(taken)
    assert await queue.depth() == knowing.depth()


async def test_a_retried_job_comes_changed_and_not_before_its_time(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    delivery = await harness.take()
    await harness.queue.retry(delivery, delivery.job.retried(), harness.delay)

    await harness.take_nothing()
    assert await harness.queue.depth() == harness.depth(ready=1)
    if harness.clock:
        harness.clock.advance(harness.delay - 0.1)
        await harness.take_nothing()
        harness.clock.advance(0.1)

    again = await harness.take()
    assert again.job == sample_job().retried()
    assert again.redeliveries == 0


async def test_a_job_that_waits_for_its_time_holds_nobody_up(harness: Harness) -> None:
    await harness.queue.publish(sample_job("urgent", priority=Priority.URGENT))
    urgent = await harness.take()
    await harness.queue.retry(urgent, urgent.job, 30)
    await harness.queue.publish(sample_job("normal"))

    assert (await harness.take()).job.job_id == "normal"


async def test_of_two_retries_the_shorter_comes_first(harness: Harness) -> None:
    for job_id, delay in (("long", 2 * harness.delay), ("short", harness.delay)):
        await harness.queue.publish(sample_job(job_id))
        delivery = await harness.take()
        await harness.queue.retry(delivery, delivery.job, delay)
    if harness.clock:
        harness.clock.advance(harness.delay)

    assert (await harness.take()).job.job_id == "short"


async def test_a_job_given_back_comes_unchanged_to_the_next(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.give_back(await harness.take())

    again = await harness.take()
    assert again.job == sample_job()
    assert again.redeliveries == 0


async def test_a_dead_letter_is_counted_and_not_delivered(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.dead_letter(await harness.take(), "the file is gone")

    queue = await harness.crash()

    await harness.take_nothing(queue)
    assert await queue.depth() == harness.depth(dead=1)


async def test_a_job_published_again_leaves_the_dead_letters(knowing: Harness) -> None:
    queue = knowing.queue
    await queue.publish(sample_job())
    await queue.dead_letter(await knowing.take(), "the file is gone")

    await queue.publish(sample_job(priority=Priority.HIGH))

    assert await queue.depth() == knowing.depth(ready=1)
    again = await knowing.take()
    assert again.job.job_metadata.priority is Priority.HIGH
    assert again.redeliveries == 0


async def test_a_job_published_again_comes_although_it_is_a_dead_letter(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.dead_letter(await harness.take(), "the file is gone")

    await harness.queue.publish(sample_job())

    assert (await harness.take()).job == sample_job()


async def test_a_delivery_that_is_over_changes_nothing(harness: Harness) -> None:
    queue = harness.queue
    await queue.publish(sample_job())
    acked = await harness.take()
    await queue.ack(acked)
    await queue.publish(sample_job())
    stale = await harness.take()
    await queue.ack(acked)
    await queue.give_back(stale)
    current = await harness.take()

    await queue.ack(stale)
    await queue.give_back(stale)
    await queue.retry(stale, stale.job, 0)
    await queue.dead_letter(stale, "stale")

    assert await queue.depth() == harness.depth(held=1)
    await queue.ack(current)
    await queue.publish(sample_job())
    await harness.take()
    await queue.ack(current)
    assert await queue.depth() == harness.depth(held=1)


async def test_waiting_jobs_survive_a_crash_and_held_ones_come_again_counted(harness: Harness) -> None:
    await harness.queue.publish(sample_job("held"))
    await harness.take()
    await harness.queue.publish(sample_job("waits"))

    queue = await harness.crash()

    found = []
    for _ in range(2):
        delivery = await harness.take(queue)
        found.append((delivery.job.job_id, delivery.redeliveries))
        await queue.ack(delivery)
    assert (found if harness.keeps_places else sorted(found)) == [("held", 1), ("waits", 0)]
    await harness.take_nothing(queue)


async def test_each_crash_counts_and_a_retry_keeps_the_count(harness: Harness) -> None:
    queue = harness.queue
    await queue.publish(sample_job())
    for crashes in range(3):
        assert (await harness.take(queue)).redeliveries == crashes
        queue = await harness.crash()
    delivery = await harness.take(queue)

    await queue.retry(delivery, delivery.job.retried(), 0)

    again = await harness.take(queue)
    assert again.redeliveries == 3
    await queue.give_back(again)
    assert (await harness.take(queue)).redeliveries == 3


async def test_after_a_crash_what_the_dead_holder_says_changes_nothing(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    stale = await harness.take()
    queue = await harness.crash()
    current = await harness.take(queue)

    await queue.ack(stale)
    await queue.ack(current)

    assert await queue.depth() == harness.depth()


async def test_a_waiting_fetch_wakes_for_a_new_job(queue: JobQueue) -> None:
    async def take() -> str:
        delivery = await queue.fetch(SOON)
        assert delivery is not None
        await queue.ack(delivery)
        return delivery.job.job_id

    async with asyncio.timeout(SOON):
        waiting = [asyncio.ensure_future(take()) for _ in range(2)]
        await queue.publish(sample_job("job-1"))
        await queue.publish(sample_job("job-2"))
        taken = await asyncio.gather(*waiting)

    assert set(taken) == {"job-1", "job-2"}


async def test_a_waiting_fetch_wakes_for_a_job_given_back(harness: Harness) -> None:
    queue = harness.queue
    await queue.publish(sample_job())
    held = await harness.take()
    async with asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(queue.fetch(SOON * 2))
        await queue.depth()
        await queue.give_back(held)
        taken = await waiting

    assert taken is not None


@pytest.mark.parametrize("maker", MAKERS, ids=_name)
async def test_a_waiting_fetch_wakes_when_a_retry_is_due(maker: Maker, request: pytest.FixtureRequest) -> None:
    async with asyncio.timeout(SOON), maker(request, SystemClock()) as harness:
        await harness.queue.publish(sample_job())
        delivery = await harness.take()
        await harness.queue.retry(delivery, delivery.job, 0.05)

        assert await harness.queue.fetch(SOON * 2) is not None


async def test_a_fetch_that_is_cancelled_keeps_no_job(harness: Harness) -> None:
    queue = harness.queue
    for number in range(30):
        await queue.publish(sample_job(f"job-{number}"))
    for number in range(30):
        fetch = asyncio.ensure_future(queue.fetch(SOON))
        for _ in range(number % 5):
            await asyncio.sleep(0)  # cancelled before, during and after the claim
        fetch.cancel()
        taken = (await asyncio.gather(fetch, return_exceptions=True))[0]
        if isinstance(taken, Delivery):
            await queue.give_back(taken)
        else:
            assert isinstance(taken, asyncio.CancelledError)

    found = set()
    for _ in range(30):
        delivery = await harness.take()
        assert delivery.redeliveries == 0
        found.add(delivery.job.job_id)
        await queue.ack(delivery)
    assert len(found) == 30
    await harness.take_nothing()


async def test_who_stops_fetching_keeps_the_jobs_in_hand(harness: Harness) -> None:
    queue = harness.queue
    await queue.publish(sample_job("held"))
    held = await harness.take()
    await queue.publish(sample_job("waits"))

    await queue.stop_fetching()

    assert await queue.depth() == harness.depth(ready=1, held=1)
    await queue.ack(held)
    assert await queue.depth() == harness.depth(ready=1)


async def test_a_fetch_under_way_ends_without_a_job_or_with_one_when_fetching_stops(harness: Harness) -> None:
    queue = harness.queue
    waiting = asyncio.ensure_future(queue.fetch(harness.wait))
    await queue.depth()
    await queue.stop_fetching()
    await queue.publish(sample_job())

    async with asyncio.timeout(SOON):
        taken = await waiting
    assert await queue.depth() == (harness.depth(held=1) if taken else harness.depth(ready=1))
