"""What every job queue does. A further adapter is a further maker in ``MAKERS``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.clock import SystemClock
from teltubby_core.domain.jobs import Priority
from teltubby_core.ports import Clock, Delivery, JobQueue, QueueDepth
from teltubby_core.testing import MemoryJobQueue, SteppedClock, sample_job

SOON = 10.0
"""Seconds within which anything that is to happen has happened."""


@dataclass
class Harness:
    """A queue, and what makes it lose its holders and come back."""

    queue: JobQueue
    clock: SteppedClock
    crash: Callable[[], Awaitable[JobQueue]]


Maker = Callable[[Path, Clock], AbstractAsyncContextManager[tuple[JobQueue, Callable[[], Awaitable[JobQueue]]]]]


@asynccontextmanager
async def memory(_: Path, clock: Clock) -> AsyncIterator[tuple[JobQueue, Callable[[], Awaitable[JobQueue]]]]:
    queue = MemoryJobQueue(clock)

    async def crash() -> JobQueue:
        await queue.recover()
        return queue

    yield queue, crash


@asynccontextmanager
async def sqlite(path: Path, clock: Clock) -> AsyncIterator[tuple[JobQueue, Callable[[], Awaitable[JobQueue]]]]:
    opened: list[Database] = []

    async def reopened() -> SqliteJobQueue:
        if opened:
            await opened[-1].close()
        opened.append(Database(path / "teltubby.db"))
        await opened[-1].open()
        queue = SqliteJobQueue(opened[-1], clock, "worker-0")
        await queue.recover()
        return queue

    yield await reopened(), reopened
    await opened[-1].close()


MAKERS: list[Maker] = [memory, sqlite]
MAKER = pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    clock = SteppedClock()
    async with request.param(tmp_path, clock) as (queue, crash):
        yield Harness(queue, clock, crash)


@pytest.fixture
def queue(harness: Harness) -> JobQueue:
    return harness.queue


async def take(queue: JobQueue) -> Delivery:
    delivery = await queue.fetch(0)
    assert delivery is not None
    return delivery


async def test_an_empty_queue_gives_nothing(queue: JobQueue) -> None:
    assert await queue.fetch(0) is None
    assert await queue.fetch(0.01) is None
    assert await queue.depth() == QueueDepth(0, 0, 0)


async def test_a_job_comes_out_as_it_went_in(queue: JobQueue) -> None:
    job = sample_job()
    await queue.publish(job)

    delivery = await take(queue)

    assert delivery.job == job
    assert delivery.redeliveries == 0


async def test_higher_priority_comes_first_then_older(queue: JobQueue) -> None:
    for job_id, priority in [
        ("normal-1", Priority.NORMAL),
        ("urgent-1", Priority.URGENT),
        ("normal-2", Priority.NORMAL),
        ("high-1", Priority.HIGH),
        ("urgent-2", Priority.URGENT),
    ]:
        await queue.publish(sample_job(job_id, priority=priority))

    order = [(await take(queue)).job.job_id for _ in range(5)]

    assert order == ["urgent-1", "urgent-2", "high-1", "normal-1", "normal-2"]


async def test_a_job_is_in_one_pair_of_hands(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    await take(queue)

    assert await queue.fetch(0) is None
    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=1, dead=0)


async def test_many_takers_get_each_job_once(queue: JobQueue) -> None:
    for number in range(20):
        await queue.publish(sample_job(f"job-{number}"))

    taken = await asyncio.gather(*(queue.fetch(SOON) for _ in range(20)))

    assert sorted(d.job.job_id for d in taken if d) == sorted(f"job-{number}" for number in range(20))


async def test_an_acked_job_is_gone(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.ack(await take(harness.queue))

    queue = await harness.crash()

    assert await queue.fetch(0) is None
    assert await queue.depth() == QueueDepth(0, 0, 0)


async def test_a_waiting_or_running_job_is_not_queued_twice(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    await queue.publish(sample_job())
    assert await queue.depth() == QueueDepth(ready=1, unacknowledged=0, dead=0)

    held = await take(queue)
    await queue.publish(sample_job())
    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=1, dead=0)

    await queue.ack(held)
    await queue.publish(sample_job())
    assert await queue.depth() == QueueDepth(ready=1, unacknowledged=0, dead=0)


async def test_a_retried_job_comes_changed_and_not_before_its_time(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    delivery = await take(harness.queue)
    await harness.queue.retry(delivery, delivery.job.retried(), 30)

    assert await harness.queue.fetch(0) is None
    assert await harness.queue.depth() == QueueDepth(ready=1, unacknowledged=0, dead=0)
    harness.clock.advance(29.9)
    assert await harness.queue.fetch(0) is None
    harness.clock.advance(0.1)

    again = await take(harness.queue)
    assert again.job == sample_job().retried()
    assert again.redeliveries == 0


async def test_a_job_that_waits_for_its_time_holds_nobody_up(queue: JobQueue) -> None:
    await queue.publish(sample_job("urgent", priority=Priority.URGENT))
    urgent = await take(queue)
    await queue.retry(urgent, urgent.job, 30)
    await queue.publish(sample_job("normal"))

    assert (await take(queue)).job.job_id == "normal"


async def test_a_job_given_back_comes_unchanged_to_the_next(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    await queue.give_back(await take(queue))

    again = await take(queue)
    assert again.job == sample_job()
    assert again.redeliveries == 0


async def test_a_dead_letter_is_counted_and_not_delivered(harness: Harness) -> None:
    await harness.queue.publish(sample_job())
    await harness.queue.dead_letter(await take(harness.queue), "the file is gone")

    queue = await harness.crash()

    assert await queue.fetch(0) is None
    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=0, dead=1)


async def test_a_job_published_again_leaves_the_dead_letters(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    await queue.dead_letter(await take(queue), "the file is gone")

    await queue.publish(sample_job(priority=Priority.HIGH))

    assert await queue.depth() == QueueDepth(ready=1, unacknowledged=0, dead=0)
    again = await take(queue)
    assert again.job.job_metadata.priority is Priority.HIGH
    assert again.redeliveries == 0


async def test_a_delivery_that_is_over_changes_nothing(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    acked = await take(queue)
    await queue.ack(acked)
    await queue.publish(sample_job())
    stale = await take(queue)
    await queue.ack(acked)
    await queue.give_back(stale)
    current = await take(queue)

    await queue.ack(stale)
    await queue.give_back(stale)
    await queue.retry(stale, stale.job, 0)
    await queue.dead_letter(stale, "stale")

    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=1, dead=0)
    await queue.ack(current)
    await queue.publish(sample_job())
    await take(queue)
    await queue.ack(current)
    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=1, dead=0)


async def test_waiting_jobs_survive_a_crash_and_held_ones_come_again_counted(harness: Harness) -> None:
    await harness.queue.publish(sample_job("held"))
    await take(harness.queue)
    await harness.queue.publish(sample_job("waits"))

    queue = await harness.crash()

    first, second = await take(queue), await take(queue)
    assert [(d.job.job_id, d.redeliveries) for d in (first, second)] == [("held", 1), ("waits", 0)]
    assert await queue.fetch(0) is None


async def test_each_crash_counts_and_a_retry_keeps_the_count(harness: Harness) -> None:
    queue = harness.queue
    await queue.publish(sample_job())
    for crashes in range(3):
        assert (await take(queue)).redeliveries == crashes
        queue = await harness.crash()
    delivery = await take(queue)

    await queue.retry(delivery, delivery.job.retried(), 0)

    assert (await take(queue)).redeliveries == 3


async def test_a_waiting_fetch_wakes_for_a_new_job(queue: JobQueue) -> None:
    async with asyncio.timeout(SOON):
        waiting = [asyncio.ensure_future(queue.fetch(SOON)) for _ in range(2)]
        await queue.publish(sample_job("job-1"))
        await queue.publish(sample_job("job-2"))
        taken = await asyncio.gather(*waiting)

    assert {d.job.job_id for d in taken if d} == {"job-1", "job-2"}


async def test_a_waiting_fetch_wakes_for_a_job_given_back(queue: JobQueue) -> None:
    await queue.publish(sample_job())
    held = await take(queue)
    async with asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(queue.fetch(SOON * 2))
        await queue.depth()
        await queue.give_back(held)
        taken = await waiting

    assert taken is not None


@MAKER
async def test_a_waiting_fetch_wakes_when_a_retry_is_due(maker: Maker, tmp_path: Path) -> None:
    async with asyncio.timeout(SOON), maker(tmp_path, SystemClock()) as (queue, _):
        await queue.publish(sample_job())
        delivery = await take(queue)
        await queue.retry(delivery, delivery.job, 0.05)

        assert await queue.fetch(SOON * 2) is not None


async def test_a_fetch_that_is_cancelled_keeps_no_job(queue: JobQueue) -> None:
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

    assert await queue.depth() == QueueDepth(ready=30, unacknowledged=0, dead=0)
