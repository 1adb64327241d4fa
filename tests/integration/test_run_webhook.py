"""``teltubby run`` in webhook mode, beside a Telegram that really delivers: nothing lost, nothing doubled."""

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import aiohttp
import pytest

from integration import killed_at
from integration.harness import MIB, Stage
from teltubby_bot.webhook import SECRET_HEADER
from teltubby_simulator.faults import Rule, Step

SECRET = "s3cret-S3CRET_s3cret"


@pytest.fixture
def hooked(stage: Stage, unused_tcp_port: int) -> Stage:
    """The usual stage, in webhook mode."""
    stage.world.allow_plain_webhooks = True
    stage.world.webhook_pause = 0.05
    stage.settings |= {
        "TELEGRAM_MODE": "webhook",
        "WEBHOOK_URL": f"http://127.0.0.1:{unused_tcp_port}/telegram",
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_PORT": str(unused_tcp_port),
    }
    return stage


async def post(stage: Stage, body: Any, secret: str) -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.post(stage.settings["WEBHOOK_URL"], json=body, headers={SECRET_HEADER: secret}) as answer,
    ):
        return answer.status


def waiting(stage: Stage) -> int:
    return len(stage.world.account(stage.cast.bot).updates.pending())


def last_error(stage: Stage) -> str:
    webhook = stage.world.account(stage.cast.bot).webhook
    return webhook.last_error_message if webhook else ""


def inbox(stage: Stage) -> list[str]:
    with closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return [state for (state,) in database.execute("SELECT state FROM inbox ORDER BY update_id")]


def documents(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(stage.archive.rglob("message.json"))]


async def test_the_main_job_without_a_single_poll(hooked: Stage):
    await hooked.start()
    cast = hooked.cast
    small = hooked.document("small", MIB)
    cast.sends(small, "a caption")
    cast.sends(small)
    cast.sends(hooked.document("large", 25 * MIB))
    cast.sends_album([(hooked.photo(b"a"), "Album"), (hooked.photo(b"b"), None), (hooked.document("c", MIB), None)])
    await hooked.until_ended(*cast.sent)
    assert await hooked.stop() == 0
    hooked.assert_archived_once(cast.sent)
    assert hooked.world.journal.entries("getUpdates") == []
    assert waiting(hooked) == 0
    assert hooked.world.account(cast.bot).webhook, "it stays set: updates wait at Telegram"
    assert SECRET not in hooked.log()


async def test_who_has_not_the_secret_gets_nothing_stored_and_learns_nothing(hooked: Stage):
    await hooked.start()
    curator = hooked.cast.curator
    sender = {"id": curator.id, "is_bot": False, "first_name": "Ada"}
    message = {"message_id": 5, "date": 1, "text": "/status", "from": sender, "chat": {**sender, "type": "private"}}
    forged = {"update_id": 1, "message": message}
    assert [await post(hooked, forged, secret) for secret in ("", "wrong", SECRET + "x")] == [401] * 3
    assert inbox(hooked) == []
    assert "1 requests with a wrong or missing secret" in hooked.log()
    assert await post(hooked, forged, SECRET) == 200
    assert len(inbox(hooked)) == 1


@pytest.mark.parametrize("step", ["update stored", "message taken in", "object committed", "outcome committed"])
async def test_a_kill_after_or_amid_a_delivery_loses_and_doubles_nothing(hooked: Stage, step: str):
    usual, report = hooked.program, hooked.folder / "killed.json"
    hooked.program = (killed_at.__file__, str(report), "before", "1", step)
    await hooked.start()
    hooked.program = usual
    cast = hooked.cast
    cast.sends(hooked.document("small", MIB))
    cast.sends_album([(hooked.photo(b"a"), None), (hooked.photo(b"b"), None)])
    assert hooked.process
    assert await asyncio.wait_for(hooked.process.wait(), 60) == -9
    await hooked.start()
    await hooked.until_ended(*cast.sent)
    assert await hooked.stop() == 0
    hooked.assert_archived_once(cast.sent)


async def test_what_was_answered_with_200_is_on_disk_whatever_comes(hooked: Stage):
    usual, report = hooked.program, hooked.folder / "killed.json"
    hooked.program = (killed_at.__file__, str(report), "before", "1", "message taken in")
    await hooked.start()
    hooked.program = usual
    message = hooked.cast.sends(hooked.document("small", MIB))
    assert hooked.process
    assert await asyncio.wait_for(hooked.process.wait(), 60) == -9
    await hooked.until(lambda: waiting(hooked) == 0 or last_error(hooked), what="the answer, if it came out")
    assert inbox(hooked) == ["new"]
    await hooked.start()
    await hooked.until_ended(message)
    hooked.assert_archived_once([message])


