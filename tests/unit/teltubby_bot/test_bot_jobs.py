"""Jobs reach the queue, and what workers report reaches the index before it is acknowledged."""

from typing import Any

import pytest

from support import DATE
from teltubby_bot.jobs import EventReader, JobPublisher, Listeners
from teltubby_bot.placement import key_of_worker
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.documents import encode
from teltubby_core.domain.jobs import (
    CancelOrder,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobProgress,
    JobReplayed,
    JobStarted,
)
from teltubby_core.domain.records import ItemState, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sidecar import metadata_document
from teltubby_core.errors import BrokerUnavailableError, DatabaseUnavailableError, ErrorCategory, TransientError
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, StoredObject, sample_job
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage

STARTED = JobStarted(job_id="job-7", at=DATE, worker="w", attempt=1)
FAILED = JobFailed(job_id="job-7", at=DATE, error="deleted", category=ErrorCategory.PERMANENT)
PROGRESS = JobProgress(job_id="job-7", at=DATE, done_bytes=1, total_bytes=2)


def _completed(key: str = "teltubby/2025/03/mtproto/7/x.mp4", sha: str = "ab") -> JobCompleted:
    return JobCompleted(job_id="job-7", at=DATE, key=key, sha256=sha * 32, size_bytes=1)


def _reader(stage: Stage, events: MemoryEvents, index: Any = None, control: Any = None) -> EventReader:
    return EventReader(index or stage.index, events, control or LocalControl(), stage.store, _listeners(stage))


def _listeners(stage: Stage) -> Listeners:
    return Listeners(
        listened=lambda: stage.note("listened"),
        heard=lambda event: stage.note("heard", event.kind),
        progress=lambda record, event: stage.note("progress", record, event.done_bytes),
        changed=lambda: stage.note("change"),
        stored=lambda stored: stage.note("stored", stored.key),
        alert=lambda kind, text: stage.note("alert", kind, text),
    )


def _publisher(stage: Stage, queue: MemoryJobQueue, index: Any = None) -> JobPublisher:
    return JobPublisher(index or stage.index, queue, on_published=lambda job: stage.note("published", job.job_id))


