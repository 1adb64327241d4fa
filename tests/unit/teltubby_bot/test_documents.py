"""The bucket catches up with the index: documents of what is settled, no objects that are to go."""

import json
from typing import Any

import pytest

from support import a_message
from teltubby_bot.documents import DocumentWriter
from teltubby_core.domain.records import Failed, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.errors import DatabaseUnavailableError, StorageFullError, StorageUnavailableError, TransientError
from teltubby_core.testing import StoredObject
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import WINDOW, Stage

PATH = "teltubby/2025/03/ada/7/message.json"


async def _ours() -> None:
    """Find the bucket in order."""


def _writer(stage: Stage, index: Any = None, bucket: Any = None) -> DocumentWriter:
    return DocumentWriter(
        stage.store,
        index or stage.index,
        stage.clock,
        ensure_bucket=bucket or _ours,
        on_written=lambda record: stage.note("written", record),
        on_trouble=lambda record, text: stage.note("trouble", record, text),
    )


def _document(stage: Stage, path: str = PATH) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(stage.store.objects[path].body)
    return parsed


async def test_a_settled_message_gets_its_document(stage: Stage) -> None:
    item = await stage.stored()
    assert await _writer(stage).step() is None
    assert _document(stage)["keys"] == [item.key]
    assert _document(stage)["bucket"] == "test"
    assert stage.store.objects[PATH].content_type == "application/json"
    assert (await stage.record(item)).complete
    assert stage.calls == [("written", item.message)]


async def test_what_still_waits_has_none(stage: Stage) -> None:
    await stage.item(1)
    await stage.queued(2)
    await _writer(stage).step()
    assert stage.store.objects == {}


async def test_a_late_item_is_written_into_the_document_and_the_first_time_stays(stage: Stage) -> None:
    record_id = await stage.admit(a_message(7, album="9"))
    stage.clock.advance(WINDOW.window_seconds)
    await stage.index.close_due(stage.clock.now())
    writer = _writer(stage)

    async def settle_last() -> None:
        item = (await stage.index.message(record_id)).items[-1]
        await stage.index.settle(item.id, Failed("gone"))
        await writer.step()

    await settle_last()
    first = _document(stage)
    stage.clock.advance(1000)
    await stage.admit(a_message(8, album="9"))
    await settle_last()
    second = _document(stage)
    assert (first["files_count"], second["files_count"]) == (1, 2)
    assert first["archive_timestamp_utc"] == second["archive_timestamp_utc"]


async def test_storage_trouble_is_told_and_the_document_written_later(stage: Stage) -> None:
    item = await stage.stored()
    stage.store.fail_with = StorageFullError("no space left")
    with pytest.raises(StorageFullError):
        await _writer(stage).step()
    assert stage.calls == [("trouble", item.message, "no space left")]
    assert not (await stage.record(item)).complete
    stage.store.fail_with = None
    await _writer(stage).step()
    assert (await stage.record(item)).complete


async def test_a_passing_error_is_not_worth_telling(stage: Stage) -> None:
    await stage.stored()
    stage.store.fail_with = TransientError("net")
    with pytest.raises(TransientError):
        await _writer(stage).step()
    assert stage.calls == []


async def test_one_message_that_cannot_be_documented_does_not_hold_up_the_others(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bad = await stage.stored(6)
    incoming = bad.incoming.model_copy(update={"caption": "secret", "caption_entities": ({"type": "bold"},)})
    raw = incoming.model_dump_json()
    await stage.database.run(lambda c: c.execute("UPDATE items SET incoming = ? WHERE id = ?", (raw, bad.id)).rowcount)
    good = await stage.stored(7)
    assert await _writer(stage).step() is None
    assert (await stage.record(good)).complete
    assert not (await stage.record(bad)).complete
    assert "telegram.caption_entities[0]: breaks the rule 'required'" in caplog.text
    assert "secret" not in caplog.text
    assert [call[0] for call in stage.calls] == ["trouble", "written"]


async def test_of_many_the_rest_follows_at_once(stage: Stage) -> None:
    for number in range(1, 22):
        await stage.stored(number)
    writer = _writer(stage)
    assert await writer.step() == 0.0
    assert await writer.step() is None
    assert len(stage.store.objects) == 21


async def test_the_object_of_a_duplicate_goes(stage: Stage) -> None:
    first = await stage.stored(1)
    second = await stage.item(2)
    twin = "teltubby/2025/03/ada/2/x.jpg"
    for key in (str(first.key), twin):
        stage.store.objects[key] = StoredObject(b"x", "image/jpeg")
    await stage.index.settle(second.id, Stored(twin, str(first.sha256), 1, Route.BOT_API))
    await _writer(stage).step()
    assert twin not in stage.store.objects
    assert str(first.key) in stage.store.objects
    assert await stage.index.pending_deletes() == []


async def test_a_removal_that_fails_is_tried_again(stage: Stage) -> None:
    await stage.database.run(lambda c: c.execute("INSERT INTO pending_deletes VALUES ('teltubby/x', 'now')").rowcount)
    stage.store.fail_with = TransientError("net")
    with pytest.raises(TransientError):
        await _writer(stage).step()
    stage.store.fail_with = None
    await _writer(stage).step()
    assert await stage.index.pending_deletes() == []


async def test_a_document_that_was_written_but_not_recorded_is_written_again(stage: Stage) -> None:
    await stage.stored()
    index = Failing(stage.index, DatabaseUnavailableError("full"))
    index.methods = {"documented"}
    with pytest.raises(DatabaseUnavailableError):
        await _writer(stage, index).step()
    before = _document(stage)
    await _writer(stage).step()
    assert _document(stage) == before


async def test_nothing_is_written_or_removed_while_the_bucket_is_not_known_to_be_ours(stage: Stage) -> None:
    async def not_ours() -> None:
        raise StorageUnavailableError("the folder is read-only")

    item = await stage.stored()
    with pytest.raises(StorageUnavailableError):
        await _writer(stage, bucket=not_ours).step()
    assert stage.store.objects == {}
    assert stage.calls == [("trouble", item.message, "the folder is read-only")]


async def test_one_message_that_can_not_be_documented_holds_up_no_other(stage: Stage) -> None:
    poisoned, sound = await stage.stored(7), await stage.stored(8)
    await stage.database.run(lambda c: c.execute("UPDATE items SET ordinal = -1 WHERE id = ?", (poisoned.id,)))
    writer = _writer(stage)
    assert await writer.step() is None
    assert (await stage.record(sound)).complete
    assert not (await stage.record(poisoned)).complete
    assert stage.calls[0][:2] == ("trouble", poisoned.message)
    stage.calls.clear()
    await writer.step()
    assert stage.calls == [], "it is put aside"
