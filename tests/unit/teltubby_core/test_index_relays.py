"""Copies in the relay channel: whose they are, and when they are to go."""

from collections.abc import Callable

import pytest

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobEvent, JobMessage, RelayCopy
from unit.teltubby_core.index_cases import Archive, completed, failed, retrying, started

CHANNEL = -1001234567890


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


def copy(message_id: int = 11) -> RelayCopy:
    return RelayCopy(chat_id=CHANNEL, message_id=message_id)


async def current(archive: Archive, job: JobMessage) -> JobMessage:
    (found,) = [each for each in await archive.index.unpublished_jobs(10) if each.job_id == job.job_id]
    return found


async def test_a_job_has_the_copy_that_was_made_for_it(archive: Archive) -> None:
    _, job = await archive.queued()
    assert await archive.index.relay_copy(job) is None
    await archive.index.relayed(job, copy())
    await archive.index.relayed(job, copy())
    assert await archive.index.relay_copy(job) == copy()


async def test_a_copy_stays_while_its_job_is_under_way(archive: Archive) -> None:
    _, job = await archive.queued()
    await archive.index.relayed(job, copy())
    for report in (started(job), retrying(job), started(job)):
        await archive.index.apply(report)
        assert await archive.index.spent_relay_copies(10) == []


@pytest.mark.parametrize("report", [completed, failed])
async def test_a_copy_is_spent_once_its_job_has_ended(
    archive: Archive, report: Callable[[JobMessage], JobEvent]
) -> None:
    _, job = await archive.queued()
    await archive.index.relayed(job, copy())
    await archive.index.apply(report(job))
    assert await archive.index.spent_relay_copies(10) == [copy()]
    await archive.index.relay_copy_removed(copy())
    assert await archive.index.spent_relay_copies(10) == []
    assert await archive.index.relay_copy(job) is None


async def test_a_cancelled_jobs_copy_is_spent_and_a_retry_needs_another_one(archive: Archive) -> None:
    _, job = await archive.queued()
    await archive.index.relayed(job, copy())
    await archive.index.cancel(job.job_id, 7)
    await archive.index.retry(job.job_id, 7)
    again = await current(archive, job)
    assert await archive.index.relay_copy(again) is None
    assert await archive.index.spent_relay_copies(10) == [copy()]
    await archive.index.relayed(again, copy(12))
    assert await archive.index.spent_relay_copies(10) == [copy()]
    assert await archive.index.relay_copy(again) == copy(12)


async def test_spent_copies_come_in_order_and_not_all_at_once(archive: Archive) -> None:
    for number in range(1, 6):
        _, job = await archive.queued(number)
        await archive.index.relayed(job, copy(number))
        await archive.index.apply(failed(job))
    assert await archive.index.spent_relay_copies(3) == [copy(1), copy(2), copy(3)]
