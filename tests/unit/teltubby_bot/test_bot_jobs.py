"""Jobs reach the queue, and what workers report reaches the index before it is acknowledged."""

from typing import Any

import pytest

from support import DATE
from teltubby_bot.jobs import EventReader, JobPublisher
from teltubby_bot.placement import key_of_worker
from teltubby_core.documents import encode
from teltubby_core.domain.jobs import JobCompleted, JobEvent, JobFailed, JobProgress, JobStarted
from teltubby_core.domain.records import ItemState
from teltubby_core.domain.sidecar import metadata_document
from teltubby_core.errors import DatabaseUnavailableError, ErrorCategory, TransientError
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, StoredObject, sample_job
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage

STARTED = JobStarted(job_id="job-7", at=DATE, worker="w", attempt=1)
FAILED = JobFailed(job_id="job-7", at=DATE, error="deleted", category=ErrorCategory.PERMANENT)
PROGRESS = JobProgress(job_id="job-7", at=DATE, done_bytes=1, total_bytes=2)


def _completed(key: str = "teltubby/2025/03/mtproto/7/x.mp4", sha: str = "ab") -> JobCompleted:
    return JobCompleted(job_id="job-7", at=DATE, key=key, sha256=sha * 32, size_bytes=1)


def _reader(stage: Stage, events: MemoryEvents, index: Any = None) -> EventReader:
    return EventReader(
        index or stage.index,
        events,
        stage.store,
        on_progress=lambda record, event: stage.note("progress", record, event.done_bytes),
        on_change=lambda: stage.note("change"),
    )


async def test_recorded_jobs_are_published_once(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    for number in (1, 2):
        await stage.queued(number)
    publisher = JobPublisher(stage.index, queue)
    assert await publisher.step() is None
    await publisher.step()
    assert (await queue.depth()).ready == 2
    assert await stage.index.unpublished_jobs(10) == []


async def test_while_the_broker_is_down_jobs_wait(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    await stage.queued()
    queue.fail_with = TransientError("broker down")
    with pytest.raises(TransientError):
        await JobPublisher(stage.index, queue).step()
    queue.fail_with = None
    await JobPublisher(stage.index, queue).step()
    assert (await queue.depth()).ready == 1


async def test_a_job_whose_publishing_was_not_recorded_is_published_again_and_is_one_job(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    await stage.queued()
    index: Any = Failing(stage.index, DatabaseUnavailableError("full"))
    index.methods = {"job_published"}
    with pytest.raises(DatabaseUnavailableError):
        await JobPublisher(index, queue).step()
    await JobPublisher(stage.index, queue).step()
    assert (await queue.depth()).ready == 1


async def test_of_many_jobs_the_rest_follows_at_once(stage: Stage) -> None:
    for number in range(1, 52):
        await stage.queued(number)
    publisher = JobPublisher(stage.index, MemoryJobQueue(stage.clock))
    assert await publisher.step() == 0.0
    assert await publisher.step() is None


@pytest.mark.parametrize(("event", "told"), [(STARTED, ("change",)), (PROGRESS, ("progress", 1, 1))])
async def test_a_report_is_taken_in_and_told(stage: Stage, event: JobEvent, told: tuple[object, ...]) -> None:
    await stage.queued()
    events = MemoryEvents()
    await events.publish(event)
    await _reader(stage, events).step()
    assert stage.calls == [told]
    assert await events.next(0) is None


async def test_a_report_that_concerns_nothing_is_acknowledged_in_silence(stage: Stage) -> None:
    events = MemoryEvents()
    await events.publish(STARTED)
    await _reader(stage, events).step()
    assert stage.calls == []
    assert await events.next(0) is None


async def test_a_report_that_could_not_be_taken_in_comes_again(stage: Stage) -> None:
    item = await stage.queued()
    events = MemoryEvents()
    await events.publish(_completed())
    index: Any = Failing(stage.index, DatabaseUnavailableError("locked"))
    index.methods = {"apply"}
    with pytest.raises(DatabaseUnavailableError):
        await _reader(stage, events, index).step()
    await _reader(stage, events).step()
    assert (await stage.again(item)).state is ItemState.STORED


async def test_a_fetched_file_is_no_duplicate_of_a_missing_one(stage: Stage) -> None:
    first = await stage.stored(1)
    item = await stage.queued()
    events = MemoryEvents()
    await events.publish(_completed().model_copy(update={"sha256": first.sha256}))
    await _reader(stage, events).step()
    assert (await stage.again(item)).state is ItemState.STORED
    assert await stage.index.pending_deletes() == []


async def test_a_fetched_twin_of_one_that_is_there_is_a_duplicate(stage: Stage) -> None:
    first = await stage.stored(1)
    stage.store.objects[str(first.key)] = StoredObject(bytes(1000), "video/mp4")
    item = await stage.queued()
    events = MemoryEvents()
    await events.publish(_completed().model_copy(update={"sha256": first.sha256}))
    await _reader(stage, events).step()
    assert (await stage.again(item)).duplicate_of == first.key


async def _left_by_a_dead_worker(stage: Stage, job_id: str = "job-7", size: int = 4) -> str:
    """Let a worker die between metadata.json and its report; return the object's key."""
    item = await stage.queued()
    name = await stage.index.place(item.id, "film.mp4")
    key = key_of_worker(item, name)
    job = sample_job(job_id, message_id=7).model_copy(update={"key": key})
    document = metadata_document(
        job, bucket="test", sha256="ab" * 32, size_bytes=size, archived_at=0, worker="w", redeliveries=0
    )
    await stage.store.put(key, b"film", "video/mp4")
    await stage.store.put(key.replace("film.mp4", "metadata.json"), encode(document), "application/json")
    return key


async def test_a_failure_after_a_success_that_nobody_heard_of_is_the_success(stage: Stage) -> None:
    key = await _left_by_a_dead_worker(stage)
    events = MemoryEvents()
    await events.publish(FAILED)
    await _reader(stage, events).step()
    item = await stage.index.job_item("job-7")
    assert item is not None
    assert (item.state, item.key, item.sha256, item.size_bytes) == (ItemState.STORED, key, "ab" * 32, 4)


@pytest.mark.parametrize(("job_id", "size"), [("another", 4), ("job-7", 5)])
async def test_what_another_job_or_half_a_file_left_is_no_success(stage: Stage, job_id: str, size: int) -> None:
    await _left_by_a_dead_worker(stage, job_id, size)
    events = MemoryEvents()
    await events.publish(FAILED)
    await _reader(stage, events).step()
    item = await stage.index.job_item("job-7")
    assert item is not None
    assert item.state is ItemState.FAILED
