"""The whole bot on fakes: what a user sends is archived, and the chat tells so."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support import CURATOR, eventually
from teltubby_bot.archiver import ArchiverOptions
from teltubby_bot.botapi import parse_press, parse_update
from teltubby_bot.intake import Parse
from teltubby_bot.ownership import Ownership
from teltubby_bot.replier import Pace
from teltubby_bot.service import Bot, BotOptions, Ports
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.clock import SystemClock
from teltubby_core.documents import check
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import JobCompleted, JobMessage, JobProgress, JobStarted
from teltubby_core.domain.routing import Limits
from teltubby_core.errors import ConfigurationError, StorageFullError, TransientError
from teltubby_core.testing import MemoryDeadLetters, MemoryEvents, MemoryJobQueue, MemoryObjectStore, StoredObject
from unit.teltubby_bot.fakes import BOT_ID, DOWNLOAD_LIMIT, FakeTelegram
from unit.teltubby_bot.wire import UNIX, a_command, a_payload, an_update, channel_chat

OPTIONS = BotOptions(
    whitelist=frozenset({CURATOR}),
    window=AlbumWindow(0.05, 0.5),
    archiver=ArchiverOptions(Limits(), concurrency=4, dedup=True, stall_timeout=5),
    poll_seconds=1,
    pace=Pace(0.0, 0.02, 0.0),
)


class House:
    """What outlives the bot: its database's file, the bucket, the queue, Telegram."""

    def __init__(self, path: Path) -> None:
        self.clock = SystemClock()
        self.path = path
        self.store = MemoryObjectStore()
        self.telegram = FakeTelegram()
        self.queue = MemoryJobQueue(self.clock)
        self.events = MemoryEvents()
        self.control = LocalControl()
        self.dead_letters = MemoryDeadLetters()
        self.parse: Parse = parse_update
        self.more: dict[str, Any] = {}  # ports that only some bots have
        self.running: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def bot(self, options: BotOptions = OPTIONS) -> AsyncIterator[Bot]:
        """Run a bot; leaving stops it as SIGTERM would."""
        database = Database(self.path)
        await database.open()
        index = SqliteIndex(database, dedup=options.archiver.dedup)
        ports = Ports(
            telegram=self.telegram,
            parse=self.parse,
            parse_press=parse_press,
            secret="5:token",
            inbox=SqliteInbox(database, BOT_ID, self.clock),
            index=index,
            ownership=Ownership(self.store, index, BOT_ID, "ARCHIVE_DIR"),
            queue=self.queue,
            events=self.events,
            control=self.control,
            dead_letters=self.dead_letters,
            store=self.store,
            clock=self.clock,
            **self.more,
        )
        bot, stop = Bot(ports, options), asyncio.Event()
        self.running = running = asyncio.create_task(bot.run(stop))
        try:
            yield bot
        finally:
            stop.set()
            try:
                await asyncio.wait_for(running, 15)
            finally:
                await database.close()

    def send(self, update: dict[str, Any], content: bytes | None = None, name: str = "a") -> None:
        """Let a curator send something, its file lying at Telegram."""
        if content is not None:
            self.telegram.files[f"file-{name}"] = content
        self.telegram.deliver(update)

    def documents(self) -> list[dict[str, Any]]:
        """Return every message.json, each checked against its schema."""
        found = [json.loads(o.body) for key, o in sorted(self.store.objects.items()) if key.endswith("/message.json")]
        for document in found:
            check("message.schema.json", document)
        return found

    async def replies(self, *beginnings: str) -> list[str]:
        """Wait until the chat shows replies that begin so."""

        def shown() -> list[str]:
            texts = self.telegram.shown(CURATOR)
            pairs = zip(texts, beginnings, strict=False)
            return texts if len(texts) == len(beginnings) and all(t.startswith(b) for t, b in pairs) else []

        try:
            found: list[str] = await eventually(shown)
        except AssertionError:
            raise AssertionError(f"the chat shows {self.telegram.shown(CURATOR)}") from None
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "teltubby.db")


async def test_a_photo(house: House) -> None:
    async with house.bot():
        house.send(an_update(1, **a_payload("photo", size=4), caption="At the sea"), b"jpeg")
        (reply,) = await house.replies("✅ Archived: 1 photo")
    (document,) = house.documents()
    (key,) = document["keys"]
    assert key == "teltubby/2025/03/ada/7/20250301-123000_ada_ada_m7_001_at-the-sea.jpg"
    assert house.store.objects[key].body == b"jpeg"
    assert document["telegram"]["items"][0]["sha256"] == hashlib.sha256(b"jpeg").hexdigest()
    assert "teltubby/2025/03/ada/7/" in reply
    assert house.telegram.unconfirmed == []


