"""`teltubby run` with a person's account: one process, the login made in the chat, on disk only encrypted."""

import pytest

from integration.harness import MIB, Stage
from teltubby_simulator.model import Message

PHONE, PASSWORD = "+4915735985610", "correct horse battery"


class Chat:
    """An admin's chat with the bot, and the person whose account is to be used."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.person = stage.world.add_user("Grace", phone=PHONE, password=PASSWORD)
        channel = stage.world.add_chat("channel", "relay", None, [self.person])
        stage.world.promote(channel, stage.cast.bot)
        stage.settings |= {"MTPROTO_SESSION_KIND": "user", "RELAY_CHANNEL_ID": str(channel.id)}

    def says(self, text: str) -> Message:
        return self.stage.world.send(self.stage.cast.curator, self.stage.cast.bot, text=text)

    async def hears(self, text: str) -> None:
        await self.stage.until(lambda: any(text in (each.text or "") for each in self.stage.answers()), what=text)

    async def code(self, count: int) -> str:
        codes = self.stage.world.codes_sent_to
        await self.stage.until(lambda: len(codes(self.person)) >= count, what="a code")
        return codes(self.person)[-1]


@pytest.fixture
def chat(stage: Stage) -> Chat:
    return Chat(stage)


async def test_a_person_logs_in_and_large_files_come_with_their_account_also_after_a_restart(chat: Chat) -> None:
    stage = chat.stage
    await stage.start()
    chat.says(f"/mtcode {PHONE}")
    code = await chat.code(1)
    await chat.hears("Telegram has sent you a code")
    chat.says(f"/mtcode {'.'.join(code)}")
    await chat.hears("two-step password")
    chat.says("/mtpass wrong")
    await chat.hears("this is not the password")
    chat.says(f"/mtpass {PASSWORD}")
    await chat.hears("Logged in")
    sent = [stage.cast.sends(stage.document("first", 21 * MIB))]
    await stage.until_ended(*sent)

    assert await stage.stop() == 0
    await stage.start()
    sent.append(stage.cast.sends(stage.document("second", 21 * MIB)))
    await stage.until_ended(*sent)

    stage.assert_archived_once(sent)
    fetched = {call.bot_id for call in stage.world.journal.entries("upload.getFile")}
    assert fetched == {chat.person.id}
    assert len(stage.world.logins.of(chat.person)) == 1
    kept = b"".join(path.read_bytes() for path in stage.folder.rglob("*") if path.is_file() and ".bin" not in path.name)
    for secret in (PASSWORD, PHONE, ".".join(code)):
        assert secret.encode() not in kept


async def test_a_code_that_was_pasted_plainly_is_replaced_by_another_one(chat: Chat) -> None:
    stage = chat.stage
    await stage.start()
    chat.says(f"/mtcode {PHONE}")
    first = await chat.code(1)
    await chat.hears("Telegram has sent you a code")
    chat.says(f"/mtcode {first}")
    await chat.hears("Telegram has blocked it")
    second = await chat.code(2)
    chat.says(f"/mtcode {'-'.join(second)}")
    await chat.hears("two-step password")
    chat.says("/mtstatus cancel")
    await chat.hears("The login is stopped")
    assert stage.world.logins.of(chat.person) == []


async def test_a_number_that_nobody_has_makes_no_account(chat: Chat) -> None:
    stage, number = chat.stage, "4915735985699"
    await stage.start()
    chat.says(f"/mtcode +{number}")
    await chat.hears("Telegram has sent you a code")
    (code,) = stage.world.logins.codes.to_phone(number)
    chat.says(f"/mtcode {'-'.join(code)}")
    await chat.hears("nobody has an account with this number")


async def test_a_number_that_is_none_is_told_so(chat: Chat) -> None:
    chat.stage.world.faults.fail(400, "PHONE_NUMBER_INVALID", method="auth.sendCode")
    await chat.stage.start()
    chat.says("/mtcode +0000000")
    await chat.hears("no phone number")


async def test_a_banned_account_is_told_so(chat: Chat) -> None:
    stage = chat.stage
    stage.world.deactivate(chat.person)
    await stage.start()
    chat.says(f"/mtcode {PHONE}")
    await chat.hears("banned")


async def test_a_flood_is_told_with_how_long_it_lasts(chat: Chat) -> None:
    stage = chat.stage
    stage.world.faults.flood(600, method="auth.sendCode")
    await stage.start()
    chat.says(f"/mtcode {PHONE}")
    await chat.hears("wait 10 min")
