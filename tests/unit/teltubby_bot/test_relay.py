"""Messages go into the relay channel before their jobs are published, and out of it once these have ended."""

from collections.abc import Callable
from typing import Any

import pytest

from support import CURATOR
from teltubby_bot.jobs import JobPublisher
from teltubby_bot.relay import Relay
from teltubby_bot.telegram import ChannelClosedError
from teltubby_core.domain.jobs import JobFailed, JobState, RelayCopy
from teltubby_core.errors import DatabaseUnavailableError, PermanentError, TransientError
from teltubby_core.testing import MemoryJobQueue
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage

CHANNEL = -1001234567890


class Office:
    """A publisher with a relay."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.queue = MemoryJobQueue(stage.clock)
        self.failed: list[JobFailed] = []
        self.index: Any = Failing(stage.index, DatabaseUnavailableError("full"))
        self.relay = Relay(stage.telegram, self.index, CHANNEL, stage.note)
        self.publisher = JobPublisher(
            self.index,
            self.queue,
            on_published=lambda job: stage.note("published", job.job_id),
            on_failed=self.failed.append,
            relay=self.relay,
        )

    async def taken(self) -> list[tuple[str, RelayCopy | None]]:
        """Take what the queue has."""
        found = []
        while delivery := await self.queue.fetch(0):
            found.append((delivery.job.job_id, delivery.job.relay))
            await self.queue.ack(delivery)
        return found

    @property
    def copied(self) -> list[int]:
        """Ids of the messages that were copied."""
        assert all(copy[:2] == (CHANNEL, CURATOR) for copy in self.stage.telegram.copies)
        return [message_id for _, _, message_id in self.stage.telegram.copies]


@pytest.fixture
def office(stage: Stage) -> Office:
    return Office(stage)


def copy(message_id: int) -> RelayCopy:
    return RelayCopy(chat_id=CHANNEL, message_id=message_id)


async def test_a_job_tells_where_its_copy_is(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await office.publisher.step()
    assert await office.taken() == [("job-7", copy(9000))]
    assert office.copied == [7]


async def test_a_job_that_is_published_again_keeps_its_copy(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await office.publisher.step()
    await office.taken()
    assert await stage.index.republish("job-7", "lost", 3) is JobState.PENDING
    await office.publisher.step()
    assert await office.taken() == [("job-7", copy(9000))]
    assert office.copied == [7]


async def test_a_copy_that_was_recorded_before_a_kill_is_used(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    office.queue.fail_with = TransientError("killed before it was published")
    with pytest.raises(TransientError):
        await office.publisher.step()
    office.queue.fail_with = None
    await office.publisher.step()
    assert await office.taken() == [("job-7", copy(9000))]
    assert office.copied == [7]


async def test_a_copy_that_was_not_recorded_before_a_kill_is_made_again(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    office.index.methods = {"relayed"}
    with pytest.raises(DatabaseUnavailableError):
        await office.publisher.step()
    office.index.methods = set()
    await office.publisher.step()
    assert await office.taken() == [("job-7", copy(9001))]
    assert office.copied == [7, 7]


async def test_a_message_that_can_not_be_copied_fails_its_job_and_no_other(office: Office, stage: Stage) -> None:
    item, _ = await stage.queued(7), await stage.queued(8)
    stage.telegram.failures["copy"] = [PermanentError("message to copy not found")]
    await office.publisher.step()
    assert [job_id for job_id, _ in await office.taken()] == ["job-8"]
    (failed,) = office.failed
    assert failed.job_id == "job-7"
    assert "send it again" in failed.error
    assert (await stage.again(item)).job_state is JobState.FAILED
    assert await stage.index.unpublished_jobs(10) == []


async def test_a_closed_channel_keeps_jobs_waiting_and_is_told_once(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await stage.queued(8)
    stage.telegram.broken["copy"] = ChannelClosedError("need administrator rights in the channel chat")
    for _ in range(3):
        with pytest.raises(ChannelClosedError):
            await office.publisher.step()
    (told,) = [call for call in stage.calls if call[0] == "relay"]
    assert "administrator of RELAY_CHANNEL_ID" in told[1]
    assert office.failed == []
    del stage.telegram.broken["copy"]
    await office.publisher.step()
    assert [job_id for job_id, _ in await office.taken()] == ["job-7", "job-8"]


async def test_a_flood_is_waited_out_before_the_next_copy(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await stage.queued(8)
    stage.telegram.failures["copy"] = [TransientError("flood", 30.0)]
    with pytest.raises(TransientError) as caught:
        await office.publisher.step()
    assert caught.value.retry_after == 30.0
    assert office.copied == []


async def test_what_fails_for_one_now_keeps_no_other_waiting(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await stage.queued(8)
    stage.telegram.failures["copy"] = [TransientError("no answer")]
    with pytest.raises(TransientError):
        await office.publisher.step()
    assert [job_id for job_id, _ in await office.taken()] == ["job-8"]
    await office.publisher.step()
    assert [job_id for job_id, _ in await office.taken()] == ["job-7"]


@pytest.fixture
async def ended(office: Office, stage: Stage) -> Office:
    """Two jobs whose copies are spent."""
    for number in (7, 8):
        await stage.queued(number)
    await office.publisher.step()
    for number in (7, 8):
        await stage.index.cancel(f"job-{number}", CURATOR)
    return office


async def test_copies_of_ended_jobs_are_removed_once(ended: Office, stage: Stage) -> None:
    assert await ended.relay.clear() is None
    await ended.relay.clear()
    assert stage.telegram.deleted == [(CHANNEL, 9000), (CHANNEL, 9001)]


async def test_copies_of_jobs_under_way_stay(office: Office, stage: Stage) -> None:
    await stage.queued(7)
    await office.publisher.step()
    await office.relay.clear()
    assert stage.telegram.deleted == []


async def test_what_can_not_be_removed_now_is_removed_later(ended: Office, stage: Stage) -> None:
    stage.telegram.failures["delete"] = [TransientError("no answer")]
    with pytest.raises(TransientError):
        await ended.relay.clear()
    await ended.relay.clear()
    assert stage.telegram.deleted == [(CHANNEL, 9000), (CHANNEL, 9001)]


@pytest.mark.parametrize(
    ("error", "left"), [(PermanentError("message can't be deleted"), 1), (ChannelClosedError("no rights"), 2)]
)
async def test_a_copy_that_telegram_keeps_is_given_up_and_a_closed_channel_is_not(
    ended: Office, stage: Stage, error: Exception, left: int
) -> None:
    stage.telegram.failures["delete"] = [error]
    clear: Callable[[], Any] = ended.relay.clear
    if left == 2:
        with pytest.raises(ChannelClosedError):
            await clear()
    await clear()
    assert len(stage.telegram.deleted) == left
    assert await stage.index.spent_relay_copies(10) == []


async def test_a_retry_by_hand_gets_a_copy_of_its_own(ended: Office, stage: Stage) -> None:
    await ended.taken()
    await ended.relay.clear()
    await stage.index.retry("job-7", CURATOR)
    await ended.publisher.step()
    assert await ended.taken() == [("job-7", copy(9002))]