async def test_while_the_database_is_locked_telegram_keeps_it_and_the_author_is_told(hooked: Stage):
    await hooked.start()
    with closing(sqlite3.connect(hooked.database, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        message = hooked.cast.sends(hooked.photo(b"patience"))
        await hooked.until(lambda: "503" in last_error(hooked), what="the refusal")
        await hooked.until(lambda: "can't keep your message right now" in hooked.said_to(message), what="the news")
        assert waiting(hooked) == 1
        blocker.execute("ROLLBACK")
    await hooked.until(lambda: documents(hooked), what="the document")
    await hooked.until_ended(message)
    assert await hooked.stop() == 0
    hooked.assert_archived_once([message])


async def test_from_polling_to_a_webhook_and_back_each_message_is_archived_once(hooked: Stage):
    cast = hooked.cast
    for number, mode in enumerate(("polling", "webhook", "polling")):
        # What is sent while nobody is there waits for whoever comes next.
        cast.sends(hooked.document(f"before {number}", MIB))
        cast.sends_album([(hooked.photo(bytes([number])), None), (hooked.photo(bytes([number + 10])), None)])
        hooked.settings["TELEGRAM_MODE"] = mode
        await hooked.start()
        cast.sends(hooked.document(f"during {number}", MIB))
        await hooked.until_ended(*cast.sent)
        cast.sends(hooked.document(f"at the end {number}", MIB))
        assert await hooked.stop() == 0
    await hooked.start()
    await hooked.until_ended(*cast.sent)
    assert await hooked.stop() == 0
    hooked.assert_archived_once(cast.sent)
    hooked.assert_answered_once(cast.sent)
    assert not hooked.world.account(cast.bot).webhook


async def test_an_edit_that_comes_before_its_message_is_in_its_document(hooked: Stage):
    await hooked.start()
    world, cast = hooked.world, hooked.cast
    world.hold_updates(cast.bot)
    message = cast.sends(hooked.photo(b"x"), "first words")
    world.edit(message, caption="better words")
    world.release_updates(cast.bot, [1])
    await hooked.until(lambda: inbox(hooked) == ["new"] and waiting(hooked) == 0, what="the edit, kept")
    world.release_updates(cast.bot)
    await hooked.until(lambda: documents(hooked) and documents(hooked)[0]["edits"], what="the edit, taken in")
    await hooked.until_ended(message)
    (document,) = documents(hooked)
    assert document["telegram"]["caption_plain"] == "better words"
    assert [edit["caption_plain"] for edit in document["edits"]] == ["first words"]
    hooked.assert_archived_once([message])


async def test_a_new_secret_needs_only_a_restart_and_looks_like_no_forgery(hooked: Stage):
    await hooked.start()
    assert await hooked.stop() == 0
    hooked.settings["WEBHOOK_SECRET"] = "another-SECRET_of_today"
    # As long as Telegram is not told of the new one, it delivers with the old one.
    busy = hooked.world.faults.add(Rule((Step(code=502),), door="bot_api", method="setWebhook", repeat=True))
    log = await hooked.launch()
    await hooked.until(lambda: "listens at" in log.read_text("utf-8"), what="an open door")
    message = hooked.cast.sends(hooked.photo(b"between"))
    await hooked.until(lambda: "503" in last_error(hooked), what="a delivery with the old secret")
    hooked.world.faults.remove(busy)
    await hooked.until_ended(message)
    assert "wrong or missing secret" not in hooked.log()
    assert await post(hooked, {}, SECRET) == 401
    assert await hooked.stop() == 0


async def test_a_port_that_is_taken_ends_the_start_and_leaves_telegram_alone(hooked: Stage):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", int(hooked.settings["WEBHOOK_PORT"]))
    async with server:
        await hooked.launch()
        assert hooked.process
        assert await asyncio.wait_for(hooked.process.wait(), 60) == 2
    assert f"WEBHOOK_PORT: {hooked.settings['WEBHOOK_PORT']} at 127.0.0.1 is taken" in hooked.log()
    assert hooked.world.journal.entries("setWebhook") == []


async def test_an_address_that_telegram_refuses_ends_the_start(hooked: Stage):
    hooked.world.allow_plain_webhooks = False
    await hooked.launch()
    assert hooked.process
    assert await asyncio.wait_for(hooked.process.wait(), 60) == 2
    assert "WEBHOOK_URL: Telegram refuses the request: Bad webhook: an https url must be provided" in hooked.log()


async def test_all_that_is_missing_is_named_at_once(stage: Stage):
    stage.settings["TELEGRAM_MODE"] = "webhook"
    await stage.launch()
    assert stage.process
    assert await asyncio.wait_for(stage.process.wait(), 60) == 2
    for name in ("WEBHOOK_URL", "WEBHOOK_SECRET"):
        assert f"{name}: missing: TELEGRAM_MODE=webhook needs it" in stage.log()
