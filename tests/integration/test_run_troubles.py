"""What goes wrong around ``teltubby run``: it waits, says why, harms nobody else's archive, and goes on by itself."""

import asyncio
import sqlite3
import time

from integration.harness import MIB, Stage
from teltubby_simulator.model import User


async def exit_status(stage: Stage) -> int:
    assert stage.process is not None
    return await asyncio.wait_for(stage.process.wait(), 60)


def swap_bot(stage: Stage) -> User:
    """Let the next start use another bot's token."""
    other = stage.world.add_bot("Other", "other_bot")
    stage.settings["TELEGRAM_BOT_TOKEN"] = other.token or ""
    return other


async def test_another_bots_jobs_are_left_alone_however_slow_telegram_is(stage: Stage):
    credentials = {name: stage.settings.pop(name) for name in ("MTPROTO_API_ID", "MTPROTO_API_HASH")}
    await stage.start()
    message = stage.cast.sends(stage.document("mine", 25 * MIB))
    await stage.until(lambda: "Job Queued" in stage.said_to(message), what="the job")
    assert await stage.stop() == 0
    own_token = stage.settings["TELEGRAM_BOT_TOKEN"]

    stage.settings |= credentials
    swap_bot(stage)
    # Time enough for a worker that does not wait to be told whose jobs these are.
    stage.world.faults.bot_api.latency = 2.0
    await stage.launch()
    assert await exit_status(stage) == 2
    assert "SQLITE_PATH: this database is the index of bot" in stage.log()
    assert stage.world.journal.entries(door="mtproto") == []

    stage.world.faults.bot_api.latency = 0.0
    stage.settings["TELEGRAM_BOT_TOKEN"] = own_token
    await stage.start()
    await stage.until_ended(message)
    assert await stage.stop() == 0
    stage.assert_archived_once([message])


async def test_a_database_that_is_locked_at_the_start_is_waited_for(stage: Stage):
    await stage.start()
    assert await stage.stop() == 0
    blocker = sqlite3.connect(stage.database, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    log = await stage.launch()
    await stage.until(lambda: "waiting to start" in log.read_text(), what="the log says so")
    blocker.execute("ROLLBACK")
    blocker.close()
    message = stage.cast.sends(stage.photo(b"patience"))
    await stage.until_ended(message)
    assert await stage.stop() == 0


async def test_a_stop_is_heard_while_telegram_does_not_answer(stage: Stage):
    stage.world.faults.bot_api.latency = 30.0
    log = await stage.launch()
    await stage.until(lambda: "archive in" in log.read_text(), what="the first call to Telegram")
    started = time.monotonic()
    assert await stage.stop() == 0
    assert time.monotonic() - started < 15


async def test_a_lost_key_file_costs_a_login_and_no_file(stage: Stage):
    await stage.start()
    await stage.until_ended(stage.cast.sends(stage.document("one", 21 * MIB)))
    assert await stage.stop() == 0
    stage.database.with_name("session.key").unlink()
    await stage.start()
    await stage.until_ended(stage.cast.sends(stage.document("two", 21 * MIB)))
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)
    assert len(stage.world.journal.entries("auth.importBotAuthorization")) == 2
    assert "SESSION_ENCRYPTION_KEYS" in stage.log()


async def test_a_deleted_reply_is_said_again_and_a_blocked_chat_catches_up(stage: Stage):
    await stage.start()
    stage.simulator.world.faults.mtproto.latency = 0.4
    first = stage.cast.sends(stage.document("first", 30 * MIB))
    await stage.until(lambda: stage.said_to(first), what="the first answer")
    answer = stage.answer_to(first)
    assert answer is not None
    stage.world.delete(answer)
    await stage.until_ended(first)

    second = stage.cast.sends(stage.document("second", 30 * MIB))
    await stage.until(lambda: stage.said_to(second), what="the first answer")
    stage.world.block(stage.cast.curator, stage.cast.bot)
    await stage.until(lambda: "chat" in stage.log() and "ends:" in stage.log(), what="the edit is refused")
    stage.world.unblock(stage.cast.curator, stage.cast.bot)
    third = stage.cast.sends(stage.photo(b"back"))
    await stage.until_ended(second, third)
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)


async def test_telegram_away_for_a_while_costs_time_and_no_file(stage: Stage):
    await stage.start()
    stage.simulator.world.faults.mtproto.latency = 0.2
    before = stage.cast.sends(stage.document("before", 40 * MIB))
    await stage.until(lambda: len(stage.world.journal.entries("upload.getFile")) > 5, what="the transfer")
    await stage.simulator.stop()
    await stage.until(lambda: "can't be reached" in stage.log(), what="the log says so")
    await stage.simulator.start()
    after = stage.cast.sends(stage.photo(b"after"))
    await stage.until_ended(before, after, limit=110)
    assert await stage.stop() == 0
    stage.assert_archived_once([before, after])