async def test_recorded_jobs_are_published_once(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    for number in (1, 2):
        await stage.queued(number)
    publisher = _publisher(stage, queue)
    assert await publisher.step() is None
    await publisher.step()
    assert (await queue.depth()).ready == 2
    assert await stage.index.unpublished_jobs(10) == []


async def test_while_the_broker_is_down_jobs_wait(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    await stage.queued()
    queue.fail_with = TransientError("broker down")
    with pytest.raises(TransientError):
        await _publisher(stage, queue).step()
    queue.fail_with = None
    await _publisher(stage, queue).step()
    assert (await queue.depth()).ready == 1


async def test_a_job_whose_publishing_was_not_recorded_is_published_again_and_is_one_job(stage: Stage) -> None:
    queue = MemoryJobQueue(stage.clock)
    await stage.queued()
    index: Any = Failing(stage.index, DatabaseUnavailableError("full"))
    index.methods = {"job_published"}
    with pytest.raises(DatabaseUnavailableError):
        await _publisher(stage, queue, index).step()
    await _publisher(stage, queue).step()
    assert (await queue.depth()).ready == 1


async def test_of_many_jobs_the_rest_follows_at_once(stage: Stage) -> None:
    for number in range(1, 52):
        await stage.queued(number)
    publisher = _publisher(stage, MemoryJobQueue(stage.clock))
    assert await publisher.step() == 0.0
    assert await publisher.step() is None


@pytest.mark.parametrize(("event", "told"), [(STARTED, ("change",)), (PROGRESS, ("progress", 1, 1))])
async def test_a_report_is_taken_in_and_told(stage: Stage, event: JobEvent, told: tuple[object, ...]) -> None:
    await stage.queued()
    events = MemoryEvents()
    await events.publish(event)
    await _reader(stage, events).step()
    assert told in stage.calls
    assert ("heard", event.kind) in stage.calls
    assert await events.next(0) is None


async def test_a_report_that_concerns_nothing_is_acknowledged_in_silence(stage: Stage) -> None:
    events = MemoryEvents()
    await events.publish(STARTED)
    await _reader(stage, events).step()
    assert stage.calls == [("heard", "job.started"), ("listened",)]
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


# What reports lead to


async def _cancelled(stage: Stage) -> None:
    await stage.queued()
    await stage.index.cancel("job-7", 42)


@pytest.mark.parametrize("event", [STARTED, PROGRESS])
async def test_a_worker_at_a_cancelled_job_is_told_again(stage: Stage, event: JobEvent) -> None:
    await _cancelled(stage)
    events, control = MemoryEvents(), LocalControl()
    await events.publish(event)
    await _reader(stage, events, control=control).step()
    assert await control.next(0) == CancelOrder(job_id="job-7")
    assert ("change",) not in stage.calls


async def test_if_it_cannot_be_told_its_next_report_is_another_chance(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await _cancelled(stage)
    events = MemoryEvents()
    control: Any = Failing(LocalControl(), BrokerUnavailableError("connection refused"))
    control.methods = {"cancel"}
    reader = _reader(stage, events, control=control)
    await events.publish(STARTED)
    await reader.step()
    assert "can't be told to stop: connection refused" in caplog.text
    assert await events.next(0) is None, "acknowledged all the same"
    control.methods = set()
    await events.publish(PROGRESS)
    await reader.step()
    assert await control.next(0) == CancelOrder(job_id="job-7")


async def test_a_new_object_is_told_once(stage: Stage) -> None:
    await stage.queued()
    events = MemoryEvents()
    for _ in range(2):
        await events.publish(_completed())
        await _reader(stage, events).step()
    assert stage.calls.count(("stored", _completed().key)) == 1


async def test_a_dead_letter_is_told_to_admins(stage: Stage) -> None:
    await stage.queued()
    events = MemoryEvents()
    for _ in range(2):
        await events.publish(FAILED)
        await _reader(stage, events).step()
    assert [call for call in stage.calls if call[0] == "alert"] == [
        (
            "alert",
            "dead letter",
            "☠️ Job job-7 is a dead letter: deleted. Its sender can /retry job-7, an admin /retry job-7 all.",
        )
    ]


async def test_what_is_skipped_by_rule_is_no_dead_letter(stage: Stage) -> None:
    await stage.queued()
    events = MemoryEvents()
    await events.publish(FAILED.model_copy(update={"category": ErrorCategory.USER}))
    await _reader(stage, events).step()
    assert [call for call in stage.calls if call[0] == "alert"] == []


async def test_reports_count_as_read_only_once_they_are_taken_in(stage: Stage) -> None:
    """Behind one that can't be taken in others wait unheard: their silence means nothing."""
    await stage.queued()
    events = MemoryEvents()
    await events.publish(STARTED)
    index: Any = Failing(stage.index, DatabaseUnavailableError("locked"))
    index.methods = {"apply"}
    with pytest.raises(DatabaseUnavailableError):
        await _reader(stage, events, index).step()
    assert ("listened",) not in stage.calls
    await _reader(stage, events).step()
    assert ("listened",) in stage.calls


async def test_published_jobs_are_told(stage: Stage) -> None:
    await stage.queued()
    await _publisher(stage, MemoryJobQueue(stage.clock)).step()
    assert stage.calls == [("published", "job-7")]


@pytest.mark.parametrize("there", [True, False])
async def test_a_replayed_job_is_a_duplicate_only_of_what_is_really_there(stage: Stage, there: bool) -> None:
    item = await stage.queued(7)
    first = await stage.item(8, item.media)
    await stage.index.settle(first.id, Stored("teltubby/8/x.jpg", "cd" * 32, 4, Route.BOT_API))
    if there:
        await stage.store.put("teltubby/8/x.jpg", b"film", "image/jpeg")
    events = MemoryEvents()
    for event in (FAILED, JobReplayed(job_id="job-7", at=DATE)):
        await events.publish(event)
        await _reader(stage, events).step()
    state = (await stage.again(item)).state
    assert state is (ItemState.DUPLICATE if there else ItemState.QUEUED)
