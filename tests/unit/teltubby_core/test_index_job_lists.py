"""Jobs as people ask for them, and as the reconciler does."""

import pytest

from support import CURATOR, OTHER_CURATOR, a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import CarriedJob, ItemState
from unit.teltubby_core.index_cases import Archive, completed, failed, retrying, started

FILE = a_file("same", size=10**9)
LIMIT = 10


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def _ids(archive: Archive, user: int | None, limit: int = 10, *, ended: bool = True) -> list[str]:
    return [job.id for job in await archive.index.jobs(user, limit, ended=ended)]


async def test_open_ones_first_the_newest_first(archive: Archive) -> None:
    jobs = [(await archive.published(number))[1] for number in range(1, 6)]
    await archive.index.apply(started(jobs[0]))
    await archive.index.apply(completed(jobs[1]))
    await archive.index.apply(failed(jobs[4]))
    await archive.index.cancel(jobs[2].job_id, CURATOR)
    assert await _ids(archive, CURATOR) == ["job-4", "job-1", "job-5", "job-3", "job-2"]
    assert await _ids(archive, CURATOR, ended=False) == ["job-4", "job-1"]
    assert await _ids(archive, CURATOR, 3) == ["job-4", "job-1", "job-5"]
    assert await _ids(archive, CURATOR, 1) == ["job-4"]


async def test_ones_own_or_everybodys(archive: Archive) -> None:
    await archive.queued(1)
    await archive.queued(2, chat=OTHER_CURATOR)
    assert await _ids(archive, CURATOR) == ["job-1"]
    assert await _ids(archive, OTHER_CURATOR) == ["job-2"]
    assert await _ids(archive, None) == ["job-2", "job-1"]
    assert await archive.index.open_jobs(CURATOR) == {JobState.PENDING: 1}
    assert await archive.index.open_jobs(None) == {JobState.PENDING: 2}


async def test_a_job_tells_what_is_known_of_it(archive: Archive) -> None:
    _, job = await archive.queued(7, FILE)
    (found,) = await archive.index.jobs(CURATOR, 1, ended=False)
    assert (found.message, found.state, found.published, found.size_bytes) == (job, JobState.PENDING, False, 10**9)
    await archive.index.job_published(job)
    await archive.index.apply(retrying(job))
    (found,) = await archive.index.jobs(CURATOR, 1, ended=False)
    assert (found.published, found.state, found.last_error) == (True, JobState.RETRYING, "the connection closed")
    assert found.created_at <= found.updated_at
    await archive.index.apply(completed(job))
    (found,) = await archive.index.jobs(CURATOR, 1, ended=True)
    assert (found.item.state, found.size_bytes) == (ItemState.STORED, 1000)


async def test_counts_leave_out_what_has_ended(archive: Archive) -> None:
    jobs = [(await archive.published(number))[1] for number in range(1, 5)]
    await archive.index.apply(started(jobs[0]))
    await archive.index.apply(retrying(jobs[1]))
    await archive.index.apply(completed(jobs[2]))
    assert await archive.index.open_jobs(None) == {
        JobState.PENDING: 1,
        JobState.PROCESSING: 1,
        JobState.RETRYING: 1,
    }


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("3f2a9c1d-0000", ["3f2a9c1d-0000"]),
        ("3f2a9c1d", ["3f2a9c1d-0000"]),
        ("3f2a", ["3f2a9c1d-0000", "3f2ab000-0000"]),
        ("3f2", ["3f2a9c1d-0000", "3f2ab000-0000", "3f2b0000-0000"]),
        ("4", []),
        ("3f2a9c1d-00000", []),
        ("%", []),
        ("3f2a*", []),
    ],
)
async def test_by_the_beginning_of_the_id(archive: Archive, prefix: str, found: list[str]) -> None:
    for number, job_id in enumerate(("3f2a9c1d-0000", "3f2b0000-0000", "3f2ab000-0000"), 1):
        await archive.queued(number, job_id=job_id)
    assert [job.id for job in await archive.index.find_jobs(prefix, CURATOR, 10)] == found
    assert [job.id for job in await archive.index.find_jobs(prefix, None, 10)] == found
    assert await archive.index.find_jobs(prefix, OTHER_CURATOR, 10) == []
    assert len(await archive.index.find_jobs("3f2", CURATOR, 2)) == 2


