"""Who may send, what is taken in, what is answered, and what an update at fault costs."""

import json
import logging
from typing import Any

import pytest

from support import CURATOR
from teltubby_bot.botapi import parse_update
from teltubby_bot.intake import MAX_ATTEMPTS, Intake, Parse
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.errors import DatabaseUnavailableError
from teltubby_core.observability import SecurityKind
from teltubby_core.ports import ArchiveIndex, RawUpdate
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import WINDOW, Stage
from unit.teltubby_bot.wire import UNIX, a_command, a_payload, an_update, channel_chat, group_chat


async def _status(_: IncomingMessage) -> str:
    return "all is well"


Refused = list[tuple[SecurityKind, int | None]]


def _intake(
    stage: Stage,
    index: ArchiveIndex | None = None,
    parse: Parse = parse_update,
    refused: Refused | None = None,
) -> Intake:
    return Intake(
        stage.inbox,
        index or stage.index,
        stage.clock,
        parse=parse,
        whitelist=frozenset({CURATOR}),
        commands={"status": _status},
        window=WINDOW,
        presses=stage.presses(),
        languages=stage.languages,
        on_admitted=stage.note,
        on_refused=lambda kind, who: (refused if refused is not None else []).append((kind, who)),
        on_parked=lambda update_id: stage.note("parked", update_id),
    )


async def _read(stage: Stage, *updates: dict[str, Any] | str) -> Intake:
    raw = [u if isinstance(u, str) else json.dumps(u) for u in updates]
    await stage.inbox.store([RawUpdate(number, text) for number, text in enumerate(raw, 1)])
    intake = _intake(stage)
    await intake.step()
    return intake


async def _answers(stage: Stage) -> list[str]:
    return [reply.text or "" for reply in await stage.index.replies(0, 100)]


async def _messages(stage: Stage) -> int:
    return (await stage.index.stats()).messages


async def test_a_curators_file_is_admitted(stage: Stage) -> None:
    await _read(stage, an_update(1, **a_payload("photo")))
    assert await _messages(stage) == 1
    assert await stage.inbox.pending(10) == []
    assert stage.calls == [()]


STRANGER = an_update(1, sender=99, **a_payload("photo"))
IN_GROUP = an_update(1, chat=group_chat(), **a_payload("photo"))
POST = {"update_id": 1, "channel_post": {"message_id": 7, "date": UNIX, "chat": channel_chat(), "text": "hi"}}
NO_SENDER = {
    "update_id": 1,
    "message": {"message_id": 7, "date": UNIX, "chat": {"id": CURATOR, "type": "private"}, "text": "x"},
}


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (STRANGER, "stranger"),
        (an_update(1, sender=99, text="hello?"), "stranger"),
        (a_command(1, "/start") | {"message": an_update(1, sender=99, text="/start")["message"]}, "stranger"),
        (NO_SENDER, "stranger"),
        (IN_GROUP, "not a private chat"),
        (POST, "not a private chat"),
        ({"update_id": 1, "edited_message": an_update(1)["message"]}, "other update"),
    ],
)
async def test_everybody_else_is_ignored_in_silence(
    stage: Stage, caplog: pytest.LogCaptureFixture, update: dict[str, Any], reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    intake = await _read(stage, update)
    assert intake.ignored == {reason: 1}
    assert await _answers(stage) == []
    assert await _messages(stage) == 0
    assert await stage.inbox.pending(10) == []
    assert "hello" not in caplog.text
    assert "file-a" not in caplog.text


@pytest.mark.parametrize("text", ["/status", "/STATUS now", "/status@archive_bot", "/status\nplease"])
async def test_commands_are_answered(stage: Stage, text: str) -> None:
    await _read(stage, a_command(1, text))
    assert await _answers(stage) == ["all is well"]


async def test_an_unknown_command_names_the_known_ones(stage: Stage) -> None:
    await _read(stage, a_command(1, "/fly"))
    assert await _answers(stage) == ["I don't know /fly. I know /status."]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"text": "hello"}, "text"),
        ({"text": "see /status"}, "text"),
        ({"location": {"latitude": 1.0, "longitude": 2.0}}, "a location"),
        ({"dice": {"emoji": "🎲", "value": 3}}, "a dice"),
    ],
)
async def test_what_is_no_file_gets_a_hint(stage: Stage, fields: dict[str, Any], named: str) -> None:
    await _read(stage, an_update(1, **fields))
    (answer,) = await _answers(stage)
    assert answer.startswith(f"I can't archive {named}, only files")
    assert await _messages(stage) == 0


async def test_a_message_with_a_command_in_its_caption_is_a_file(stage: Stage) -> None:
    await _read(stage, an_update(1, **a_payload("photo"), caption="/status"))
    assert await _messages(stage) == 1


async def test_an_update_that_cannot_be_read_is_parked_after_five_tries_and_holds_up_nobody(stage: Stage) -> None:
    intake = await _read(stage, "not json", an_update(2, **a_payload("photo")))
    assert await _messages(stage) == 1
    for _ in range(MAX_ATTEMPTS - 2):
        assert await intake.step() == 1.0
        assert (await stage.index.stats()).parked_updates == 0
    await intake.step()
    assert (await stage.index.stats()).parked_updates == 1
    assert await intake.step() is None
    assert MAX_ATTEMPTS == 5


async def test_who_wrote_what_is_parked_hears_of_it(stage: Stage) -> None:
    broken = an_update(1, **a_payload("photo"))
    broken["message"]["photo"] = [{"nonsense": True}]
    intake = await _read(stage, broken)
    for _ in range(MAX_ATTEMPTS - 1):
        await intake.step()
    (answer,) = await _answers(stage)
    assert "could not read this message" in answer
    assert (await stage.index.stats()).parked_updates == 1


