"""/mtstatus, /mtcode and /mtpass in plain words, for admins alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import CURATOR, OTHER_CURATOR, eventually
from teltubby_bot import session_texts as texts
from teltubby_bot.access import Access
from teltubby_bot.botapi import parse_update
from teltubby_bot.catalogue import say
from teltubby_bot.confidential import Confidences
from teltubby_bot.login_dialogue import Given, Limits, LoginDialogue
from teltubby_bot.mt_commands import LoginCommands, LoginDesk
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import InfrastructureError, PermanentError
from teltubby_core.ports import RawUpdate
from teltubby_core.testing import MemorySessionStore
from unit.teltubby_bot.stage import Stage
from unit.teltubby_bot.test_login_dialogue import CHANNEL, PASSWORD, PHONE, FakeAccount
from unit.teltubby_bot.wire import a_command, an_update

ADMIN = CURATOR
READY = SessionNotes(state=SessionState.READY, kind=SessionKind.USER, dc_id=4)


class Counter:
    """The commands, behind what cuts updates."""

    def __init__(self, stage: Stage, kind: SessionKind = SessionKind.USER) -> None:
        self.stage = stage
        self.store = MemorySessionStore(["s-0", "s-1"])
        self.account = FakeAccount()
        self.refused: list[int] = []
        self.confidences = Confidences(lambda sender: sender == ADMIN)
        people = kind is SessionKind.USER
        self.dialogue = LoginDialogue(
            self.store, stage.telegram, lambda: self.account, lambda _: b"png", CHANNEL, Limits(slot=0.05)
        )
        desk = LoginDesk(
            index=stage.index,
            telegram=stage.telegram,
            kind=kind,
            access=Access(frozenset({ADMIN}), self.refused.append),
            confidences=self.confidences,
            sessions=self.store if people else None,
            dialogue=self.dialogue if people else None,
        )
        self.commands = LoginCommands(desk).by_name()
        self._number = 50

    async def says(self, text: str, user: int = ADMIN, *, forgotten: bool = False, name: str = "") -> str:
        self._number += 1
        entities = a_command(self._number, text, self._number)["message"]["entities"]
        update = an_update(self._number, self._number, sender=user, text=text, entities=entities)
        stored = self.confidences.cut(RawUpdate(self._number, json.dumps(update)))
        if forgotten:
            self.confidences.take(user, self._number)
        message = parse_update(json.loads(stored.raw))
        assert message is not None
        said = await self.commands[name or text[1:].split(maxsplit=1)[0].partition("@")[0].lower()](message)
        assert isinstance(said, str), "these answers have no buttons"
        return said

    @property
    def deleted(self) -> list[int]:
        return [message_id for _, message_id in self.stage.telegram.deleted]


@pytest.fixture
async def counter(stage: Stage) -> Any:
    made = Counter(stage)
    yield made
    await made.dialogue.stop()


@pytest.mark.parametrize("text", ["/mtstatus", f"/mtcode {PHONE}", f"/mtpass {PASSWORD}", "/mtcode qr"])
async def test_they_are_for_admins_alone(counter: Counter, text: str) -> None:
    assert await counter.says(text, OTHER_CURATOR) == say("for-admins")
    assert counter.refused == [OTHER_CURATOR]
    assert counter.dialogue.chat_id is None


@pytest.mark.parametrize("number", [PHONE, f"  {PHONE} ", "+49 170 1234567", "491701234567", "+49 (170) 123-45.67"])
async def test_a_number_begins_a_login_and_is_deleted_from_the_chat(counter: Counter, number: str) -> None:
    assert await counter.says(f"/mtcode {number}") == say("login-asking")
    assert counter.dialogue.chat_id == ADMIN
    assert counter.deleted == [51]


async def test_a_picture_begins_a_login_too(counter: Counter) -> None:
    assert await counter.says("/mtcode QR") == say("login-asking")
    assert counter.deleted == []


async def test_a_code_and_a_password_go_on_with_it_and_are_deleted(counter: Counter) -> None:
    await counter.says(f"/mtcode {PHONE}")
    assert await counter.says("/mtcode 4-8-2-1-3") == say("login-got-it")
    assert await counter.says("/mtcode 4 8 2 1 3") == say("login-got-it")
    assert await counter.says("/mtpass correct  horse ") == say("login-got-it")
    assert counter.deleted == [51, 52, 53, 54]


async def test_a_message_that_can_not_be_deleted_is_used_all_the_same(counter: Counter) -> None:
    counter.stage.telegram.broken["delete"] = PermanentError("message can't be deleted")
    assert await counter.says(f"/mtcode {PHONE}") == f"{say('login-asking')}\n\n{say('login-not-deleted')}"
    assert counter.dialogue.chat_id == ADMIN


@pytest.mark.parametrize("code", ["/mtcode-4-8-2-1-3", "/mtcode48213", "/mtcode\n4 8 2 1 3", "/mtcode a4b8c2d1e3"])
async def test_a_code_is_one_however_it_is_parted_from_the_command(counter: Counter, code: str) -> None:
    await counter.says(f"/mtcode {PHONE}")
    assert await counter.says(code, name="mtcode") == say("login-got-it")
    assert counter.deleted == [51, 52]


async def test_a_password_is_given_to_the_letter(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Given] = []
    monkeypatch.setattr(counter.dialogue, "give", lambda _, what: given.append(what))
    await counter.says("/mtpass  correct  horse ")
    assert [each.text for each in given] == [" correct  horse "]


@pytest.mark.parametrize("text", ["/mtcode 123456789012345678901", "/mtpass x", f"/mtpass {'x' * 1001}"])
async def test_whatever_the_answer_a_message_that_stays_is_told_of(counter: Counter, text: str) -> None:
    counter.stage.telegram.broken["delete"] = PermanentError("message can't be deleted")
    assert (await counter.says(text)).endswith(say("login-not-deleted"))


@pytest.mark.parametrize("text", ["/mtcode", "/mtcode hello", "/mtcode 123456789012345678901", "/mtcode --"])
async def test_anything_else_is_answered_with_the_right_form(counter: Counter, text: str) -> None:
    assert await counter.says(text) == texts.form()


@pytest.mark.parametrize("text", ["/mtpass", f"/mtpass {'x' * 1001}"])
async def test_a_password_that_is_none_is_answered_with_the_right_form(counter: Counter, text: str) -> None:
    assert await counter.says(text) == say("login-password-form")


@pytest.mark.parametrize("text", ["/mtcode 4-8-2-1-3", "/mtpass x"])
async def test_what_nobody_asked_for_says_how_to_begin(counter: Counter, text: str) -> None:
    assert await counter.says(text) == say("login-nothing-asked")


async def test_a_second_login_is_refused(counter: Counter) -> None:
    await counter.says(f"/mtcode {PHONE}")
    assert await counter.says("/mtcode qr") == say("login-busy")


async def test_what_was_lost_by_a_restart_is_asked_for_again(counter: Counter) -> None:
    await counter.says(f"/mtcode {PHONE}")
    assert say("login-send-again") in await counter.says("/mtpass x", forgotten=True)
    assert counter.deleted == [51, 52], "it holds a password all the same"
    await counter.dialogue.stop()
    assert say("login-send-again") in await counter.says(f"/mtcode {PHONE}", forgotten=True)
    assert counter.deleted == [51, 52, 53]


async def test_a_login_can_be_stopped(counter: Counter) -> None:
    assert await counter.says("/mtstatus cancel") == say("login-nothing-to-cancel")
    await counter.says(f"/mtcode {PHONE}")
    counter.account.exit.clear()
    await eventually(lambda: counter.account.done)
    assert await counter.says("/mtstatus cancel") == say("login-cancelled"), "without waiting for Telegram"
    assert await counter.says("/mtstatus cancel") == say("login-still-ending")
    counter.account.exit.set()
    await eventually(lambda: counter.dialogue.chat_id is None)


async def test_a_bot_whose_workers_log_in_by_themselves_says_so(stage: Stage) -> None:
    counter = Counter(stage, SessionKind.BOT)
    assert await counter.says(f"/mtcode {PHONE}") == say("login-not-for-people")
    assert await counter.says(f"/mtpass {PASSWORD}") == say("login-not-for-people")
    assert counter.deleted == [51, 52], "all the same"
    status = await counter.says("/mtstatus")
    assert "the bot's own" in status
    assert "/mtcode" not in status


async def test_the_status_shows_what_workers_said_and_the_slots_they_did_not_speak_of(counter: Counter) -> None:
    now = datetime.now(UTC)
    notes = READY.model_copy(update={"used_at": now - timedelta(minutes=3, seconds=5)})
    report = SessionReport(kind="session.ready", at=now, session="s-0", worker="worker-7", notes=notes)
    await counter.stage.index.session_reported(report)
    lines = (await counter.says("/mtstatus")).splitlines()
    assert lines[0] == "🔑 Sessions for large files, of user accounts: 1 empty, 1 ready"
    assert lines[1].startswith("🟢 s-0: ready · user · DC 4 · used by worker-7 (heard of ")
    assert lines[1].endswith("· last answer 3 min ago")
    assert lines[2] == "⚪ s-1: empty · used by nobody now"
    assert "/mtcode qr" in "\n".join(lines[3:])


async def test_the_status_says_until_when_and_why(counter: Counter) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    flooded = READY.model_copy(
        update={"state": SessionState.FLOODED, "flood_until": until, "reason": "Telegram asked to wait 3600 s"}
    )
    lost = READY.model_copy(update={"state": SessionState.LOST, "reason": "the login was ended (SESSION_REVOKED)"})
    counter.store.put("s-0", "x", flooded)
    counter.store.put("s-1", "", lost)
    status = await counter.says("/mtstatus")
    assert f"waits until {until:%H:%M:%S} UTC · Telegram asked to wait 3600 s" in status
    assert "🔴 s-1: lost" in status
    assert "SESSION_REVOKED" in status


async def test_a_status_without_sessions_to_look_at_is_still_one(counter: Counter) -> None:
    counter.store.fail_with = InfrastructureError("Kubernetes does not let us")
    assert "Sessions for large files" in await counter.says("/mtstatus")
    assert await counter.says("/mtstatus please") == say("login-status-form")