async def test_the_queue_carries_what_is_open_published_and_follows_none(archive: Archive) -> None:
    _, leader = await archive.published(1, FILE)
    await archive.queued(2, FILE)  # follows
    await archive.queued(3)  # not published yet
    _, ended = await archive.published(4)
    await archive.index.apply(failed(ended))
    _, waiting = await archive.published(5)
    await archive.index.apply(retrying(waiting))
    await archive.index.apply(started(leader))
    assert await archive.index.carried_jobs() == [
        CarriedJob("job-1", leader.correlation_id, JobState.PROCESSING, 4),
        CarriedJob("job-5", waiting.correlation_id, JobState.RETRYING, 4, delay_seconds=2),
    ]


# Published again


async def test_a_lost_job_is_published_again_and_that_is_written_down(archive: Archive) -> None:
    item, job = await archive.published()
    await archive.index.apply(started(job))
    assert await archive.index.republish(job.job_id, "silent for 90 s", LIMIT) is JobState.PENDING
    assert await archive.index.unpublished_jobs(10) == [job], "the same generation"
    assert (await archive.again(item)).job_state is JobState.PENDING
    (entry,) = await archive.index.job_trail(job.job_id, 1)
    assert (entry.kind, entry.details["reason"]) == ("job.republished", "silent for 90 s")


async def test_what_is_not_with_the_queue_is_not_published_again(archive: Archive) -> None:
    await archive.queued(1, FILE)
    await archive.queued(2, FILE)
    _, ended = await archive.published(3)
    await archive.index.apply(completed(ended))
    for job_id in ("job-1", "job-2", "job-3", "nothing"):
        assert await archive.index.republish(job_id, "x", LIMIT) is None
    assert await archive.unpublished() == ["job-1"]


async def test_after_so_many_losses_it_is_given_up_and_its_follower_leads(archive: Archive) -> None:
    item, job = await archive.published(1, FILE)
    await archive.queued(2, FILE)
    for _ in range(3):
        assert await archive.index.republish("job-1", "x", 3) is JobState.PENDING
        await archive.index.job_published(job)
    assert await archive.index.republish("job-1", "silent for 60 s", 3) is JobState.FAILED
    again = await archive.again(item)
    assert (again.state, again.job_state) == (ItemState.FAILED, JobState.FAILED)
    assert again.skipped_reason == "the queue has lost it 3 times, the last time silent for 60 s"
    assert await archive.unpublished() == ["job-2"]
    assert (await archive.trail("job-1"))[-1] == "job.lost"
    await archive.index.apply(completed(job))
    assert (await archive.again(item)).state is ItemState.STORED, "somebody had it after all"


async def test_a_retry_by_hand_counts_losses_anew(archive: Archive) -> None:
    _, job = await archive.published()
    await archive.index.republish(job.job_id, "x", 1)
    await archive.index.job_published(job)
    assert await archive.index.republish(job.job_id, "x", 1) is JobState.FAILED
    await archive.index.retry(job.job_id, CURATOR)
    (again,) = await archive.index.unpublished_jobs(1)
    await archive.index.job_published(again)
    assert await archive.index.republish(job.job_id, "x", 1) is JobState.PENDING


async def test_ahead_are_those_of_higher_priority_and_the_older_ones_that_workers_get(archive: Archive) -> None:
    await archive.queued(1)
    await archive.queued(2)
    await archive.queued(3, FILE)
    await archive.queued(4, FILE)  # follows the third
    await archive.queued(5)
    await archive.index.cancel("job-2", CURATOR)
    assert await archive.index.jobs_ahead(["job-1", "job-3", "job-5"]) == {"job-1": 0, "job-3": 1, "job-5": 2}
    await archive.database.run(lambda c: c.execute("UPDATE job_history SET priority = 9 WHERE job_id = 'job-5'"))
    assert await archive.index.jobs_ahead(["job-1", "job-5"]) == {"job-1": 1, "job-5": 0}
