"""The whole bot on fakes: jobs are seen, cancelled and retried in the chat; admins hear of what needs them."""

from dataclasses import replace
from pathlib import Path

import pytest

from support import CURATOR, OTHER_CURATOR, eventually
from teltubby_bot.reconciler import Patience
from teltubby_core.domain.jobs import CancelOrder, JobCompleted, JobFailed, JobMessage, JobStarted
from teltubby_core.errors import BrokerUnavailableError, ErrorCategory
from teltubby_core.testing import StoredObject
from unit.teltubby_bot.fakes import DOWNLOAD_LIMIT
from unit.teltubby_bot.test_service import OPTIONS, House
from unit.teltubby_bot.wire import UNIX, a_command, a_payload, an_update

ADMIN = OTHER_CURATOR
WITH_ADMIN = replace(OPTIONS, whitelist=frozenset({CURATOR, ADMIN}), admins=frozenset({ADMIN}))
BIG = DOWNLOAD_LIMIT + 1


class Curator:
    """Sends large files and commands, and reads the answers."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._ids = 0

    def send_video(self, name: str = "a") -> int:
        """Send a file that only a worker can fetch; return its message id."""
        self._ids += 1
        self.house.send(an_update(self._ids, self._ids, **a_payload("video", name, size=BIG)))
        return self._ids

    async def says(self, text: str) -> str:
        """Send a command; return its answer."""
        self._ids += 1
        message_id = self._ids
        self.house.send(a_command(message_id, text, message_id))
        found: str = await eventually(lambda: self.reply(message_id))
        return found

    def reply(self, message_id: int) -> str:
        """What the bot's reply to a message says now; empty while there is none."""
        telegram = self.house.telegram
        sent = next((m for m in telegram.sent if m.reply_to == message_id and m.chat_id == CURATOR), None)
        if sent is None:
            return ""
        return next((text for _, edited, text in reversed(telegram.edits) if edited == sent.id), sent.text)

    async def sees(self, message_id: int, words: str) -> None:
        """Wait until a reply says so."""
        await eventually(lambda: words in self.reply(message_id))

    async def job(self) -> JobMessage:
        """Take the next job from the queue, as a worker would, and report it."""
        delivery = await self.house.queue.fetch(5)
        assert delivery is not None
        await self.house.queue.ack(delivery)
        await self.started(delivery.job)
        return delivery.job

    async def started(self, job: JobMessage) -> None:
        event = JobStarted(job_id=job.job_id, generation=job.generation, at=UNIX, worker="w", attempt=1)
        await self.house.events.publish(event)

    async def completed(self, job: JobMessage) -> None:
        self.house.store.objects[job.key] = StoredObject(b"big", "video/mp4")
        done = JobCompleted(
            job_id=job.job_id, generation=job.generation, at=UNIX, key=job.key, sha256="ab" * 32, size_bytes=3
        )
        await self.house.events.publish(done)

    async def failed(self, job: JobMessage) -> None:
        await self.house.events.publish(
            JobFailed(
                job_id=job.job_id,
                generation=job.generation,
                at=UNIX,
                error="the message is gone",
                category=ErrorCategory.PERMANENT,
            )
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "teltubby.db")


@pytest.fixture
def curator(house: House) -> Curator:
    return Curator(house)


async def test_a_cancelled_job_is_told_documented_and_comes_back_by_retry(house: House, curator: Curator) -> None:
    async with house.bot():
        video = curator.send_video()
        job = await curator.job()
        short = job.job_id[:6]
        await curator.sees(video, f"/cancel {short}")
        assert f"{short} video" in await curator.says("/queue")
        assert (await curator.says(f"/cancel {short}")).startswith(f"🛑 Job {short} is cancelled")
        assert await house.control.next(5) == CancelOrder(job_id=job.job_id)
        await curator.sees(video, "🛑 Cancelled: 1 video")
        (document,) = house.documents()
        assert document["notes"] == [f"item 1 cancelled by user {CURATOR}"]
        await curator.started(job)
        assert await house.control.next(5) == CancelOrder(job_id=job.job_id), "its worker had not heard"
        assert await curator.says(f"/retry {short}") == f"🔁 Job {short} is queued again."
        again = await curator.job()
        assert (again.job_id, again.generation) == (job.job_id, 1)
        await curator.completed(again)
        await curator.sees(video, "✅ Archived: 1 video")
    (document,) = house.documents()
    assert document["keys"] == [job.key]
    assert "cancelled" not in str(document["notes"])


async def test_stored_before_the_cancel_arrived_is_archived_after_all(house: House, curator: Curator) -> None:
    async with house.bot():
        video = curator.send_video()
        job = await curator.job()
        await curator.says(f"/cancel {job.job_id}")
        await curator.sees(video, "🛑 Cancelled")
        await curator.completed(job)
        await curator.sees(video, "✅ Archived: 1 video")
        await eventually(lambda: house.documents()[0]["keys"] == [job.key])


