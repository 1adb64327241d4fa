"""Cancel and retry: at once, once, and whatever workers still say about earlier tries."""

import json
from collections.abc import Callable

import pytest

from support import OTHER_CURATOR, a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.documents import encode
from teltubby_core.domain.jobs import CancelOrder, JobEvent, JobFailed, JobMessage, JobState
from teltubby_core.domain.records import DedupReason, Effect, ItemState, Queued
from teltubby_core.domain.sidecar import message_document
from teltubby_core.errors import ErrorCategory
from teltubby_core.testing import sample_job
from unit.teltubby_core.index_cases import (
    Archive,
    cancelled,
    completed,
    failed,
    key_of,
    progress,
    replayed,
    retrying,
    started,
)

FILE = a_file("same", size=10**9)
ORDER = CancelOrder(job_id="job-7")


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


def _second(job: JobMessage) -> JobMessage:
    return job.model_copy(update={"generation": 1})


# Cancel


@pytest.mark.parametrize("reports", [(), (started,), (started, retrying)])
async def test_an_open_job_is_cancelled_at_once(
    archive: Archive, reports: tuple[Callable[[JobMessage], JobEvent], ...]
) -> None:
    item, job = await archive.published()
    for report in reports:
        await archive.index.apply(report(job))
    before = await archive.record(item.message)
    assert await archive.index.cancel(job.job_id, 42) == ORDER
    again = await archive.again(item)
    assert (again.state, again.job_state, again.skipped_reason, again.last_error) == (
        ItemState.CANCELLED,
        JobState.CANCELLED,
        "cancelled by user 42",
        None,
    )
    record = await archive.record(item.message)
    assert record.settled
    assert record.revision > before.revision, "document and reply are due"


async def test_one_that_was_not_published_yet_never_is(archive: Archive) -> None:
    _, job = await archive.queued()
    await archive.index.cancel(job.job_id, 42)
    assert await archive.unpublished() == []
    assert await archive.index.carried_jobs() == []


async def test_the_document_says_so(archive: Archive) -> None:
    item, job = await archive.queued()
    await archive.index.cancel(job.job_id, 42)
    document = json.loads(encode(message_document(await archive.record(item.message), "b", 0)))
    (told,) = document["telegram"]["items"]
    assert (told["skipped_reason"], told["s3_key"]) == ("cancelled by user 42", None)
    assert document["notes"] == ["item 1 cancelled by user 42"]


