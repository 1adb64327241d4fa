"""The same file under way once: whoever else sent it follows, and gets its share whatever becomes of the leader."""

import pytest

from support import OTHER_CURATOR, a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.jobs import JobFailed, JobMessage, JobState
from teltubby_core.domain.records import DedupReason, ItemRecord, ItemState, Queued
from teltubby_core.errors import ErrorCategory
from teltubby_core.testing import sample_job
from unit.teltubby_core.index_cases import Archive, completed, failed, sha_of, started

FILE = a_file("same", size=10**9)


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def _queued(archive: Archive, *message_ids: int) -> tuple[list[ItemRecord], list[JobMessage]]:
    found = [await archive.queued(message_id, FILE) for message_id in message_ids]
    return [item for item, _ in found], [job for _, job in found]


async def _unpublished(archive: Archive) -> list[str]:
    return [job.job_id for job in await archive.index.unpublished_jobs(10)]


async def _states(archive: Archive, items: list[ItemRecord]) -> list[tuple[ItemState, JobState | None]]:
    return [(item.state, item.job_state) for item in [await archive.again(item) for item in items]]


async def test_only_the_first_is_published_and_the_others_follow_with_jobs_of_their_own(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2, 3)
    assert await _unpublished(archive) == [jobs[0].job_id]
    assert [item.follows for item in items] == [None, jobs[0].job_id, jobs[0].job_id]
    assert await _states(archive, items) == [(ItemState.QUEUED, JobState.PENDING)] * 3
    assert [await archive.update_state(item) for item in items] == ["done"] * 3


async def test_the_outcome_says_whom_it_follows(archive: Archive) -> None:
    _, jobs = await _queued(archive, 1)
    item = await archive.item(2, FILE)
    outcome = await archive.index.settle(item.id, Queued(sample_job("job-2", message_id=2)))
    assert isinstance(outcome, Queued)
    assert outcome.follows == jobs[0].job_id


async def test_when_the_leader_is_stored_its_followers_are_duplicates_of_its_object(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2, 3)
    await archive.index.job_published(jobs[0])
    await archive.index.apply(started(jobs[0]))
    before = [(await archive.record(item.message)).revision for item in items]
    await archive.index.apply(completed(jobs[0]))
    leader, *others = [await archive.again(item) for item in items]
    assert (leader.state, leader.key) == (ItemState.STORED, jobs[0].key)
    for item in others:
        assert (item.state, item.duplicate_of, item.dedup_reason, item.sha256, item.key, item.follows) == (
            ItemState.DUPLICATE,
            jobs[0].key,
            DedupReason.FILE_UNIQUE_ID,
            sha_of("aa"),
            None,
            None,
        )
        assert item.job_state is JobState.COMPLETED
    after = [(await archive.record(item.message)).revision for item in items]
    assert all(new > old for old, new in zip(before, after, strict=True)), "each document and reply is due"
    assert await _unpublished(archive) == []
    assert await archive.index.pending_deletes() == [], "nothing was ever put under their own keys"
    trail = await archive.count("SELECT COUNT(*) FROM job_events WHERE kind = 'job.served'")
    assert trail == 2


async def test_when_the_leader_is_a_duplicate_itself_they_are_duplicates_of_the_same_object(archive: Archive) -> None:
    first = await archive.item(9)
    await archive.store_as(first, "aa", "teltubby/2025/03/ada/9/x.jpg")
    items, jobs = await _queued(archive, 1, 2)
    await archive.index.apply(completed(jobs[0]))
    assert [(await archive.again(item)).duplicate_of for item in items] == ["teltubby/2025/03/ada/9/x.jpg"] * 2
    assert await archive.index.pending_deletes() == [
        "teltubby/2025/03/mtproto/1/" + name for name in (jobs[0].key.rpartition("/")[2], "metadata.json")
    ]


async def test_when_the_leader_fails_the_first_follower_leads(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2, 3)
    await archive.index.job_published(jobs[0])
    await archive.index.apply(failed(jobs[0]))
    assert await _unpublished(archive) == [jobs[1].job_id]
    assert [(await archive.again(item)).follows for item in items] == [None, None, jobs[1].job_id]
    assert await _states(archive, items) == [
        (ItemState.FAILED, JobState.FAILED),
        (ItemState.QUEUED, JobState.PENDING),
        (ItemState.QUEUED, JobState.PENDING),
    ]
    await archive.index.apply(completed(jobs[1]))
    assert [state for state, _ in await _states(archive, items)] == [
        ItemState.FAILED,
        ItemState.STORED,
        ItemState.DUPLICATE,
    ]


async def test_a_leader_that_ends_well_after_all_and_its_successor_end_as_one_object(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2)
    await archive.index.apply(failed(jobs[0]))
    await archive.index.apply(completed(jobs[0]))
    await archive.index.apply(completed(jobs[1]))
    first, second = [await archive.again(item) for item in items]
    assert (first.state, second.state, second.duplicate_of) == (ItemState.STORED, ItemState.DUPLICATE, first.key)


async def test_what_is_over_the_limit_is_skipped_for_its_followers_too(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2)
    await archive.index.job_published(jobs[0])
    event = JobFailed(job_id=jobs[0].job_id, at=jobs[0].date, error="larger than …", category=ErrorCategory.USER)
    await archive.index.apply(event)
    assert await _states(archive, items) == [(ItemState.SKIPPED, JobState.FAILED)] * 2
    assert [(await archive.again(item)).skipped_reason for item in items] == ["larger than …"] * 2
    assert await _unpublished(archive) == []


async def test_reports_that_come_twice_change_nothing_more(archive: Archive) -> None:
    items, jobs = await _queued(archive, 1, 2)
    for _ in range(2):
        await archive.index.apply(completed(jobs[0]))
    assert await _states(archive, items) == [
        (ItemState.STORED, JobState.COMPLETED),
        (ItemState.DUPLICATE, JobState.COMPLETED),
    ]


async def test_once_the_leader_has_ended_nobody_follows_it(archive: Archive) -> None:
    _, jobs = await _queued(archive, 1)
    await archive.index.apply(failed(jobs[0]))
    (late,), (job,) = await _queued(archive, 2)
    assert late.follows is None
    assert job.job_id in await _unpublished(archive)


async def test_another_file_and_another_users_same_file(archive: Archive) -> None:
    _, jobs = await _queued(archive, 1)
    other, _ = await archive.queued(2, a_file("other", size=10**9))
    assert other.follows is None
    theirs = await archive.item(3, FILE, chat=OTHER_CURATOR)
    await archive.index.settle(theirs.id, Queued(sample_job("job-3", message_id=3)))
    assert (await archive.again(theirs)).follows == jobs[0].job_id


async def test_without_dedup_nobody_follows(either_database: Database) -> None:
    archive = Archive(either_database)
    archive.index = SqliteIndex(either_database, dedup=False)
    items, jobs = await _queued(archive, 1, 2)
    assert [item.follows for item in items] == [None, None]
    assert await _unpublished(archive) == [job.job_id for job in jobs]