async def test_an_album_of_mixed_kinds_is_one_message(house: House) -> None:
    kinds = ("video", "photo", "document")
    async with house.bot():
        for number, kind in enumerate(kinds):
            update = an_update(
                number, 9 - number, **a_payload(kind, kind, size=len(kind)), media_group_id="135", caption=f"c {kind}"
            )
            house.send(update, kind.encode(), kind)
        await house.replies("✅ Archived: 1 document, 1 photo, 1 video")
    (document,) = house.documents()
    assert document["base_path"] == "teltubby/2025/03/ada/7"
    assert [item["type"] for item in document["telegram"]["items"]] == ["document", "photo", "video"]
    assert [item["ordinal"] for item in document["telegram"]["items"]] == [1, 2, 3]
    assert document["telegram"]["caption_plain"] == "c document"
    assert all("_m7-g135_00" in key for key in document["keys"])


async def test_a_forward_lies_in_the_folder_of_its_origin(house: House) -> None:
    origin = {"type": "channel", "date": UNIX, "chat": channel_chat(), "message_id": 99}
    async with house.bot():
        house.send(an_update(1, **a_payload("photo", size=1), forward_origin=origin), b"x")
        await house.replies("✅ Archived")
    (document,) = house.documents()
    assert document["base_path"] == "teltubby/2025/03/thenews/7"
    assert document["telegram"]["forward_origin"]["message_id"] == 99


async def test_the_same_file_twice_is_stored_once(house: House) -> None:
    async with house.bot():
        house.send(an_update(1, 7, **a_payload("photo", size=1)), b"x")
        (first,) = await house.replies("✅ Archived")
        house.send(an_update(2, 8, **a_payload("photo", size=1)))
        await house.replies(first, "♻️ Already archived: 1 photo")
    first_document, second_document = house.documents()
    assert second_document["duplicate_of"] == first_document["keys"][0]
    assert second_document["dedup_reason"] == "file_unique_id"
    assert second_document["keys"] == []
    assert house.telegram.downloads["file-a"] == 1


async def test_a_stranger_hears_nothing(house: House) -> None:
    async with house.bot() as bot:
        house.send(an_update(1, sender=99, **a_payload("photo")), b"x")
        house.send(a_command(2, "/start"))
        await house.replies("Send or forward me")
        assert bot.intake.ignored == {"stranger": 1}
    assert house.telegram.shown(99) == []
    assert not house.telegram.downloads


async def test_commands_are_answered_in_the_chat(house: House) -> None:
    async with house.bot():
        house.send(a_command(1, "/help"))
        house.send(a_command(2, "/status"))
        await house.replies("Send or forward me any file", "Up for 0 h 0 min")


async def _claim_job(house: House) -> JobMessage:
    delivery = await house.queue.fetch(5)
    assert delivery is not None
    await house.queue.ack(delivery)
    return delivery.job


async def test_a_large_file_goes_through_a_worker(house: House) -> None:
    now = UNIX
    async with house.bot():
        house.send(an_update(1, **a_payload("video", size=DOWNLOAD_LIMIT + 1)))
        await house.replies("✅ Job Queued 📥 1 video")
        job = await _claim_job(house)
        await house.events.publish(JobStarted(job_id=job.job_id, at=now, worker="w", attempt=1))
        await house.events.publish(JobProgress(job_id=job.job_id, at=now, done_bytes=50, total_bytes=100))
        await eventually(lambda: "▰▰▰▰▰▱▱▱▱▱ 50 %" in house.telegram.shown(CURATOR)[0])
        house.store.objects[job.key] = StoredObject(b"big", "video/mp4")
        done = JobCompleted(job_id=job.job_id, at=now, key=job.key, sha256="ab" * 32, size_bytes=3)
        await house.events.publish(done)
        (reply,) = await house.replies("✅ Archived: 1 video")
    assert "teltubby/2025/03/mtproto/7/" in reply
    (document,) = house.documents()
    assert document["keys"] == [job.key]
    assert document["telegram"]["items"][0]["route"] == "mtproto"
    assert job.message_json_key in house.store.objects


async def test_while_storage_is_full_the_user_is_told_and_then_it_is_archived(house: House) -> None:
    async with house.bot():
        house.send(a_command(1, "/start", 6))
        await house.replies("Send or forward me")
        house.store.fail_with = StorageFullError("no space left")
        house.send(an_update(2, **a_payload("photo", size=1)), b"x")
        await house.replies("Send or forward me", "⏳ Archiving 1 photo …\n⏸ waits: no space left")
        house.store.fail_with = None
        await house.replies("Send or forward me", "✅ Archived: 1 photo")