async def test_a_stranger_whose_update_is_parked_hears_nothing(stage: Stage) -> None:
    broken = an_update(1, chat={"id": 99, "type": "private"}, sender=99, **a_payload("photo"))
    broken["message"]["photo"] = [{"nonsense": True}]
    intake = await _read(stage, broken)
    for _ in range(MAX_ATTEMPTS - 1):
        await intake.step()
    assert await _answers(stage) == []


async def test_when_the_index_is_unavailable_the_update_waits_and_nothing_is_counted(stage: Stage) -> None:
    await stage.inbox.store([RawUpdate(1, json.dumps(an_update(1, **a_payload("photo"))))])
    index: Any = Failing(stage.index, DatabaseUnavailableError("locked"))
    intake = _intake(stage, index)
    index.methods = {"admit"}
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(DatabaseUnavailableError):
            await intake.step()
    (waiting,) = await stage.inbox.pending(10)
    assert waiting.attempts == 0
    index.methods = set()
    await intake.step()
    assert await _messages(stage) == 1


async def test_an_update_read_twice_has_one_effect(stage: Stage) -> None:
    update = an_update(1, **a_payload("photo"))
    await _read(stage, update, {**update, "update_id": 2})
    assert await _messages(stage) == 1


async def test_of_a_long_backlog_the_next_part_follows_at_once(stage: Stage) -> None:
    raw = json.dumps({"update_id": 1})
    await stage.inbox.store([RawUpdate(number, raw) for number in range(1, 131)])
    intake = _intake(stage)
    assert await intake.step() == 0.0
    assert await intake.step() is None
    assert await stage.inbox.pending(1) == []


def _edited(update_id: int, caption: str, **fields: Any) -> dict[str, Any]:
    body = an_update(update_id, caption=caption, edit_date=UNIX + update_id, **{**a_payload("photo"), **fields})
    return {"update_id": update_id, "edited_message": body["message"]}


async def _captions(stage: Stage) -> list[str | None]:
    return [caption.text for caption in (await stage.index.message(1)).items[0].captions]


async def test_an_edited_caption_is_taken_in(stage: Stage) -> None:
    intake = await _read(stage, an_update(1, **a_payload("photo"), caption="old"), _edited(2, "new"))
    assert await _captions(stage) == ["old", "new"]
    assert await stage.inbox.pending(10) == []
    assert not intake.ignored


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (_edited(1, "x"), "edit of an unknown message"),
        ({"update_id": 1, "edited_message": an_update(1, text="new words")["message"]}, "edit of an unknown message"),
        ({"update_id": 1, "edited_message": an_update(1, sender=99, **a_payload("photo"))["message"]}, "stranger"),
        ({"update_id": 1, "edited_message": IN_GROUP["message"]}, "not a private chat"),
    ],
    ids=["unknown", "a text", "a stranger's", "in a group"],
)
async def test_edits_of_what_we_do_not_have_are_counted_and_nothing_else(
    stage: Stage, update: dict[str, Any], reason: str
) -> None:
    intake = await _read(stage, update)
    assert dict(intake.ignored) == {reason: 1}
    assert (await _messages(stage), await _answers(stage)) == (0, [])
    assert await stage.inbox.pending(10) == []


async def test_an_edit_waits_for_its_message_that_could_not_be_read_at_first(stage: Stage) -> None:
    failures = [RuntimeError("a defect that goes away")]

    def parse(raw: dict[str, Any]) -> IncomingMessage | None:
        if failures:
            raise failures.pop()
        return parse_update(raw)

    updates = [an_update(1, **a_payload("photo"), caption="old"), _edited(2, "new")]
    await stage.inbox.store([RawUpdate(number, json.dumps(raw)) for number, raw in enumerate(updates, 1)])
    intake = _intake(stage, parse=parse)
    assert await intake.step() == 1.0
    assert [update.attempts for update in await stage.inbox.pending(10)] == [1, 0], "the edit is not at fault"
    await intake.step()
    assert await _captions(stage) == ["old", "new"]


async def test_strangers_are_told_to_whoever_watches(stage: Stage) -> None:
    for number, update in enumerate((STRANGER, IN_GROUP, an_update(1, sender=99, text="hello?")), 1):
        await stage.inbox.store([RawUpdate(number, json.dumps(update))])
    refused: Refused = []
    await _intake(stage, refused=refused).step()
    assert [kind for kind, _ in refused] == [SecurityKind.STRANGER, SecurityKind.FOREIGN_CHAT, SecurityKind.STRANGER]
    assert refused[2] == (SecurityKind.STRANGER, 99)


async def test_a_button_that_nobody_made_is_told_and_nothing_else(stage: Stage) -> None:
    presses = [{"update_id": 1, "callback_query": {"id": "1", "from": {"id": 99}, "data": "retry:x"}}]
    presses.append({"update_id": 2, "callback_query": "nonsense"})
    await stage.inbox.store([RawUpdate(number, json.dumps(press)) for number, press in enumerate(presses, 1)])
    refused: Refused = []
    await _intake(stage, refused=refused).step()
    assert refused == [(SecurityKind.FORGED_CALLBACK, 99), (SecurityKind.FORGED_CALLBACK, None)]
    assert await stage.inbox.pending(10) == []


async def test_a_parked_update_is_told(stage: Stage) -> None:
    await stage.inbox.store([RawUpdate(5, "{")])
    intake = _intake(stage)
    for _ in range(MAX_ATTEMPTS):
        await intake.step()
    assert [call for call in stage.calls if call] == [("parked", 5)]
