"""Where updates can overtake each other, an edit waits a while for its message."""

import json
from typing import Any

from support import CURATOR
from teltubby_bot.botapi import parse_update
from teltubby_bot.intake import Intake
from teltubby_core.ports import RawUpdate
from unit.teltubby_bot.stage import WINDOW, Stage
from unit.teltubby_bot.wire import UNIX, a_payload, an_update

GRACE = 15.0


def _intake(stage: Stage) -> Intake:
    return Intake(
        stage.inbox,
        stage.index,
        stage.clock,
        parse=parse_update,
        whitelist=frozenset({CURATOR}),
        commands={},
        window=WINDOW,
        presses=stage.presses(),
        languages=stage.languages,
        on_admitted=stage.note,
        edit_grace=GRACE,
    )


def _photo(update_id: int, message_id: int = 7) -> dict[str, Any]:
    return an_update(update_id, message_id, **a_payload("photo", f"m{message_id}"), caption="old")


def _edit(update_id: int, message_id: int = 7, **fields: Any) -> dict[str, Any]:
    new = fields or {**a_payload("photo", f"m{message_id}"), "caption": "new"}
    return {"update_id": update_id, "edited_message": an_update(0, message_id, edit_date=UNIX + 5, **new)["message"]}


async def _store(stage: Stage, *updates: dict[str, Any]) -> None:
    await stage.inbox.store([RawUpdate(update["update_id"], json.dumps(update)) for update in updates])


async def test_an_edit_that_overtook_its_message_is_taken_in_once_that_is_there(stage: Stage) -> None:
    intake = _intake(stage)
    await _store(stage, _edit(2))
    assert await intake.step() == 1.0, "looks again soon"
    stage.clock.advance(GRACE - 1)
    await _store(stage, _photo(1))
    assert await intake.step() is None
    assert [caption.text for caption in (await stage.index.message(1)).items[0].captions] == ["old", "new"]
    assert not intake.ignored


async def test_an_edit_whose_message_never_comes_is_counted_and_dropped(stage: Stage) -> None:
    intake = _intake(stage)
    await _store(stage, _edit(2))
    await intake.step()
    stage.clock.advance(GRACE)
    assert await intake.step() is None
    assert dict(intake.ignored) == {"edit of an unknown message": 1}
    assert await stage.inbox.pending(10) == []


async def test_an_edit_without_a_file_waits_for_nothing(stage: Stage) -> None:
    intake = _intake(stage)
    await _store(stage, _edit(2, text="new words"))
    assert await intake.step() is None
    assert dict(intake.ignored) == {"edit of an unknown message": 1}


async def test_however_many_edits_wait_the_files_behind_them_are_taken_in(stage: Stage) -> None:
    intake = _intake(stage)
    await _store(stage, *(_edit(number, number) for number in range(1, 201)), _photo(999, 999))
    for _ in range(4):
        await intake.step()
    assert (await stage.index.stats()).messages == 1
    stage.clock.advance(GRACE)
    await intake.step()
    assert await stage.inbox.pending(10) == []
    assert intake.ignored["edit of an unknown message"] == 200
