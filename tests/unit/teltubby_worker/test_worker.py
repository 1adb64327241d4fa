"""The worker's loop: fetching, stopping, and losing no job, on fakes of every port."""

import asyncio
from typing import Any

import pytest

from support import eventually
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError, InfrastructureError
from teltubby_core.testing import MemorySource
from teltubby_worker import consumer, handling
from unit.teltubby_worker.bench import BODY, METADATA_KEY, Bench, job


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_jobs_are_done_one_after_another_by_default(bench: Bench) -> None:
    for number in range(3):
        await bench.queue.publish(job(job_id=f"job-{number}", key=f"teltubby/2025/06/mtproto/{number}/a.mp4"))
    async with bench.worker():
        await eventually(lambda: len(bench.store.objects) == 6)
    assert bench.telegram.closed == 1


async def test_as_many_jobs_run_side_by_side_as_are_allowed(bench: Bench) -> None:
    stalled = [MemorySource(BODY, stalls=True, at=100) for _ in range(3)]
    bench.telegram.sources = list(stalled)
    for number in range(3):
        await bench.queue.publish(job(job_id=f"job-{number}"))
    async with bench.worker(concurrency=2, grace=0):
        await eventually(lambda: sum(source.opened for source in stalled) == 2)
        assert (await bench.queue.depth()).ready == 1
    assert (await bench.queue.depth()).ready == 3


async def test_a_stop_lets_a_running_job_finish(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource([b"x"] * 2000)]
    await bench.queue.publish(job(file_info=job().file_info.model_copy(update={"file_size": 2000})))
    async with bench.worker() as stop:
        await eventually(lambda: bench.telegram.asked == 1)
        stop.set()
    assert job().key in bench.store.objects
    assert (await bench.queue.depth()).unacknowledged == 0


async def test_a_job_that_does_not_finish_in_time_is_given_back_unchanged(bench: Bench) -> None:
    source = MemorySource(BODY, stalls=True, at=100)
    bench.telegram.sources = [source]
    await bench.queue.publish(job())
    async with bench.worker(grace=0.01):
        await eventually(lambda: source.opened == 1)
    assert source.closed == 1
    assert bench.store.uploads_open == 0
    delivery = await bench.queue.fetch(0)
    assert delivery
    assert (delivery.job, delivery.redeliveries) == (job(), 0)
    assert bench.telegram.closed == 1


async def test_a_stop_does_not_wait_for_a_broker_that_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "_PAUSE_BASE", 0.005)
    monkeypatch.setattr(consumer, "_UNHEARD_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "_LOOK_SECONDS", 0.01)
    publish, tried = bench.events.publish, 0

    async def refused(event: Any) -> None:
        nonlocal tried
        if event.kind == "job.completed":
            tried += 1
            raise InfrastructureError("the broker is gone")
        await publish(event)

    bench.events.publish = refused  # type: ignore[method-assign]
    await bench.queue.publish(job())
    async with asyncio.timeout(5), bench.worker(grace=3600) as stop:
        await eventually(lambda: tried > 1)
        stop.set()
    assert (await bench.queue.depth()).ready == 1


async def test_a_job_fetched_while_the_worker_is_cancelled_is_not_lost(bench: Bench) -> None:
    running = asyncio.create_task(bench.make_worker().run(asyncio.Event()))
    for _ in range(5):
        await asyncio.sleep(0)  # by now it waits for a job
    await bench.queue.publish(job())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    depth = await bench.queue.depth()
    assert (depth.ready, depth.unacknowledged) == (1, 0)


async def test_a_queue_that_is_down_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "_PAUSE_BASE", 0.005)
    bench.queue.fail_with = DatabaseUnavailableError("locked")
    failures = 0
    fetch = bench.queue.fetch

    async def counted(timeout: float) -> Any:
        nonlocal failures
        failures += bench.queue.fail_with is not None
        return await fetch(timeout)

    bench.queue.fetch = counted  # type: ignore[method-assign]
    async with bench.worker():
        await eventually(lambda: failures >= 3)
        bench.queue.fail_with = None
        await bench.queue.publish(job())
        await eventually(lambda: METADATA_KEY in bench.store.objects)


async def test_an_outcome_that_cannot_be_recorded_gives_the_job_back_and_the_worker_lives(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(delivery: Any) -> None:
        raise ZeroDivisionError("a defect in the queue")

    bench.queue.ack = broken  # type: ignore[method-assign]
    await bench.queue.publish(job())
    async with bench.worker():
        await eventually(lambda: "outcome was not recorded" in caplog.text)
    assert (await bench.queue.depth()).ready == 1


async def test_a_job_waits_until_the_bucket_is_known_to_be_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "_PAUSE_BASE", 0.005)
    bench.bucket_trouble = InfrastructureError("not known yet")
    await bench.queue.publish(job())
    async with bench.worker():
        await eventually(lambda: bench.bucket_asked == 1)
        assert bench.telegram.asked == 0
        bench.bucket_trouble = None

        def stored() -> bool:
            bench.clock.advance(1)
            return METADATA_KEY in bench.store.objects

        await eventually(stored)


async def test_another_bots_bucket_ends_the_worker_at_once_and_gives_every_job_back_unchanged(bench: Bench) -> None:
    running = MemorySource(BODY, stalls=True, at=100)
    bench.telegram.sources = [running]
    await bench.queue.publish(job(job_id="running"))
    working = asyncio.create_task(bench.make_worker(concurrency=2, grace=60).run(asyncio.Event()))
    await eventually(lambda: running.opened == 1)
    await bench.kinds()
    bench.bucket_trouble = ConfigurationError(["TELEGRAM_BOT_TOKEN: this archive is another bot's"])
    await bench.queue.publish(job(job_id="next"))
    async with asyncio.timeout(5):
        with pytest.raises(ConfigurationError, match="another bot's"):
            await working
    assert await bench.kinds() == []
    assert bench.store.objects == {}
    assert bench.telegram.closed == 1
    for _ in range(2):
        delivery = await bench.queue.fetch(0)
        assert delivery
        assert (delivery.job, delivery.redeliveries) == (job(job_id=delivery.job.job_id), 0)
