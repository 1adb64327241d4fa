"""What becomes of a job, on fakes of every port."""

import asyncio
import hashlib
import json
import logging

import pytest

from teltubby_core.domain.jobs import (
    MAX_REDELIVERIES,
    JobCompleted,
    JobFailed,
    JobProgress,
    JobRetrying,
    JobStarted,
    Report,
)
from teltubby_core.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    ErrorCategory,
    InfrastructureError,
    PermanentError,
    StorageFullError,
    TeltubbyError,
    TransientError,
)
from teltubby_core.testing import MemorySource
from teltubby_worker import handling, progress
from teltubby_worker.handling import insist, pause_after
from unit.teltubby_worker.bench import BODY, METADATA_KEY, Bench, job


@pytest.fixture
def bench() -> Bench:
    return Bench()


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
    seen: list[tuple[str, bool, int | None]] = []
    publish = bench.events.publish

    async def watched(event: Report) -> None:
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
    for attempt in range(9):
        delivery = await bench.queue.fetch(0)
        assert delivery
        assert delivery.job.job_metadata.retry_count == attempt
        await bench.handler().handle(delivery)
        last = (await bench.reported())[-1]
        if isinstance(last, JobRetrying):
            assert (last.category, last.retry_count) == (ErrorCategory.TRANSIENT, attempt + 1)
            delays.append(last.delay_seconds)
            assert await bench.next_delivery(last.delay_seconds - 1) is None
            bench.clock.advance(1)
    assert delays == [15, 30, 60, 120, 240, 480, 600, 600]
    assert isinstance(last, JobFailed)
    assert (last.error, last.category) == (
        "closed; given up after 9 attempts; send it again",
        ErrorCategory.TRANSIENT,
    )
    assert bench.queue.dead_letters == {"job-5": last.error}
    assert bench.store.objects == {}
    assert bench.store.uploads_open == 0


async def test_a_wait_that_telegram_asks_for_decides_the_delay_and_burns_no_retry(bench: Bench) -> None:
    last_chance = job().model_copy(update={"job_metadata": job().job_metadata.model_copy(update={"max_retries": 0})})
    bench.telegram.sources = [MemorySource(BODY, TransientError("flood", 900))]
    assert await bench.handle(last_chance) == 0
    retrying = (await bench.reported())[-1]
    assert isinstance(retrying, JobRetrying)
    assert (retrying.delay_seconds, retrying.retry_count) == (900, 0)
    assert await bench.next_delivery(899) is None
    assert (await bench.next_delivery(1)).job == last_chance


async def test_a_wait_of_no_length_does_not_make_the_worker_spin(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(BODY, TransientError("flood", 0))]
    await bench.handle(job())
    assert await bench.next_delivery(0.5) is None
    assert await bench.next_delivery(0.5)


@pytest.mark.parametrize(
    "trouble", [InfrastructureError("unknown yet"), TransientError("closed"), TransientError("f", 9)]
)
async def test_no_job_starts_and_no_retry_is_burnt_before_the_bucket_is_known_to_be_ours(
    bench: Bench, trouble: TeltubbyError
) -> None:
    bench.bucket_trouble = trouble
    assert await bench.handle(job()) == 1
    assert bench.telegram.asked == 0
    (retrying,) = await bench.reported()
    assert isinstance(retrying, JobRetrying)
    assert (retrying.category, retrying.retry_count) == (ErrorCategory.SYSTEM, 0)
    assert (await bench.next_delivery(1)).job == job()


async def test_another_bots_bucket_leaves_even_a_job_that_is_over_its_limits_untouched(bench: Bench) -> None:
    bench.bucket_trouble = ConfigurationError(["TELEGRAM_BOT_TOKEN: another bot's archive"])
    with pytest.raises(ConfigurationError):
        await bench.handle(job(), redeliveries=MAX_REDELIVERIES + 1)
    assert await bench.kinds() == []
    assert bench.queue.dead_letters == {}