async def test_of_two_who_sent_the_same_file_a_cancel_takes_only_ones_own_part(house: House, curator: Curator) -> None:
    async with house.bot(WITH_ADMIN):
        first = curator.send_video("same")
        job = await curator.job()
        house.send(an_update(500, 500, sender=ADMIN, **a_payload("video", "same", size=BIG)))
        await eventually(lambda: "on its way already" in "".join(house.telegram.shown(ADMIN)))
        await curator.says(f"/cancel {job.job_id}")
        theirs = await curator.job()
        assert (theirs.user_id, theirs.job_id != job.job_id) == (ADMIN, True)
        await curator.completed(theirs)
        await eventually(lambda: "✅ Archived" in "".join(house.telegram.shown(ADMIN)))
        await curator.sees(first, "🛑 Cancelled")


async def test_news_go_out(house: House, curator: Curator) -> None:
    async with house.bot():
        video = curator.send_video()
        job = await curator.job()
        await curator.completed(job)
        house.send(an_update(500, 500, **a_payload("photo", "small", size=1)), b"x", "small")
        await curator.sees(video, "✅ Archived")
        await eventually(lambda: len(house.events.announced) == 3)
    assert sorted(news.kind for news in house.events.announced) == ["archive.stored", "archive.stored", "job.queued"]


async def test_admins_hear_of_dead_letters_and_others_do_not(house: House, curator: Curator) -> None:
    async with house.bot(WITH_ADMIN):
        video = curator.send_video()
        job = await curator.job()
        await curator.failed(job)
        await eventually(lambda: house.telegram.shown(ADMIN))
        await curator.sees(video, "❌ failed: the message is gone")
    (alert,) = house.telegram.shown(ADMIN)
    assert alert.startswith(f"☠️ Job {job.job_id[:6]} is a dead letter: the message is gone")
    assert not any("dead letter" in text for text in house.telegram.shown(CURATOR))


async def test_a_burst_of_strangers_is_told_to_admins(house: House) -> None:
    async with house.bot(WITH_ADMIN):
        for number in range(1, 21):
            house.send(an_update(number, number, sender=99, text="let me in"))
        await eventually(lambda: house.telegram.shown(ADMIN))
    (told,) = house.telegram.shown(ADMIN)
    assert told.startswith("🔐 20 or more within a minute: message of a user who is not on the whitelist. They hear")
    assert "whom you know goes into TELEGRAM_WHITELIST_IDS" in told
    assert house.telegram.shown(99) == []


async def test_a_job_that_the_queue_lost_is_brought_again(house: House, curator: Curator) -> None:
    patience = Patience(pending=0.1, processing=0.1, retrying=0.1, look=0.02, reports=30)
    async with house.bot(replace(OPTIONS, patience=patience)):
        video = curator.send_video()
        lost = await curator.job()  # taken from the queue, and never heard of again
        again = await curator.job()
        assert again == lost
        await curator.completed(again)
        await curator.sees(video, "✅ Archived: 1 video")


async def test_with_the_broker_down_jobs_are_made_and_published_later(house: House, curator: Curator) -> None:
    async with house.bot():
        house.queue.fail_with = house.events.fail_with = BrokerUnavailableError("connection refused")
        video = curator.send_video()
        await curator.sees(video, "✅ Job Queued 📥")
        assert "The queue does not answer: connection refused" in await curator.says("/queue")
        house.queue.fail_with = house.events.fail_with = None
        await curator.completed(await curator.job())
        await curator.sees(video, "✅ Archived: 1 video")


async def test_a_full_archive_pauses_and_goes_on_by_itself_with_a_higher_limit(house: House, curator: Curator) -> None:
    async with house.bot(replace(WITH_ADMIN, quota_bytes=1000)):
        video = curator.send_video()
        await curator.sees(video, "⏸ The archive is full (0 B of 1000 B, this file needs 20.0 MB): this file waits")
        assert "0 B of 1000 B" in await curator.says("/quota")
        assert (await house.queue.depth()).ready == 0
    async with house.bot(replace(WITH_ADMIN, quota_bytes=10**9)):
        await curator.completed(await curator.job())
        await curator.sees(video, "✅ Archived: 1 video")


async def test_a_cancel_makes_room_at_once(house: House, curator: Curator) -> None:
    async with house.bot(replace(OPTIONS, quota_bytes=BIG)):
        curator.send_video("a")
        job = await curator.job()
        second = curator.send_video("b")
        await curator.sees(second, "⏸ The archive is full (20.0 MB of 20.0 MB)")
        await curator.says(f"/cancel {job.job_id}")
        await curator.sees(second, "✅ Job Queued 📥")


async def test_admins_are_told_when_the_archive_is_nearly_full(house: House, curator: Curator) -> None:
    async with house.bot(replace(WITH_ADMIN, quota_bytes=BIG, room_seconds=0.02)):
        curator.send_video()
        await eventually(lambda: house.telegram.shown(ADMIN))
    assert house.telegram.shown(ADMIN)[0].startswith("🗄 The archive is 100 % full: 20.0 MB of 20.0 MB.")


async def test_the_menu_of_an_unknown_command_has_them_all(house: House, curator: Curator) -> None:
    async with house.bot():
        answer = await curator.says("/nope")
    for command in ("start", "help", "status", "quota", "queue", "jobs", "cancel", "retry", "purge"):
        assert f"/{command}" in answer
