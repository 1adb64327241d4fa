"""A job that is stopped from outside: cancelled by its user, or taken back by the queue."""

import asyncio
from collections.abc import Mapping

import pytest

from support import eventually
from teltubby_core.domain.jobs import CancelOrder, JobCancelled, JobCompleted, JobProgress, JobRetrying
from teltubby_core.errors import ErrorCategory
from teltubby_core.ports import Delivery
from teltubby_core.testing import MemoryObjectStore, MemorySource
from teltubby_core.testing.object_store import MemoryUpload
from teltubby_worker import progress
from teltubby_worker.handling import JobHandler
from teltubby_worker.interruption import Attempts
from unit.teltubby_worker.bench import BODY, METADATA_KEY, Bench, job

ORDER = CancelOrder(job_id="job-5", generation=2)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def stalled() -> MemorySource:
    return MemorySource(BODY, at=10, stalls=True)


async def taken(bench: Bench) -> Delivery:
    await bench.queue.publish(job())
    delivery = await bench.queue.fetch(1)
    assert delivery
    return delivery


async def begun(bench: Bench) -> tuple[JobHandler, Delivery, asyncio.Task[float]]:
    """A handler that is in the middle of a transfer."""
    source = stalled()
    bench.telegram.sources = [source]
    delivery, handler = await taken(bench), bench.handler()
    handling = asyncio.create_task(handler.handle(delivery))
    await eventually(lambda: source.opened and bench.store.uploads_open)
    return handler, delivery, handling


async def test_a_running_job_that_is_cancelled_leaves_nothing_and_is_reported(bench: Bench) -> None:
    handler, _, handling = await begun(bench)
    assert handler.jobs == ["job-5"]
    handler.cancel(ORDER)

    assert await handling == 0
    assert bench.store.objects == {}
    assert bench.store.uploads_open == 0
    last = (await bench.reported())[-1]
    assert isinstance(last, JobCancelled)
    assert (last.generation, last.worker) == (2, "tester")
    assert await bench.queue.depth() == type(await bench.queue.depth())(0, 0, 0)
    assert handler.jobs == []


async def test_a_job_cancelled_before_it_comes_is_not_begun(bench: Bench) -> None:
    handler = bench.handler()
    handler.cancel(ORDER)
    await handler.handle(await taken(bench))

    assert bench.telegram.asked == 0
    assert await bench.kinds() == ["job.cancelled"]


async def test_an_order_for_an_earlier_generation_means_nothing(bench: Bench) -> None:
    handler = bench.handler()
    handler.cancel(CancelOrder(job_id="job-5", generation=1))
    await handler.handle(await taken(bench))
    assert (await bench.kinds())[-1] == "job.completed"


async def test_an_order_for_another_job_or_an_earlier_generation_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = asyncio.Event(), asyncio.Event()
    write = MemoryUpload.write

    async def slow(upload: MemoryUpload, chunk: bytes) -> None:
        writing.set()
        await go_on.wait()
        await write(upload, chunk)

    monkeypatch.setattr(MemoryUpload, "write", slow)
    handler = bench.handler()
    handling = asyncio.create_task(handler.handle(await taken(bench)))
    await writing.wait()
    handler.cancel(CancelOrder(job_id="job-6", generation=9))
    handler.cancel(CancelOrder(job_id="job-5", generation=1))
    go_on.set()

    await handling
    assert (await bench.kinds())[-1] == "job.completed"


async def test_a_cancel_during_the_commit_comes_too_late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    committing, go_on = asyncio.Event(), asyncio.Event()
    commit = MemoryUpload.commit

    async def slow(upload: MemoryUpload, late: Mapping[str, str]) -> None:
        committing.set()
        await go_on.wait()
        await commit(upload, late)

    monkeypatch.setattr(MemoryUpload, "commit", slow)
    handler = bench.handler()
    handling = asyncio.create_task(handler.handle(await taken(bench)))
    await committing.wait()
    handler.cancel(ORDER)
    go_on.set()

    await handling
    assert set(bench.store.objects) == {job().key, METADATA_KEY}
    assert isinstance((await bench.reported())[-1], JobCompleted)


async def test_a_job_that_the_queue_took_back_is_stopped_and_the_reason_told(bench: Bench) -> None:
    _, delivery, handling = await begun(bench)
    delivery.revocation.revoke("held for longer than consumer_timeout allows")

    assert await handling > 0
    assert bench.store.uploads_open == 0
    last = (await bench.reported())[-1]
    assert isinstance(last, JobRetrying)
    assert last.category is ErrorCategory.SYSTEM
    assert "consumer_timeout" in last.error
    assert last.retry_count == 0


async def test_the_same_job_come_again_waits_for_the_one_that_runs(bench: Bench) -> None:
    handler, first, running = await begun(bench)
    again = Delivery(first.job, first.redeliveries + 1, tag=99)
    second = asyncio.create_task(handler.handle(again))
    await asyncio.sleep(0)
    assert not second.done()
    assert bench.telegram.asked == 1
    bench.telegram.sources = [MemorySource(BODY)]
    first.revocation.revoke("elsewhere")  # the first ends without the file

    await running
    await second
    assert bench.telegram.asked == 2
    assert (await bench.kinds())[-1] == "job.completed"


async def test_a_worker_listens_for_orders_while_it_works(bench: Bench) -> None:
    source = stalled()
    bench.telegram.sources = [source]
    await bench.queue.publish(job())
    async with bench.worker():
        await eventually(lambda: source.opened and bench.store.uploads_open)
        await bench.control.cancel(ORDER)

        async def empty() -> bool:
            return (await bench.queue.depth()).unacknowledged == 0

        await eventually(empty)
    assert (await bench.kinds())[-1] == "job.cancelled"


async def test_a_silent_transfer_still_says_that_it_is_alive(bench: Bench) -> None:
    at_five = MemorySource(BODY)
    report = progress.Progress(job(), at_five, bench.events, bench.clock)
    async with report.beating(every=0.005):

        async def heard() -> bool:
            delivery = await bench.events.next(0)
            return delivery is not None and isinstance(delivery.event, JobProgress)

        await eventually(heard)
        await eventually(heard)


def test_orders_are_remembered_within_bounds() -> None:
    attempts = Attempts()
    for number in range(10_001):
        attempts.cancel(CancelOrder(job_id=f"job-{number}"))
    first, last = job(job_id="job-0", generation=0), job(job_id="job-10000", generation=0)
    assert (attempts.cancelled(first), attempts.cancelled(last)) == (False, True)


async def test_a_store_that_is_slow_to_abort_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, _, handling = await begun(bench)
    aborting, go_on = asyncio.Event(), asyncio.Event()
    abort = MemoryUpload.abort

    async def slow(upload: MemoryUpload) -> None:
        aborting.set()
        await go_on.wait()
        await abort(upload)

    monkeypatch.setattr(MemoryUpload, "abort", slow)
    handler.cancel(ORDER)
    await aborting.wait()
    assert await bench.kinds() == ["job.started"]  # not reported as gone before it is
    go_on.set()
    await handling
    assert isinstance(bench.store, MemoryObjectStore)
    assert bench.store.uploads_open == 0
