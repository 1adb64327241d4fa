"""Buttons type commands; nobody else's data does, and what can't be undone is agreed to once."""

import json
from typing import Any

import pytest

from support import CURATOR, OTHER_CURATOR, eventually
from teltubby_bot.botapi import parse_press, parse_update
from teltubby_bot.intake import Intake
from teltubby_bot.presses import LONGEST_COMMAND, ForgedError, Questions, Signer
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.speech import Answer, Button
from teltubby_core.errors import TransientError
from teltubby_core.observability import SecurityKind
from teltubby_core.ports import RawUpdate
from unit.teltubby_bot.stage import WINDOW, Stage
from unit.teltubby_bot.wire import private_chat, user

SIGNER = Signer("5:token")


def _data(command: str, chat: int = CURATOR, signer: Signer = SIGNER) -> str:
    ((_, data),) = signer.keys(chat, ((Button("x", command),),))[0]
    return data


def _press(data: str, *, by: int = CURATOR, chat: dict[str, Any] | None = None) -> dict[str, Any]:
    message = {"message_id": 31, "chat": chat or private_chat(by), "date": 0}
    return {"update_id": 1, "callback_query": {"id": "77", "from": user(by), "message": message, "data": data}}


def test_a_button_gives_its_command_back() -> None:
    command = "retry 3f2a9c1d-aaaa-bbbb-cccc-0123456789ab"
    assert SIGNER.command(CURATOR, _data(command)) == command
    assert Signer("5:token").command(CURATOR, _data(command)) == command, "after a restart too"


def test_the_longest_command_fits_telegrams_limit() -> None:
    assert len(_data("x" * LONGEST_COMMAND).encode()) == 64


@pytest.mark.parametrize(
    "data",
    [
        "",
        "purge yes",
        "0" * 64,
        _data("queue")[:-1],
        _data("queue") + " all",
        _data("queue", OTHER_CURATOR),
        _data("queue", signer=Signer("6:another")),
        "ünïcode and more",
    ],
)
def test_data_that_we_did_not_make_for_this_chat_is_none_of_ours(data: str) -> None:
    with pytest.raises(ForgedError):
        SIGNER.command(CURATOR, data)


def test_a_question_is_agreed_to_once_soon_and_by_whom_it_was_asked() -> None:
    now = 0.0
    questions = Questions(lambda: now)
    word = questions.ask(CURATOR, "purge")
    assert not questions.agreed(OTHER_CURATOR, "purge", word)
    assert not questions.agreed(CURATOR, "cancel x", word)
    assert questions.agreed(CURATOR, "purge", word)
    assert not questions.agreed(CURATOR, "purge", word), "replayed"
    word = questions.ask(CURATOR, "purge")
    now = 301.0
    assert not questions.agreed(CURATOR, "purge", word), "too late"


@pytest.mark.parametrize("missing", ["id", "from", "message"])
def test_a_press_of_nothing_is_none(missing: str) -> None:
    raw = _press("x")
    del raw["callback_query"][missing]
    assert parse_press(raw) is None
    assert parse_press({"update_id": 1, "callback_query": "odd"}) is None


class _Chat:
    """The intake with one command that notes what was typed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.typed: list[str | None] = []
        self.refused: list[tuple[SecurityKind, int | None]] = []
        self.intake = Intake(
            stage.inbox,
            stage.index,
            stage.clock,
            parse=parse_update,
            whitelist=frozenset({CURATOR}),
            commands={"queue": self._queue},
            window=WINDOW,
            presses=stage.presses(),
            languages=stage.languages,
            on_admitted=lambda: None,
            on_refused=lambda kind, who: self.refused.append((kind, who)),
        )

    async def _queue(self, message: IncomingMessage) -> Answer:
        self.typed.append(message.text)
        return Answer("page 2", ((Button("▶", "queue 3"),),), in_place=True)

    async def gets(self, raw: dict[str, Any]) -> None:
        await self.stage.inbox.store([RawUpdate(1, json.dumps(raw))])
        await self.intake.step()


async def test_a_press_types_its_command_and_the_answer_takes_the_messages_place(stage: Stage) -> None:
    chat = _Chat(stage)
    await chat.gets(_press(_data("queue 2")))
    assert chat.typed == ["/queue 2"]
    (reply,) = await stage.index.replies(0, 10)
    assert (reply.sent_id, reply.text, reply.sent_text) == (31, "page 2", None)
    assert reply.buttons == ((Button("▶", "queue 3"),),)
    await eventually(lambda: stage.telegram.press_answers == {"77": None})
    assert chat.refused == []


@pytest.mark.parametrize(
    "press",
    [
        _press("queue 2"),
        _press(_data("queue 2", OTHER_CURATOR), by=OTHER_CURATOR),
        _press(_data("queue 2"), chat={"id": -5, "type": "group"}),
        _press(_data("queue 2"), chat={"id": CURATOR, "type": "group"}),
        _press(_data("queue 2"), by=OTHER_CURATOR, chat=private_chat(CURATOR)),
    ],
    ids=["made up", "a stranger's", "in another chat", "in a group", "by somebody else"],
)
async def test_a_forged_press_does_nothing_and_is_reported(stage: Stage, press: dict[str, Any]) -> None:
    chat = _Chat(stage)
    await chat.gets(press)
    assert chat.typed == []
    assert chat.refused == [(SecurityKind.FORGED_CALLBACK, press["callback_query"]["from"]["id"])]
    assert await stage.index.replies(0, 10) == []
    assert await stage.inbox.pending(10) == []


async def test_only_who_may_use_the_bot_hears_that_a_button_is_none_of_ours(stage: Stage) -> None:
    chat = _Chat(stage)
    await chat.gets(_press("made up"))
    await eventually(lambda: "not one of mine" in (stage.telegram.press_answers.get("77") or ""))
    other = _press("made up", by=OTHER_CURATOR)
    other["callback_query"]["id"] = "78"
    await chat.gets({**other, "update_id": 2})
    assert "78" not in stage.telegram.press_answers


async def test_a_press_that_telegram_has_forgotten_is_seen_to_all_the_same(stage: Stage) -> None:
    chat = _Chat(stage)
    stage.telegram.failures["answer_press"] = [TransientError("net")]
    await chat.gets(_press(_data("queue")))
    assert chat.typed == ["/queue"]