async def test_twice_is_once_and_orders_again(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    before = await archive.record(item.message)
    assert await archive.index.cancel(job.job_id, 42) == ORDER
    assert await archive.record(item.message) == before
    assert (await archive.trail()).count("job.cancel") == 1


@pytest.mark.parametrize("end", [completed, failed])
async def test_what_has_ended_is_not_cancelled(archive: Archive, end: Callable[[JobMessage], JobEvent]) -> None:
    item, job = await archive.published()
    await archive.index.apply(end(job))
    before = await archive.record(item.message)
    assert await archive.index.cancel(job.job_id, 42) is None
    assert await archive.record(item.message) == before


async def test_what_is_unknown_is_not_cancelled(archive: Archive) -> None:
    assert await archive.index.cancel("nothing", 42) is None


async def test_a_cancelled_leader_hands_over_to_its_first_follower(archive: Archive) -> None:
    items, jobs = [], []
    for number, chat in ((1, 42), (2, OTHER_CURATOR), (3, 42)):
        item, job = await archive.queued(number, FILE, chat=chat)
        items.append(item)
        jobs.append(job)
    await archive.index.job_published(jobs[0])
    await archive.index.cancel("job-1", 42)
    states = [(await archive.again(item)).state for item in items]
    assert states == [ItemState.CANCELLED, ItemState.QUEUED, ItemState.QUEUED]
    assert [(await archive.again(item)).follows for item in items] == [None, None, "job-2"]
    assert await archive.unpublished() == ["job-2"]
    assert await archive.trail("job-2") == ["job.created", "job.leads"]
    await archive.index.apply(completed(jobs[1]))
    assert [(await archive.again(item)).state for item in items] == [
        ItemState.CANCELLED,
        ItemState.STORED,
        ItemState.DUPLICATE,
    ]


async def test_a_cancelled_follower_only_stops_following(archive: Archive) -> None:
    (leader, job), (follower, _) = [await archive.queued(number, FILE) for number in (1, 2)]
    await archive.index.job_published(job)
    await archive.index.cancel("job-2", 42)
    again = await archive.again(follower)
    assert (again.state, again.follows) == (ItemState.CANCELLED, None)
    assert (await archive.again(leader)).state is ItemState.QUEUED
    await archive.index.apply(completed(job))
    assert (await archive.again(follower)).state is ItemState.CANCELLED
    assert (await archive.again(leader)).state is ItemState.STORED


# What workers say about it


@pytest.mark.parametrize("report", [started, progress])
async def test_a_worker_that_has_not_heard_is_told_again(
    archive: Archive, report: Callable[[JobMessage], JobEvent]
) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    before = await archive.record(item.message)
    assert await archive.index.apply(report(job)) == Effect(stop=ORDER)
    assert await archive.record(item.message) == before


@pytest.mark.parametrize("report", [retrying, failed])
async def test_after_a_cancel_failures_mean_nothing(archive: Archive, report: Callable[[JobMessage], JobEvent]) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    assert await archive.index.apply(report(job)) == Effect()
    assert (await archive.again(item)).job_state is JobState.CANCELLED


async def test_that_it_stopped_is_kept_in_the_trail_and_changes_nothing(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    before = await archive.record(item.message)
    assert await archive.index.apply(cancelled(job)) == Effect()
    assert await archive.record(item.message) == before
    assert await archive.trail() == ["job.created", "job.published", "job.cancel", "job.cancelled"]


async def test_a_stop_that_nobody_asked_for_changes_nothing(archive: Archive) -> None:
    item, job = await archive.published()
    assert await archive.index.apply(cancelled(job)) == Effect()
    assert (await archive.again(item)).job_state is JobState.PENDING


async def test_stored_before_the_cancel_arrived_counts_as_completed(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    before = await archive.record(item.message)
    effect = await archive.index.apply(completed(job))
    assert effect.message == item.message
    assert effect.stored is not None
    assert effect.stored.key == job.key
    again = await archive.again(item)
    assert (again.state, again.job_state, again.key, again.skipped_reason) == (
        ItemState.STORED,
        JobState.COMPLETED,
        job.key,
        None,
    )
    assert (await archive.record(item.message)).revision > before.revision
    assert (await archive.index.apply(completed(job))).stored is None, "once"


async def test_a_leader_that_is_stored_after_its_cancel_and_its_successor_are_one_object(archive: Archive) -> None:
    (leader, first), (follower, second) = [await archive.queued(number, FILE) for number in (1, 2)]
    await archive.index.cancel("job-1", 42)
    await archive.index.apply(completed(first))
    await archive.index.apply(completed(second))
    assert (await archive.again(leader)).state is ItemState.STORED
    assert (await archive.again(follower)).duplicate_of == first.key
    assert second.key in await archive.index.pending_deletes()


# Retry


@pytest.mark.parametrize("how", ["failed", "cancelled", "skipped"])
async def test_what_ended_without_the_file_is_tried_again_as_a_new_generation(archive: Archive, how: str) -> None:
    item, job = await archive.published()
    if how == "cancelled":
        await archive.index.cancel(job.job_id, 42)
    else:
        category = ErrorCategory.USER if how == "skipped" else ErrorCategory.PERMANENT
        await archive.index.apply(JobFailed(job_id=job.job_id, at=job.date, error="no", category=category))
    assert await archive.index.retry(job.job_id, 42)
    again = await archive.again(item)
    assert (again.state, again.job_state, again.skipped_reason, again.last_error) == (
        ItemState.QUEUED,
        JobState.PENDING,
        None,
        None,
    )
    (queued,) = await archive.index.unpublished_jobs(10)
    assert (queued.job_id, queued.generation, queued.job_metadata.retry_count) == (job.job_id, 1, 0)
    assert not (await archive.record(item.message)).settled
    await archive.index.job_published(queued)
    await archive.index.apply(completed(queued))
    assert (await archive.again(item)).state is ItemState.STORED


async def test_a_retry_starts_with_all_attempts(archive: Archive) -> None:
    item = await archive.item()
    job = sample_job("job-7").retried().retried()
    await archive.index.settle(item.id, Queued(job))
    await archive.index.apply(failed(job))
    await archive.index.retry(job.job_id, 42)
    (queued,) = await archive.index.unpublished_jobs(10)
    assert queued.job_metadata.retry_count == 0


@pytest.mark.parametrize("report", [None, started, retrying, completed])
async def test_what_is_open_or_done_is_not_retried(
    archive: Archive, report: Callable[[JobMessage], JobEvent] | None
) -> None:
    item, job = await archive.published()
    if report:
        await archive.index.apply(report(job))
    before = await archive.record(item.message)
    assert not await archive.index.retry(job.job_id, 42)
    assert await archive.record(item.message) == before
    assert await archive.unpublished() == []


async def test_what_is_unknown_is_not_retried(archive: Archive) -> None:
    assert not await archive.index.retry("nothing", 42)


async def test_a_second_retry_waits_for_the_first_to_end(archive: Archive) -> None:
    _, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    assert await archive.index.retry(job.job_id, 42)
    assert not await archive.index.retry(job.job_id, 42)
    assert (await archive.index.unpublished_jobs(10))[0].generation == 1


async def test_reports_of_the_earlier_generation_are_dropped_and_its_worker_is_stopped(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    await archive.index.retry(job.job_id, 42)
    before = await archive.record(item.message)
    for event in (started(job), progress(job)):
        assert await archive.index.apply(event) == Effect(stop=ORDER), "the later one is to go on"
    for late in (retrying(job), failed(job), cancelled(job)):
        assert await archive.index.apply(late) == Effect()
    assert await archive.record(item.message) == before
    await archive.index.apply(started(_second(job)))
    assert (await archive.again(item)).job_state is JobState.PROCESSING


async def test_a_completion_of_the_earlier_generation_counts(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    await archive.index.retry(job.job_id, 42)
    await archive.index.apply(completed(job))
    assert (await archive.again(item)).state is ItemState.STORED
    assert await archive.unpublished() == [], "there is nothing left to fetch"
    assert await archive.index.apply(failed(_second(job))) == Effect()


async def test_a_cancel_of_the_second_generation_orders_that_one(archive: Archive) -> None:
    _, job = await archive.published()
    await archive.index.cancel(job.job_id, 42)
    await archive.index.retry(job.job_id, 42)
    assert await archive.index.cancel(job.job_id, 42) == CancelOrder(job_id=job.job_id, generation=1)


async def test_a_publishing_of_the_earlier_generation_does_not_pass_for_the_later_ones(archive: Archive) -> None:
    """The publisher held the old message while cancel and retry went by."""
    _, job = await archive.queued()
    await archive.index.cancel(job.job_id, 42)
    await archive.index.retry(job.job_id, 42)
    await archive.index.job_published(job)
    (queued,) = await archive.index.unpublished_jobs(10)
    assert queued.generation == 1
    await archive.index.job_published(queued)
    assert await archive.unpublished() == []


async def test_a_file_that_is_known_by_now_is_a_duplicate_without_a_transfer(archive: Archive) -> None:
    item, job = await archive.published(7, FILE)
    await archive.index.cancel(job.job_id, 42)
    other = await archive.item(8, FILE)
    await archive.store_as(other)
    assert await archive.index.retry(job.job_id, 42)
    again = await archive.again(item)
    assert (again.state, again.duplicate_of, again.dedup_reason, again.job_state) == (
        ItemState.DUPLICATE,
        key_of(other),
        DedupReason.FILE_UNIQUE_ID,
        JobState.COMPLETED,
    )
    assert await archive.unpublished() == []


async def test_a_file_that_another_job_brings_by_now_is_followed(archive: Archive) -> None:
    item, job = await archive.published(7, FILE)
    await archive.index.cancel(job.job_id, 42)
    _, other = await archive.published(8, FILE)
    assert await archive.index.retry(job.job_id, 42)
    again = await archive.again(item)
    assert (again.state, again.follows, again.job_state) == (ItemState.QUEUED, other.job_id, JobState.PENDING)
    assert await archive.unpublished() == []
    await archive.index.apply(completed(other))
    assert (await archive.again(item)).duplicate_of == other.key


async def test_one_that_follows_and_whose_earlier_try_ends_well_after_all_follows_no_more(archive: Archive) -> None:
    item, job = await archive.published(7, FILE)
    await archive.index.cancel(job.job_id, 42)
    _, other = await archive.published(8, FILE)
    await archive.index.retry(job.job_id, 42)
    await archive.index.apply(completed(job))
    await archive.index.apply(failed(other))
    assert (await archive.again(item)).state is ItemState.STORED
    assert await archive.unpublished() == [], "it has its file"


async def test_an_operators_replay_is_a_retry(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.apply(failed(job))
    assert await archive.index.apply(replayed(job)) == Effect(item.message)
    assert (await archive.again(item)).job_state is JobState.PENDING
    assert (await archive.trail())[-1] == "job.retry"
    entry = (await archive.index.job_trail(job.job_id, 1))[0]
    assert (entry.details["by"], entry.details["generation"]) == (None, 1)


async def test_a_replay_that_comes_twice_or_for_an_earlier_generation_is_left_alone(archive: Archive) -> None:
    _, job = await archive.published()
    assert await archive.index.apply(replayed(job)) == Effect(), "it is open"
    await archive.index.apply(failed(job))
    await archive.index.apply(replayed(job))
    assert await archive.index.apply(replayed(job)) == Effect()
    await archive.index.apply(failed(_second(job)))
    assert await archive.index.apply(replayed(job)) == Effect(), "a dead letter of an earlier try"
    assert (await archive.index.unpublished_jobs(10)) == []


async def test_the_trail_has_every_step_and_who_took_it(archive: Archive) -> None:
    _, job = await archive.published()
    await archive.index.apply(started(job))
    await archive.index.cancel(job.job_id, 42)
    await archive.index.apply(cancelled(job))
    await archive.index.retry(job.job_id, 43)
    (queued,) = await archive.index.unpublished_jobs(10)
    await archive.index.job_published(queued)
    await archive.index.apply(started(queued))
    await archive.index.apply(completed(queued))
    entries = await archive.index.job_trail(job.job_id, 100)
    assert [entry.kind for entry in entries] == [
        "job.created",
        "job.published",
        "job.started",
        "job.cancel",
        "job.cancelled",
        "job.retry",
        "job.published",
        "job.started",
        "job.completed",
    ]
    assert [entry.details.get("by") for entry in entries if "by" in entry.details] == [42, 43]
    assert [entry.kind for entry in await archive.index.job_trail(job.job_id, 2)] == ["job.started", "job.completed"]
    assert await archive.index.job_trail("nothing", 5) == []