async def test_stopped_midway_it_goes_on_after_the_next_start(house: House) -> None:
    house.telegram.gate.clear()
    async with house.bot():
        house.send(an_update(1, 7, **a_payload("photo", "one", size=3)), b"one", "one")
        house.send(an_update(2, 8, **a_payload("photo", "two", size=3), media_group_id="9"), b"two", "two")
        await house.replies("⏳ Archiving 1 photo …", "")
        await eventually(lambda: house.telegram.running > 0)
        asyncio.get_running_loop().call_later(0.2, house.telegram.gate.set)
    house.send(an_update(3, 9, **a_payload("photo", "three", size=5), media_group_id="9"), b"three", "three")
    async with house.bot():
        await house.replies("✅ Archived: 1 photo", "✅ Archived:")
        await eventually(lambda: len([k for k in house.store.objects if k.endswith(".jpg")]) == 3)
        await eventually(lambda: [d["files_count"] for d in house.documents()] == [1, 2])
    assert len(house.telegram.sent) == 2
    assert house.store.uploads_open == 0


async def test_unconfirmed_updates_of_an_earlier_run_are_taken_in_once(house: House) -> None:
    update = an_update(1, **a_payload("photo", size=1))
    for _ in range(2):
        house.send(update, b"x")
        async with house.bot():
            await house.replies("✅ Archived")
            await eventually(lambda: house.telegram.unconfirmed == [])
    assert len(house.documents()) == 1
    assert house.telegram.downloads["file-a"] == 1


async def test_it_waits_for_telegram_at_the_start(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teltubby_bot.service._FIRST_WAIT", 0.01)
    house.telegram.failures["me"] = [TransientError("net"), TransientError("net")]
    async with house.bot():
        house.send(a_command(1, "/start"))
        await house.replies("Send or forward me")


async def test_a_stop_while_it_waits_for_telegram_ends_it(house: House) -> None:
    house.telegram.broken["me"] = TransientError("net")
    async with house.bot():
        pass


@pytest.mark.parametrize("method", ["me", "poll"])
async def test_a_refused_token_ends_it_at_the_start_and_later(house: House, method: str) -> None:
    house.telegram.broken[method] = ConfigurationError(["TELEGRAM_BOT_TOKEN: refused"])
    with pytest.raises((ConfigurationError, ExceptionGroup)) as caught:
        async with house.bot():
            await eventually(lambda: house.running and house.running.done())
    found = caught.value.exceptions if isinstance(caught.value, ExceptionGroup) else [caught.value]
    assert [type(error) for error in found] == [ConfigurationError]


async def test_without_dedup_the_same_file_is_stored_twice(house: House) -> None:
    async with house.bot(replace(OPTIONS, archiver=replace(OPTIONS.archiver, dedup=False))):
        for number in (1, 2):
            house.send(an_update(number, number, **a_payload("photo", str(number), size=1)), b"x", str(number))
        await house.replies("✅ Archived", "✅ Archived")


async def test_an_edit_reaches_the_document_and_asks_for_no_second_answer(house: House) -> None:
    async with house.bot():
        house.send(an_update(1, **a_payload("photo", size=1), caption="old"), b"x")
        await house.replies("✅ Archived")
        said = list(house.telegram.edits)
        body = an_update(2, **a_payload("photo", size=1), caption="new", edit_date=UNIX + 60)["message"]
        house.send({"update_id": 2, "edited_message": body})
        await eventually(lambda: house.documents()[0]["telegram"]["caption_plain"] == "new")
    assert [edit["caption_plain"] for edit in house.documents()[0]["edits"]] == ["old"]
    assert len(house.telegram.sent) == 1
    assert house.telegram.edits == said


async def test_a_file_that_an_edit_brings_is_archived_beside_the_earlier_one(house: House) -> None:
    async with house.bot():
        house.send(an_update(1, **a_payload("photo", size=1)), b"x")
        await house.replies("✅ Archived: 1 photo")
        body = an_update(2, **a_payload("document", "b", size=2), edit_date=UNIX + 60)["message"]
        house.send({"update_id": 2, "edited_message": body}, b"yy", "b")
        await house.replies("✅ Archived: 1 photo, 1 document")
        await eventually(lambda: house.documents()[0]["files_count"] == 2)
    (document,) = house.documents()
    assert [house.store.objects[key].body for key in document["keys"]] == [b"x", b"yy"]


async def test_a_parked_update_is_read_anew_after_a_start(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old(_: dict[str, Any]) -> None:
        raise ValueError("a version that can't read this")

    house.parse = too_old
    monkeypatch.setattr("teltubby_bot.intake._RETRY_SECONDS", 0.01)
    async with house.bot():
        house.send(an_update(1, **a_payload("photo", size=1)), b"x")
        await house.replies("⚠️ I could not read this message")
    assert house.documents() == []
    house.parse = parse_update
    async with house.bot():
        await house.replies("⚠️ I could not read this message", "✅ Archived")
    assert len(house.documents()) == 1
