"""The worker's loop and what becomes of a job, on fakes of every port."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from teltubby_core.domain.jobs import (
    MAX_REDELIVERIES,
    FileInfo,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobMetadata,
    JobProgress,
    JobRetrying,
    JobStarted,
    TelegramContext,
)
from teltubby_core.domain.media import MediaKind
from teltubby_core.errors import (
    DatabaseUnavailableError,
    ErrorCategory,
    InfrastructureError,
    PermanentError,
    StorageFullError,
    TransientError,
)
from teltubby_core.ports import MediaSource
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, MemoryObjectStore, MemorySource, SteppedClock
from teltubby_worker import handling
from teltubby_worker.consumer import Worker
from teltubby_worker.handling import JobHandler, Surroundings, insist, pause_after

BODY = b"film" * 1000
METADATA_KEY = "teltubby/2025/06/mtproto/5/metadata.json"


def job(**fields: Any) -> JobMessage:
    values: dict[str, Any] = {
        "job_id": "job-5",
        "user_id": 7,
        "chat_id": 7,
        "message_id": 5,
        "file_info": FileInfo(
            file_id="f", file_unique_id="u", file_size=len(BODY), file_type=MediaKind.VIDEO, mime_type="video/mp4"
        ),
        "telegram_context": TelegramContext(caption="holiday"),
        "job_metadata": JobMetadata(created_at=datetime(2025, 6, 1, tzinfo=UTC)),
        "correlation_id": "corr-1",
        "generation": 2,
        "ordinal": 1,
        "date": datetime(2025, 6, 1, tzinfo=UTC),
        "base_path": "teltubby/2025/06/ada/5",
        "key": "teltubby/2025/06/mtproto/5/film.mp4",
        "message_json_key": "teltubby/2025/06/ada/5/message.json",
    }
    return JobMessage(**(values | fields))


class FakeTelegram:
    """Hands out the sources it was given, the last one again and again."""

    def __init__(self) -> None:
        self.sources: list[MediaSource] = [MemorySource(BODY)]
        self.asked = 0
        self.closed = 0

    def source(self, _job: JobMessage) -> MediaSource:
        self.asked += 1
        return self.sources.pop(0) if len(self.sources) > 1 else self.sources[0]

    async def close(self) -> None:
        self.closed += 1


class Bench:
    """Everything a worker works with."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.queue = MemoryJobQueue(self.clock)
        self.events = MemoryEvents()
        self.store = MemoryObjectStore()
        self.telegram = FakeTelegram()

    def handler(self) -> JobHandler:
        around = Surroundings(self.queue, self.events, self.store, self.telegram, self.clock, "tester", stall_timeout=5)
        return JobHandler(around, jitter=lambda: 0.0)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[asyncio.Event]:
        worker = Worker(
            self.queue,
            self.events,
            self.store,
            self.telegram,
            self.clock,
            "tester",
            stall_timeout=5,
            **({"grace": 5} | options),
        )
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await running

    async def handle(self, message: JobMessage, redeliveries: int = 0) -> float:
        await self.queue.publish(message)
        delivery = await self.queue.fetch(1)
        assert delivery
        for _ in range(redeliveries):
            await self.queue.recover()
            delivery = await self.queue.fetch(1)
            assert delivery
        return await self.handler().handle(delivery)

    async def reported(self) -> list[JobEvent]:
        events: list[JobEvent] = []
        while delivery := await self.events.next(0):
            await self.events.ack(delivery)
            if not isinstance(delivery.event, JobProgress):
                events.append(delivery.event)
        return events

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.reported()]

    async def next_delivery(self, after: float) -> Any:
        self.clock.advance(after)
        return await self.queue.fetch(0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def until(condition: Callable[[], bool], limit: float = 5) -> None:
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110  # conditions of others, who have no event for it
            await asyncio.sleep(0.002)


# What becomes of a job


async def test_a_job_is_stored_documented_reported_and_acknowledged(bench: Bench) -> None:
    assert await bench.handle(job()) == 0
    stored = bench.store.objects[job().key]
    assert (stored.body, stored.content_type) == (BODY, "video/mp4")
    assert stored.metadata["message-id"] == "5"
    document = json.loads(bench.store.objects[METADATA_KEY].body)
    assert document["file"]["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert document["s3_key"] == job().key
    started, completed = await bench.reported()
    assert isinstance(started, JobStarted)
    assert isinstance(completed, JobCompleted)
    assert (started.worker, started.attempt, started.generation) == ("tester", 1, 2)
    assert completed.generation == 2
    assert (await bench.queue.depth()).unacknowledged == 0


async def test_the_document_lies_in_the_bucket_before_completion_is_reported(bench: Bench) -> None:
    seen: list[tuple[str, bool, int]] = []
    publish = bench.events.publish

    async def watched(event: JobEvent) -> None:
        held = (await bench.queue.depth()).unacknowledged
        seen.append((event.kind, METADATA_KEY in bench.store.objects, held))
        await publish(event)

    bench.events.publish = watched  # type: ignore[method-assign]
    await bench.handle(job())
    assert seen[0] == ("job.started", False, 1)
    assert seen[-1] == ("job.completed", True, 1)


async def test_a_transient_error_is_retried_with_growing_delays_and_then_dead_lettered(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(BODY, TransientError("closed"), at=10)]
    await bench.queue.publish(job())
    delays = []
    for attempt in range(4):
        delivery = await bench.queue.fetch(0)
        assert delivery
        assert delivery.job.job_metadata.retry_count == attempt
        await bench.handler().handle(delivery)
        last = (await bench.reported())[-1]
        if isinstance(last, JobRetrying):
            assert (last.category, last.retry_count) == (ErrorCategory.TRANSIENT, attempt + 1)
            delays.append(last.delay_seconds)
            assert await bench.next_delivery(last.delay_seconds - 0.1) is None
            bench.clock.advance(0.1)
    assert delays == [2, 4, 8]
    assert isinstance(last, JobFailed)
    assert (last.error, last.category) == ("closed", ErrorCategory.TRANSIENT)
    assert bench.queue.dead_letters == {"job-5": "closed"}
    assert bench.store.objects == {}
    assert bench.store.uploads_open == 0


async def test_a_flood_decides_the_delay(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(BODY, TransientError("flood", 900))]
    await bench.handle(job())
    retrying = (await bench.reported())[-1]
    assert isinstance(retrying, JobRetrying)
    assert retrying.delay_seconds == 900


async def test_a_permanent_error_is_dead_lettered_at_once(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(BODY, PermanentError("deleted"))]
    assert await bench.handle(job()) == 0
    assert await bench.kinds() == ["job.started", "job.failed"]
    assert bench.queue.dead_letters == {"job-5": "deleted"}


async def test_a_full_disk_burns_no_retry_and_pauses_longer_each_time_up_to_a_minute(bench: Bench) -> None:
    bench.store.fail_commit_with = StorageFullError("no space left")
    handler = bench.handler()
    await bench.queue.publish(job())
    pauses = []
    for _ in range(9):
        delivery = await bench.queue.fetch(0)
        assert delivery
        assert delivery.job == job()
        pauses.append(await handler.handle(delivery))
        retrying = (await bench.reported())[-1]
        assert isinstance(retrying, JobRetrying)
        assert (retrying.category, retrying.retry_count) == (ErrorCategory.SYSTEM, 0)
        assert retrying.delay_seconds == pauses[-1]
        bench.clock.advance(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    bench.store.fail_commit_with = None
    delivery = await bench.queue.fetch(0)
    assert delivery
    assert await handler.handle(delivery) == 0
    assert job().key in bench.store.objects


async def test_success_makes_the_next_pause_short_again(bench: Bench) -> None:
    down = MemorySource(BODY, InfrastructureError("down"))
    bench.telegram.sources = [down, down, MemorySource(BODY), down]
    handler = bench.handler()
    await bench.queue.publish(job())
    rests = []
    for number in range(4):
        delivery = await bench.queue.fetch(0)
        assert delivery
        rests.append(await handler.handle(delivery))
        await bench.queue.publish(job(job_id=f"next-{number}")) if rests[-1] == 0 else bench.clock.advance(60)
    assert rests == [1, 2, 0, 1]


async def test_a_job_that_killed_too_many_workers_is_dead_lettered_untouched(bench: Bench) -> None:
    await bench.handle(job(), redeliveries=MAX_REDELIVERIES + 1)
    assert bench.telegram.asked == 0
    assert "died 11 times" in bench.queue.dead_letters["job-5"]
    assert await bench.kinds() == ["job.failed"]


async def test_the_last_redelivery_allowed_is_still_done(bench: Bench) -> None:
    await bench.handle(job(), redeliveries=MAX_REDELIVERIES)
    assert job().key in bench.store.objects
    assert json.loads(bench.store.objects[METADATA_KEY].body)["redeliveries"] == MAX_REDELIVERIES


async def test_a_short_file_is_no_object_and_is_tried_again(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(BODY[:-1])]
    await bench.handle(job())
    assert bench.store.objects == {}
    assert await bench.kinds() == ["job.started", "job.retrying"]


async def test_an_unexpected_error_is_logged_with_its_traceback_and_retried(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.telegram.sources = [MemorySource(BODY, ZeroDivisionError("a defect"))]
    await bench.handle(job())
    retrying = (await bench.reported())[-1]
    assert isinstance(retrying, JobRetrying)
    assert retrying.category is ErrorCategory.TRANSIENT
    assert "ZeroDivisionError" in retrying.error
    assert "Traceback" in caplog.text


async def test_progress_is_reported_at_most_twice_a_second(bench: Bench) -> None:
    chunks = [bytes(4)] * 1000
    bench.telegram.sources = [MemorySource(chunks)]
    published: list[JobEvent] = []

    async def publish(event: JobEvent) -> None:
        published.append(event)

    bench.events.publish = publish  # type: ignore[method-assign]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bench.handle(job(file_info=job().file_info.model_copy(update={"file_size": 4000})))
    allowed = 1 + (loop.time() - began) / handling.PROGRESS_SECONDS
    reports = [event for event in published if isinstance(event, JobProgress)]
    assert 1 <= len(reports) <= allowed
    assert (reports[0].done_bytes, reports[0].total_bytes) == (4, 4000)


async def test_progress_that_cannot_be_reported_does_not_hurt_the_job(bench: Bench) -> None:
    publish = bench.events.publish

    async def failing(event: JobEvent) -> None:
        if isinstance(event, JobProgress):
            raise DatabaseUnavailableError("locked")
        await publish(event)

    bench.events.publish = failing  # type: ignore[method-assign]
    await bench.handle(job())
    assert await bench.kinds() == ["job.started", "job.completed"]


async def test_what_must_be_told_is_told_once_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "_PAUSE_BASE", 0.001)
    failures = [DatabaseUnavailableError("locked"), TransientError("closed")]

    async def action() -> None:
        if failures:
            raise failures.pop()

    async with asyncio.timeout(5):
        await insist(action, "report")
    assert failures == []


async def test_insisting_ends_with_an_error_that_no_waiting_mends() -> None:
    async def action() -> None:
        raise PermanentError("malformed")

    with pytest.raises(PermanentError):
        await insist(action, "report")


def test_pauses_never_grow_beyond_a_minute() -> None:
    assert pause_after(10_000) == 60


# The loop


async def test_jobs_are_done_one_after_another_by_default(bench: Bench) -> None:
    for number in range(3):
        await bench.queue.publish(job(job_id=f"job-{number}", key=f"teltubby/2025/06/mtproto/{number}/a.mp4"))
    async with bench.worker():
        await until(lambda: len(bench.store.objects) == 6)
    assert bench.telegram.closed == 1


async def test_as_many_jobs_run_side_by_side_as_are_allowed(bench: Bench) -> None:
    stalled = [MemorySource(BODY, stalls=True, at=100) for _ in range(3)]
    bench.telegram.sources = list(stalled)
    for number in range(3):
        await bench.queue.publish(job(job_id=f"job-{number}"))
    async with bench.worker(concurrency=2, grace=0):
        await until(lambda: sum(source.opened for source in stalled) == 2)
        assert (await bench.queue.depth()).ready == 1
    assert (await bench.queue.depth()).ready == 3


async def test_a_stop_lets_a_running_job_finish(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource([b"x"] * 2000)]
    await bench.queue.publish(job(file_info=job().file_info.model_copy(update={"file_size": 2000})))
    async with bench.worker() as stop:
        await until(lambda: bench.telegram.asked == 1)
        stop.set()
    assert job().key in bench.store.objects
    assert (await bench.queue.depth()).unacknowledged == 0


async def test_a_job_that_does_not_finish_in_time_is_given_back_unchanged(bench: Bench) -> None:
    source = MemorySource(BODY, stalls=True, at=100)
    bench.telegram.sources = [source]
    await bench.queue.publish(job())
    async with bench.worker(grace=0.01):
        await until(lambda: source.opened == 1)
    assert source.closed == 1
    assert bench.store.uploads_open == 0
    delivery = await bench.queue.fetch(0)
    assert delivery
    assert (delivery.job, delivery.redeliveries) == (job(), 0)
    assert bench.telegram.closed == 1


async def test_a_job_fetched_while_the_worker_is_cancelled_is_not_lost(bench: Bench) -> None:
    worker = Worker(bench.queue, bench.events, bench.store, bench.telegram, bench.clock, "tester", stall_timeout=5)
    running = asyncio.create_task(worker.run(asyncio.Event()))
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
        await until(lambda: failures >= 3)
        bench.queue.fail_with = None
        await bench.queue.publish(job())
        await until(lambda: METADATA_KEY in bench.store.objects)


async def test_an_outcome_that_cannot_be_recorded_gives_the_job_back_and_the_worker_lives(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(delivery: Any) -> None:
        raise ZeroDivisionError("a defect in the queue")

    bench.queue.ack = broken  # type: ignore[method-assign]
    await bench.queue.publish(job())
    async with bench.worker():
        await until(lambda: "outcome was not recorded" in caplog.text)
    assert (await bench.queue.depth()).ready == 1