async def test_every_log_line_about_a_job_starts_with_its_correlation_id(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "teltubby_worker")
    errors = [TransientError("closed"), PermanentError("gone"), InfrastructureError("down"), ZeroDivisionError()]
    for number, error in enumerate([*errors, None]):
        bench.telegram.sources = [MemorySource(BODY, error)]
        await bench.handle(job(job_id=f"job-{number}", correlation_id=f"u{number}"))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("teltubby_worker")]
    assert {line.partition(": ")[0] for line in lines} == {f"u{number}" for number in range(5)}
    assert all(line.split(": ")[1] == f"job job-{line[1]}" for line in lines)


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
    assert "came back 11 times from a worker that died" in bench.queue.dead_letters["job-5"]
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


@pytest.mark.parametrize(("announced", "asked"), [(5000, 0), (1, 1), (None, 1)])
async def test_a_file_over_the_limit_is_refused_by_rule_before_its_first_byte(
    bench: Bench, announced: int | None, asked: int
) -> None:
    bench.max_file_bytes = 4000 - 1
    bench.telegram.sources = [MemorySource(BODY, told=len(BODY))]
    await bench.handle(job(file_info=job().file_info.model_copy(update={"file_size": announced})))
    assert bench.telegram.asked == asked
    *_, failed = await bench.reported()
    assert isinstance(failed, JobFailed)
    assert failed.category is ErrorCategory.USER
    assert "MAX_FILE_GB" in failed.error
    assert (bench.store.objects, bench.store.uploads_open) == ({}, 0)
    assert bench.queue.dead_letters == {}, "nothing there to be mended"
    assert (await bench.queue.depth()).unacknowledged == 0


async def test_a_file_of_exactly_the_limit_is_stored(bench: Bench) -> None:
    bench.max_file_bytes = len(BODY)
    await bench.handle(job())
    assert job().key in bench.store.objects


@pytest.mark.parametrize("announced", [None, 1, 10**9])
async def test_a_size_that_was_announced_wrongly_costs_no_retry(bench: Bench, announced: int | None) -> None:
    bench.telegram.sources = [MemorySource(BODY, told=len(BODY))]
    await bench.handle(job(file_info=job().file_info.model_copy(update={"file_size": announced})))
    completed = (await bench.reported())[-1]
    assert isinstance(completed, JobCompleted)
    assert completed.size_bytes == len(BODY)


async def test_an_empty_file_is_an_empty_object(bench: Bench) -> None:
    bench.telegram.sources = [MemorySource(b"", told=0)]
    await bench.handle(job(file_info=job().file_info.model_copy(update={"file_size": 0})))
    assert bench.store.objects[job().key].body == b""
    completed = (await bench.reported())[-1]
    assert isinstance(completed, JobCompleted)
    assert completed.sha256 == hashlib.sha256(b"").hexdigest()


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
    published: list[Report] = []

    async def publish(event: Report) -> None:
        published.append(event)

    bench.events.publish = publish  # type: ignore[method-assign]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bench.handle(job(file_info=job().file_info.model_copy(update={"file_size": 4000})))
    allowed = 1 + (loop.time() - began) / progress.PROGRESS_SECONDS
    reports = [event for event in published if isinstance(event, JobProgress)]
    assert 1 <= len(reports) <= allowed
    assert (reports[0].done_bytes, reports[0].total_bytes) == (4, 4000)


async def test_progress_that_cannot_be_reported_does_not_hurt_the_job(bench: Bench) -> None:
    publish = bench.events.publish

    async def failing(event: Report) -> None:
        if isinstance(event, JobProgress):
            raise DatabaseUnavailableError("locked")
        await publish(event)

    bench.events.publish = failing  # type: ignore[method-assign]
    await bench.handle(job())
    assert await bench.kinds() == ["job.started", "job.completed"]


async def test_what_must_be_told_is_told_once_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handling, "_PAUSE_BASE", 0.001)
    failures = [DatabaseUnavailableError("locked"), TransientError("closed")]

    async def action() -> None:
        if failures:
            raise failures.pop()

    async with asyncio.timeout(5):
        await insist(action, "report", job())
    assert failures == []
    assert caplog.messages[-1].startswith("corr-1: job job-5: can't report: locked")


async def test_insisting_ends_with_an_error_that_no_waiting_mends() -> None:
    async def action() -> None:
        raise PermanentError("malformed")

    with pytest.raises(PermanentError):
        await insist(action, "report", job())


def test_pauses_never_grow_beyond_a_minute() -> None:
    assert pause_after(10_000) == 60
