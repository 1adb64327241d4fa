"""What people type after /mtcode and /mtpass is in no file of the bot's and in no log, whoever types it and however."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support import CURATOR, OTHER_CURATOR, eventually
from teltubby_bot.catalogue import say
from teltubby_bot.service import Bot
from teltubby_bot.webhook import SECRET_HEADER, WebhookOptions
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.testing import MemorySessionStore
from unit.teltubby_bot.test_login_dialogue import CHANNEL, FakeAccount
from unit.teltubby_bot.test_service import OPTIONS, House
from unit.teltubby_bot.wire import a_payload, an_update, group_chat, user

PASSWORD, CODE, PHONE = "Zaubertrank-77", "7-3-1-9-5", "+491709998887"
STRANGER = 999
HOOK_SECRET = "a-webhook-secret-of-ours"
SECRETS = (PASSWORD, "Zaubertrank", CODE, "73195", PHONE, PHONE[1:], "9998887")

Deliver = Callable[[dict[str, Any]], Awaitable[None]]


def said(number: int, text: str, sender: int = CURATOR, *, field: str = "text", **more: Any) -> dict[str, Any]:
    """Return a message with such a command in it, marked as Telegram would."""
    command = text.lstrip("/").split(maxsplit=1)[0].partition("-")[0].partition(":")[0]
    marks = [{"type": "bot_command", "offset": 0, "length": len(command) + 1}]
    name = "entities" if field == "text" else "caption_entities"
    return an_update(number, number, sender=sender, **{field: text, name: marks}, **more)


def edited(number: int, text: str) -> dict[str, Any]:
    update = said(number, text)
    return {"update_id": number, "edited_message": {**update["message"], "edit_date": update["message"]["date"]}}


def in_a_group(number: int, text: str) -> dict[str, Any]:
    update = said(number, text)
    return {"update_id": number, "message": {**update["message"], "chat": group_chat(), "from": user()}}


def everything(first: int) -> list[dict[str, Any]]:
    """Return updates with secrets in them, of every form and from everybody."""
    made: list[Callable[[int], dict[str, Any]]] = [
        lambda n: said(n, f"/mtcode {PHONE}"),
        lambda n: said(n, f"/mtcode {CODE}"),
        lambda n: said(n, f"/mtcode-{CODE}"),
        lambda n: said(n, f"/mtpass {PASSWORD}"),
        lambda n: said(n, f"/mtpass:{PASSWORD}"),
        lambda n: said(n, f"/MTPASS@archive_bot {PASSWORD}"),
        lambda n: said(n, f"/mtpassword {PASSWORD}"),
        lambda n: said(n, f"/mtpass {PASSWORD}", OTHER_CURATOR),
        lambda n: said(n, f"/mtcode {CODE}", OTHER_CURATOR),
        lambda n: said(n, f"/mtpass {PASSWORD}", STRANGER),
        lambda n: said(n, f"/mtpass {PASSWORD}", field="caption", **a_payload("photo", f"p{n}", size=4)),
        lambda n: edited(n, f"/mtpass {PASSWORD}"),
        lambda n: in_a_group(n, f"/mtpass {PASSWORD}"),
        lambda n: an_update(n, n, text="why?", reply_to_message=said(n, f"/mtpass {PASSWORD}")["message"]),
        lambda n: said(n, f"/mtpass {PASSWORD}", chat={"id": [], "type": "private"}),  # as Telegram never would
    ]
    return [make(first + number) for number, make in enumerate(made)]


class Place:
    """A bot with logins of people, its files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = House(folder / "teltubby.db")
        self.account = FakeAccount()
        self.account.password = PASSWORD
        self.house.more = {"sessions": MemorySessionStore(("user-0",)), "new_login": lambda: self.account}

    @asynccontextmanager
    async def bot(self, webhook_port: int | None) -> AsyncIterator[tuple[Bot, Deliver]]:
        """Run it; hand out how updates get to it."""
        options = replace(
            OPTIONS,
            whitelist=frozenset({CURATOR, OTHER_CURATOR}),
            admins=frozenset({CURATOR}),
            relay_channel_id=CHANNEL,
            session_kind=SessionKind.USER,
        )
        if webhook_port is None:
            async with self.house.bot(options) as bot:
                yield bot, self._wait_at_telegram
            return
        hook = WebhookOptions("https://bot.example.org/telegram", HOOK_SECRET, "127.0.0.1", webhook_port)
        async with self.house.bot(replace(options, webhook=hook)) as bot, aiohttp.ClientSession() as client:
            await eventually(lambda: self.house.telegram.webhooks)

            async def post(update: dict[str, Any]) -> None:
                url, headers = f"http://127.0.0.1:{webhook_port}/telegram", {SECRET_HEADER: HOOK_SECRET}
                async with client.post(url, json=update, headers=headers) as answer:
                    assert answer.status == 200

            yield bot, post

    async def _wait_at_telegram(self, update: dict[str, Any]) -> None:
        self.house.send(update)

    def kept(self) -> bytes:
        """Return all that lies on disk, the database's journal included."""
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("way", ["polling", "webhook"])
async def test_it_is_in_no_file_and_no_log(
    place: Place, way: str, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.house.telegram.files |= {f"file-p{number}": b"jpeg" for number in range(100)}
    updates = everything(50)
    found: set[str] = set()

    def look() -> None:
        found.update(secret for secret in SECRETS if secret.encode() in place.kept())

    async with place.bot(unused_tcp_port if way == "webhook" else None) as (bot, deliver):
        for update in updates:
            await deliver(update)
            look()
        shown = place.house.telegram.shown
        await eventually(lambda: say("for-admins") in shown(OTHER_CURATOR))
        await eventually(lambda: say("login-code-sent") in shown(CURATOR))
        await eventually(lambda: bot.intake.ignored["stranger"] == 1)
        await eventually(lambda: bot.intake.ignored["not a private chat"] == 1)
        await eventually(lambda: any("archived" in each.lower() for each in shown(CURATOR)))
        look()
    look()
    assert b"/mtpass" in place.kept(), "or this test looks at the wrong place"
    assert found == set()
    logged = caplog.text + "".join(repr(record.args) for record in caplog.records)
    assert "takes messages from" in logged
    assert [secret for secret in SECRETS if secret in logged] == []
    said_back = "\n".join(message.text for message in place.house.telegram.sent)
    assert [secret for secret in SECRETS if secret in said_back] == []
    assert all(PASSWORD.encode() not in stored.body for stored in place.house.store.objects.values())


async def test_a_login_goes_through_by_what_was_only_in_memory(place: Place) -> None:
    async with place.bot(None) as (_, deliver):
        shown = place.house.telegram.shown
        await deliver(said(50, f"/mtcode {PHONE}"))
        await eventually(lambda: say("login-code-sent") in shown(CURATOR))
        await deliver(said(51, "/mtcode-4-8-2-1-3"))
        await eventually(lambda: say("login-password-wanted") in shown(CURATOR))
        await deliver(said(52, f"/mtpass {PASSWORD}"))
        await eventually(lambda: any(each.startswith("✅ Logged in") for each in shown(CURATOR)))
    assert {message_id for _, message_id in place.house.telegram.deleted} == {50, 51, 52}


async def test_other_messages_do_not_wait_for_a_login_that_hangs(place: Place) -> None:
    place.account.gate.clear()
    place.account.exit.clear()
    async with place.bot(None) as (_, deliver):
        shown = place.house.telegram.shown
        await deliver(said(50, f"/mtcode {PHONE}"))
        await eventually(lambda: say("login-asking") in shown(CURATOR))
        await deliver(said(51, "/mtstatus cancel"))
        await eventually(lambda: say("login-cancelled") in shown(CURATOR))
        await deliver(said(52, "/quota"))
        await eventually(lambda: len(shown(CURATOR)) == 3)
        place.account.exit.set()
