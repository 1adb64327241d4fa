"""The whole worker against the simulator's MTProto door, over real TCP: from a job on the queue to its object."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from integration.worker_rig import API_HASH, MIB, SIZE, Rig, running_rig
from support import eventually
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore
from teltubby_core.domain.jobs import (
    JobCompleted,
    JobFailed,
    JobMessage,
    JobProgress,
    JobRetrying,
    JobStarted,
    SessionReport,
)
from teltubby_core.errors import ConfigurationError
from teltubby_core.testing import MemorySessionStore
from teltubby_simulator.content import BytesContent, Content, SeededContent, sha256_of
from teltubby_worker.mtproto.transfer import TransferLimits
from unit.teltubby_worker.test_file_id import file_id


def assert_stored(rig: Rig, job: JobMessage, content: Content) -> None:
    stored = rig.store.objects[job.key]
    assert len(stored.body) == content.size
    assert hashlib.sha256(stored.body).hexdigest() == sha256_of(content)
    assert rig.store.uploads_open == 0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running_rig(tmp_path) as rig:
        yield rig


async def test_a_job_becomes_an_object_with_its_metadata_beside_it(rig: Rig) -> None:
    content = SeededContent("film", SIZE)
    job = await rig.publish(rig.send(content, mime_type="video/mp4", file_name="film.mp4"))
    async with rig.worker():
        done = await rig.wait_for(JobCompleted)
    assert (done.key, done.sha256, done.size_bytes) == (job.key, sha256_of(content), SIZE)
    assert_stored(rig, job, content)
    assert rig.store.objects[job.key].content_type == "video/mp4"
    metadata = json.loads(rig.store.objects[f"teltubby/2025/06/mtproto/{job.message_id}/metadata.json"].body)
    assert metadata["file"]["sha256"] == sha256_of(content)
    assert (metadata["worker"], metadata["attempt"], metadata["redeliveries"]) == ("tester", 1, 0)
    beside = JobProgress | SessionReport  # come by the clock
    outcomes = [type(event) for event in rig.seen if not isinstance(event, beside)]
    assert outcomes == [JobStarted, JobCompleted]
    depth = await rig.queue.depth()
    assert (depth.ready, depth.unacknowledged, depth.dead) == (0, 0, 0)


async def test_nothing_is_opened_before_the_first_job(rig: Rig) -> None:
    async with rig.worker():
        await eventually(lambda: rig.queue._wakeup is not None)
    assert rig.world.journal.entries(door="mtproto") == []
    assert isinstance(rig.sessions, MemorySessionStore)
    assert rig.sessions.contents == {}


async def test_the_bot_logs_in_once_and_keeps_its_session_over_restarts(rig: Rig) -> None:
    for number in range(3):
        await rig.publish(rig.send(SeededContent(f"film {number}", MIB + number)))
        async with rig.worker():
            await rig.wait_for(JobCompleted)
    assert rig.calls("auth.importBotAuthorization") == ["ok"]


async def test_a_flood_in_mid_file_pauses_and_goes_on_at_the_same_byte(rig: Rig) -> None:
    content = SeededContent("flooded", SIZE)
    job = await rig.publish(rig.send(content))
    rig.world.faults.flood(1, calls=3)
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert rig.calls("upload.getFile").count("ok") == 22
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


async def test_a_telegram_with_problems_of_its_own_in_mid_file_is_borne(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = SeededContent("troubled", SIZE)
    job = await rig.publish(rig.send(content))
    monkeypatch.setattr(
        TransferLimits, "__init__", partialmethod(TransferLimits.__init__, first_delay=0.001, longest_delay=0.002)
    )
    rig.world.faults.fail(500, "RPC_CALL_FAIL", 200, method="upload.getFile")
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


async def test_an_expired_reference_in_mid_file_is_renewed_once_for_all_parts(rig: Rig) -> None:
    content = SeededContent("expiring", SIZE)
    job = await rig.publish(rig.send(content))
    rig.world.faults.mtproto.latency = 0.02
    async with rig.worker():
        await eventually(lambda: "ok" in rig.calls("upload.getFile"))
        rig.world.expire_file_references()
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert len(rig.calls("messages.getMessages")) == 2


async def test_a_connection_that_breaks_in_mid_file_is_replaced_and_goes_on(rig: Rig) -> None:
    content = SeededContent("broken", SIZE)
    job = await rig.publish(rig.send(content))
    rig.world.faults.cut(10 * MIB + 77)
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    # what had come before the break was not asked for again
    assert rig.calls("upload.getFile").count("ok") <= 22 + 8
    assert rig.calls("auth.importBotAuthorization") == ["ok"]
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


async def test_a_connection_that_falls_silent_is_replaced(rig: Rig) -> None:
    content = SeededContent("silent", SIZE)
    job = await rig.publish(rig.send(content))
    async with rig.worker(io_timeout_seconds=0.6, worker_window=2):
        await eventually(lambda: "ok" in rig.calls("upload.getFile"))
        rig.world.faults.mtproto.latency = 60
        await eventually(lambda: rig.server.connections == 0)
        rig.world.faults.clear()
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


async def test_a_server_that_never_answers_lets_the_job_wait(rig: Rig) -> None:
    await rig.publish(rig.send(SeededContent("mute", MIB)))
    rig.world.faults.mtproto.latency = 60
    async with rig.worker(io_timeout_seconds=0.4):
        waiting = await rig.wait_for(JobRetrying, 10)
    assert "no answer from Telegram for 0.2 s" in waiting.error
    assert waiting.category == "system"
    await eventually(lambda: rig.server.connections == 0)


async def test_answers_that_trickle_in_keep_a_slow_connection_alive(rig: Rig) -> None:
    # Each part waits longer than the silence allowed, but something comes all the time.
    content = SeededContent("slow", 12 * MIB)
    job = await rig.publish(rig.send(content))
    rig.world.faults.mtproto.latency = 0.15
    async with rig.worker(io_timeout_seconds=0.5, worker_window=8):
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert rig.calls("upload.getFile") == ["ok"] * 12


async def test_a_file_sent_as_a_photo_comes_in_its_largest_size(rig: Rig) -> None:
    small, large = BytesContent(b"s" * 900), BytesContent(b"L" * 9000)
    media = rig.world.make_photo([("m", 320, 240, small), ("y", 1280, 960, large)])
    message = rig.world.send(rig.person, rig.bot, media=media)
    job = await rig.publish(message)
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, large)


async def test_a_size_that_the_bot_api_did_not_tell_comes_from_the_message(rig: Rig) -> None:
    content = SeededContent("unknown", 3 * MIB)
    job = await rig.publish(rig.send(content), file_size=None)
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)


async def test_an_announced_size_that_was_wrong_costs_nothing_when_the_file_is_the_one_the_job_names(rig: Rig) -> None:
    content = SeededContent("lied about", 3 * MIB)
    message = rig.send(content)
    assert message.media
    named = file_id(5, message.media.file.id)
    job = await rig.publish(message, file_size=2 * MIB + 1, file_id=named)
    async with rig.worker():
        done = await rig.wait_for(JobCompleted)
    assert done.size_bytes == 3 * MIB
    assert_stored(rig, job, content)


async def test_an_empty_document_becomes_an_empty_object(rig: Rig) -> None:
    content = BytesContent(b"")
    job = await rig.publish(rig.send(content))
    async with rig.worker():
        done = await rig.wait_for(JobCompleted)
    assert (done.size_bytes, done.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert_stored(rig, job, content)
    assert rig.calls("upload.getFile") == []


async def test_a_deleted_message_fails_the_job_at_once(rig: Rig) -> None:
    message = rig.send(SeededContent("gone", MIB))
    del rig.world.account(rig.bot).messages[message.id]
    job = await rig.publish(message)
    async with rig.worker():
        failed = await rig.wait_for(JobFailed)
        await eventually(lambda: bool(rig.queue.dead_letters))
    assert "deleted in the chat" in failed.error
    assert rig.queue.dead_letters == {job.job_id: failed.error}
    assert job.key not in rig.store.objects


async def test_a_message_with_another_file_fails_the_job(rig: Rig) -> None:
    await rig.publish(rig.send(SeededContent("other", MIB)), file_size=MIB - 1)
    async with rig.worker():
        failed = await rig.wait_for(JobFailed)
    assert "another file" in failed.error


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mtproto_api_hash": "f" * 32}, "MTPROTO_API_HASH"),
        ({"telegram_bot_token": "99999:" + "A" * 35}, "TELEGRAM_BOT_TOKEN"),
    ],
)
async def test_a_refused_login_names_the_setting_and_the_job_waits(
    rig: Rig, wrong: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await rig.publish(rig.send(SeededContent("waiting", MIB)))
    async with rig.worker(**wrong):
        waiting = await rig.wait_for(JobRetrying)
        assert not rig.queue.dead_letters
    assert named in waiting.error
    assert (waiting.category, waiting.retry_count) == ("system", 0)
    assert rig.server.connections == 0
    for secret in (*wrong.values(), rig.bot.token, API_HASH):
        assert secret not in caplog.text + waiting.error


async def test_a_telegram_that_is_down_burns_no_retry_and_the_job_comes_through_later(rig: Rig) -> None:
    content = SeededContent("later", 2 * MIB)
    await rig.server.stop()
    job = await rig.publish(rig.send(content))
    async with rig.worker():
        waiting = await rig.wait_for(JobRetrying)
        assert waiting.category == "system"
        await rig.server.start()
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)


async def test_a_stop_in_mid_file_gives_the_job_back_and_leaves_nothing_behind(rig: Rig) -> None:
    content = SeededContent("stopped", SIZE)
    job = await rig.publish(rig.send(content))
    rig.world.faults.mtproto.latency = 0.2
    before = asyncio.all_tasks()
    async with rig.worker(worker_shutdown_seconds=0, worker_window=1) as stop:
        await rig.wait_for(JobProgress)
        stop.set()
    assert rig.store.objects == {}
    assert rig.store.uploads_open == 0
    assert (await rig.queue.depth()).ready == 1
    await eventually(lambda: rig.server.connections == 0)
    await eventually(lambda: not [task for task in asyncio.all_tasks() - before if "mtproto" not in task.get_name()])
    lease = await rig.sessions.acquire(1)  # released
    await lease.release()
    rig.world.faults.clear()
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert rig.calls("auth.importBotAuthorization") == ["ok"]


async def test_a_session_that_telegram_forgot_is_replaced_by_a_new_login(rig: Rig) -> None:
    await rig.publish(rig.send(SeededContent("first", MIB)))
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    rig.server.forget_keys()
    content = SeededContent("second", MIB)
    job = await rig.publish(rig.send(content))
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    assert_stored(rig, job, content)
    assert rig.calls("auth.importBotAuthorization") == ["ok", "ok"]


async def test_a_session_that_no_key_opens_is_replaced_by_a_new_login(rig: Rig, tmp_path: Path) -> None:
    database = Database(tmp_path / "teltubby.db")
    await database.open()
    try:
        for number, key in enumerate([Fernet.generate_key().decode() for _ in range(2)]):
            rig.sessions = SqliteSessionStore(database, [key])
            for attempt in range(2):
                content = SeededContent(f"film {number} {attempt}", MIB)
                job = await rig.publish(rig.send(content))
                async with rig.worker():
                    await rig.wait_for(JobCompleted)
                assert_stored(rig, job, content)
    finally:
        await database.close()
    assert rig.calls("auth.importBotAuthorization") == ["ok", "ok"]
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


async def test_another_bots_bucket_ends_the_worker_before_anything_is_asked(rig: Rig) -> None:
    async def foreign() -> None:
        raise ConfigurationError(["TELEGRAM_BOT_TOKEN: this archive is another bot's"])

    job = await rig.publish(rig.send(SeededContent("not ours", MIB)))
    with pytest.raises(ConfigurationError, match="another bot's"):
        async with asyncio.timeout(10):
            await (await rig.build(foreign)).run(asyncio.Event())
    assert rig.world.journal.entries(door="mtproto") == []
    assert await rig.events.next(0) is None
    delivery = await rig.queue.fetch(0)
    assert delivery
    assert (delivery.job, delivery.redeliveries) == (job, 0)
