"""Cancel and retry by command: done at once, said in plain words, and told to those whom it concerns."""

from collections.abc import Callable

import pytest

from teltubby_bot.catalogue import say
from teltubby_core.adapters.sqlite.job_rows import message_of_job
from teltubby_core.domain.jobs import CancelOrder, JobCompleted, JobFailed, JobMessage, JobState
from teltubby_core.domain.records import ItemState
from teltubby_core.errors import BrokerUnavailableError, DatabaseUnavailableError, StorageUnavailableError
from teltubby_core.testing import StoredObject
from unit.teltubby_bot.office import FIRST, SECOND, Office, completed, failed, started
from unit.teltubby_bot.stage import Stage


@pytest.fixture
async def office(stage: Stage) -> Office:
    return Office(stage)


# /cancel


async def test_a_cancelled_job_is_ended_and_its_worker_told(office: Office) -> None:
    job = await office.job()
    await office.stage.index.apply(started(job))
    assert await office.says("/cancel 3f2a9c") == "🛑 Job 3f2a9c is cancelled. /retry 3f2a9c brings it back."
    assert await office.state() is JobState.CANCELLED
    assert await office.control.next(0) == CancelOrder(job_id=FIRST)
    assert ("changed",) in office.stage.calls


async def test_a_second_cancel_says_the_same_and_orders_again(office: Office) -> None:
    await office.job()
    answers = {await office.says("/cancel 3f2a9c") for _ in range(2)}
    assert len(answers) == 1
    assert [await office.control.next(0) for _ in range(3)] == [*[CancelOrder(job_id=FIRST)] * 2, None]


async def test_with_the_broker_away_it_is_cancelled_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.job()

    async def refuse(_: CancelOrder) -> None:
        raise BrokerUnavailableError("connection refused")

    monkeypatch.setattr(office.control, "cancel", refuse)
    text = await office.says("/cancel 3f2a9c")
    assert text.startswith("🛑 Job 3f2a9c is cancelled.")
    assert text.endswith(say("cancel-unheard"))
    assert await office.state() is JobState.CANCELLED


@pytest.mark.parametrize(("end", "words"), [(completed, "archived"), (failed, "failed: the message is gone")])
async def test_what_has_ended_is_not_cancelled(
    office: Office, end: Callable[[JobMessage], JobCompleted | JobFailed], words: str
) -> None:
    await office.stage.index.apply(end(await office.job()))
    assert await office.says("/cancel 3f2a9c") == f"Job 3f2a9c has ended already: {words}."
    assert await office.control.next(0) is None


async def test_while_the_database_is_locked_a_command_waits_unanswered(office: Office) -> None:
    await office.job()
    office.index.methods = {"cancel"}
    with pytest.raises(DatabaseUnavailableError):
        await office.says("/cancel 3f2a9c")
    office.index.methods = set()
    assert (await office.says("/cancel 3f2a9c")).startswith("🛑")
    assert len(await office.stage.index.replies(0, 100)) == 3, "both commands, and the file's own answer"


# /retry


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_what_ended_without_the_file_is_queued_again(office: Office, how: str) -> None:
    job = await office.job()
    if how == "failed":
        await office.stage.index.apply(failed(job))
    else:
        await office.says("/cancel 3f2a9c")
    assert await office.says("/retry 3f2a9c") == "🔁 Job 3f2a9c is queued again."
    (again,) = await office.stage.index.unpublished_jobs(9)
    assert again.generation == 1
    assert await office.state() is JobState.PENDING
    assert ("changed",) in office.stage.calls


async def test_what_is_open_or_archived_is_not_retried(office: Office) -> None:
    job = await office.job()
    assert await office.says("/retry 3f2a9c") == (
        "Job 3f2a9c can't be tried again: it is on its way (waits for a worker). Only what failed or was cancelled can."
    )
    await office.stage.index.apply(completed(job))
    assert "it is archived. Only" in await office.says("/retry 3f2a9c")


async def test_a_file_that_is_archived_by_now_needs_no_transfer(office: Office) -> None:
    await office.job(file="m3")
    await office.says("/cancel 3f2a9c")
    first = await office.stage.stored(3)
    office.stage.store.objects[str(first.key)] = StoredObject(bytes(1000), "image/jpeg")
    assert (await office.says("/retry 3f2a9c")).startswith("♻️ Job 3f2a9c needs no transfer")
    found = await office.stage.index.job_item(FIRST)
    assert found is not None
    assert (found.state, found.duplicate_of) == (ItemState.DUPLICATE, first.key)


async def test_one_that_is_gone_from_the_bucket_is_fetched_anew(office: Office) -> None:
    await office.job(file="m3")
    await office.says("/cancel 3f2a9c")
    await office.stage.stored(3)
    assert await office.says("/retry 3f2a9c") == "🔁 Job 3f2a9c is queued again."


async def test_while_the_bucket_cannot_be_looked_at_nothing_is_decided(office: Office) -> None:
    await office.job(file="m3")
    await office.says("/cancel 3f2a9c")
    await office.stage.stored(3)
    office.stage.store.fail_with = StorageUnavailableError("read-only")
    assert await office.says("/retry 3f2a9c") == "⚠️ The archive can't be looked at: read-only. Try again later."
    assert await office.state() is JobState.CANCELLED


async def test_one_that_another_job_brings_by_now_follows(office: Office) -> None:
    await office.job(FIRST, 1, file="same")
    await office.says("/cancel 3f2a9c")
    await office.job(SECOND, 2, file="same")
    assert "another job brings the same file already" in await office.says("/retry 3f2a9c")
    assert "waits for the job that brings the same file" in await office.says("/jobs 3f2a9c")


async def test_a_full_archive_takes_no_retry(stage: Stage) -> None:
    office = Office(stage, room_limit=1000)
    await office.job(size=1001)
    await office.says("/cancel 3f2a9c")
    assert await office.says("/retry 3f2a9c") == (
        "⏸ The archive is full (0 B of 1000 B, this file needs 1001 B). Send /retry 3f2a9c again once there is space."
    )
    assert await office.state() is JobState.CANCELLED


async def test_but_a_file_that_needs_no_room_by_now(stage: Stage) -> None:
    office = Office(stage, room_limit=1000)
    await office.job(file="m3")
    await office.says("/cancel 3f2a9c")
    first = await stage.stored(3)
    stage.store.objects[str(first.key)] = StoredObject(bytes(1000), "image/jpeg")
    assert (await office.says("/retry 3f2a9c")).startswith("♻️ Job 3f2a9c needs no transfer")


async def test_the_generation_is_in_the_recorded_job(office: Office) -> None:
    await office.job()
    for _ in range(3):
        await office.says("/cancel 3f2a9c")
        await office.says("/retry 3f2a9c")
    job = await office.stage.database.run(lambda c: message_of_job(c, FIRST))
    assert job.generation == 3
