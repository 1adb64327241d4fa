"""What workers report, in whatever order and however often, ends in the same truth."""

import json
from collections.abc import Callable

import pytest

from support import a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.documents import encode
from teltubby_core.domain.jobs import CancelOrder, JobEvent, JobMessage, JobState
from teltubby_core.domain.records import DedupReason, Effect, ItemState
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sidecar import message_document
from teltubby_core.testing import sample_job
from unit.teltubby_core.index_cases import Archive, completed, failed, progress, retrying, sha_of, started

METADATA = "teltubby/2025/03/mtproto/2/metadata.json"


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def test_a_job_goes_its_way_to_completed(archive: Archive) -> None:
    item, job = await archive.queued()
    reports: list[tuple[JobEvent, JobState]] = [
        (started(job), JobState.PROCESSING),
        (retrying(job), JobState.RETRYING),
        (started(job), JobState.PROCESSING),
        (completed(job), JobState.COMPLETED),
    ]
    for event, state in reports:
        assert (await archive.index.apply(event)).message == item.message
        assert (await archive.again(item)).job_state is state
    done = await archive.again(item)
    assert (done.state, done.key, done.size_bytes, done.route) == (ItemState.STORED, job.key, 1000, Route.MTPROTO)
    assert (await archive.record(item.message)).settled


async def test_while_it_retries_the_item_tells_why_and_then_no_more(archive: Archive) -> None:
    item, job = await archive.queued()
    await archive.index.apply(retrying(job))
    assert (await archive.again(item)).last_error == "the connection closed"
    await archive.index.apply(started(job))
    assert (await archive.again(item)).last_error is None


async def test_a_failed_job_fails_its_item_with_the_reason(archive: Archive) -> None:
    item, job = await archive.queued()
    await archive.index.apply(failed(job))
    again = await archive.again(item)
    assert (again.state, again.job_state, again.skipped_reason) == (
        ItemState.FAILED,
        JobState.FAILED,
        "the file is gone",
    )


async def test_progress_concerns_its_message_and_changes_nothing(archive: Archive) -> None:
    item, job = await archive.queued()
    before = await archive.record(item.message)
    assert (await archive.index.apply(progress(job))).message == item.message
    assert await archive.record(item.message) == before


async def test_reports_of_unknown_jobs_are_left_alone(archive: Archive) -> None:
    job = sample_job("never heard of")
    for event in (started(job), progress(job), retrying(job), completed(job), failed(job)):
        assert await archive.index.apply(event) == Effect()


@pytest.mark.parametrize("end", [completed, failed])
async def test_what_comes_after_the_end_is_too_late(archive: Archive, end: Callable[[JobMessage], JobEvent]) -> None:
    item, job = await archive.queued()
    await archive.index.apply(end(job))
    before = await archive.record(item.message)
    for event in (started(job), progress(job), retrying(job), failed(job)):
        assert (await archive.index.apply(event)).message is None
    assert await archive.record(item.message) == before


async def test_a_copy_of_a_job_whose_file_is_there_is_told_to_stop_and_one_that_failed_may_still_bring_it(
    archive: Archive,
) -> None:
    _, there = await archive.queued(1)
    _, gone = await archive.queued(2)
    await archive.index.apply(completed(there))
    await archive.index.apply(failed(gone))
    stop = CancelOrder(job_id=there.job_id, generation=there.generation)
    assert [await archive.index.apply(event) for event in (started(there), progress(there))] == [Effect(stop=stop)] * 2
    assert await archive.index.apply(started(gone)) == Effect()


async def test_a_completion_that_comes_twice_changes_nothing(archive: Archive) -> None:
    item, job = await archive.queued()
    await archive.index.apply(completed(job))
    before = await archive.again(item)
    await archive.index.apply(completed(job))
    assert await archive.again(item) == before
    assert await archive.index.pending_deletes() == [], "its own object is never removed"


async def test_a_completion_after_a_failure_counts(archive: Archive) -> None:
    """Two copies of a job may run at once: one fails, the other's object is there."""
    item, job = await archive.queued()
    await archive.index.apply(failed(job))
    assert (await archive.index.apply(completed(job))).message == item.message
    again = await archive.again(item)
    assert (again.state, again.key, again.job_state) == (ItemState.STORED, job.key, JobState.COMPLETED)
    record = await archive.record(item.message)
    document = json.loads(encode(message_document(record, "b", 0)))
    assert document["keys"] == [job.key]
    assert document["notes"] == []


async def test_a_fetched_twin_becomes_a_duplicate_and_its_object_goes(archive: Archive) -> None:
    first = await archive.item(1)
    await archive.store_as(first, "aa", "teltubby/first")
    item, job = await archive.queued(2)
    await archive.index.apply(completed(job, "aa"))
    again = await archive.again(item)
    assert (again.state, again.duplicate_of, again.dedup_reason, again.route) == (
        ItemState.DUPLICATE,
        "teltubby/first",
        DedupReason.SHA256,
        Route.MTPROTO,
    )
    assert again.job_state is JobState.COMPLETED
    assert set(await archive.index.pending_deletes()) == {job.key, METADATA}


async def test_a_twin_that_is_reported_twice_is_removed_again(archive: Archive) -> None:
    """The second copy of the job has put the object there once more."""
    await archive.store_as(await archive.item(1), "aa", "teltubby/first")
    item, job = await archive.queued(2)
    await archive.index.apply(completed(job, "aa"))
    await archive.index.deleted(job.key)
    await archive.index.apply(completed(job, "aa"))
    assert set(await archive.index.pending_deletes()) == {job.key, METADATA}
    assert (await archive.again(item)).duplicate_of == "teltubby/first"


async def test_what_a_worker_stored_is_known_for_the_next_one(archive: Archive) -> None:
    _, job = await archive.queued(1, a_file("big"))
    await archive.index.apply(completed(job, "bb"))
    known = await archive.index.known_file("unique-big")
    assert known is not None
    assert (known.key, known.sha256) == (job.key, sha_of("bb"))


async def test_every_report_but_progress_is_in_the_trail(archive: Archive) -> None:
    _, job = await archive.queued()
    for event in (started(job), progress(job), retrying(job), failed(job)):
        await archive.index.apply(event)
    kinds = await archive.database.run(lambda c: [r[0] for r in c.execute("SELECT kind FROM job_events ORDER BY id")])
    assert kinds == ["job.created", "job.started", "job.retrying", "job.failed"]
    row = await archive.database.run(lambda c: dict(c.execute("SELECT * FROM job_history").fetchone()))
    assert (row["state"], row["last_error"], row["priority"], row["user_id"]) == ("FAILED", "the file is gone", 4, 42)
    assert json.loads(row["payload_json"])["job_id"] == job.job_id


async def test_nothing_of_a_failed_job_is_removed_for_another_copy_of_it_may_have_stored_the_file(
    archive: Archive,
) -> None:
    _, job = await archive.queued(2)
    await archive.index.apply(failed(job))
    assert await archive.index.pending_deletes() == []
