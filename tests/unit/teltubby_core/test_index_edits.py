"""Edits change what a message says and may add a file; they take nothing away, whatever their order."""

import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from support import CURATOR, DATE, OTHER_CURATOR, a_file, a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.documents import encode
from teltubby_core.domain.media import IncomingMessage, MediaItem
from teltubby_core.domain.records import Failed, ItemState
from teltubby_core.domain.sidecar import message_document
from teltubby_core.ports import RawUpdate
from unit.teltubby_core.index_cases import WINDOW, Archive


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


def _edit(
    caption: str | None, after: int, media: MediaItem | None = None, message_id: int = 7, **fields: Any
) -> IncomingMessage:
    """Return the new form that message 7 got ``after`` seconds after it was sent."""
    message = a_message(message_id, media, caption=caption)
    return message.model_copy(update={"edited": True, "edit_date": DATE + timedelta(seconds=after), **fields})


async def _apply(archive: Archive, update_id: int, edit: IncomingMessage) -> int | None:
    await archive.inbox.store([RawUpdate(update_id, "{}")])
    return await archive.index.edit(update_id, edit)


async def _document(archive: Archive, record_id: int) -> dict[str, Any]:
    record = await archive.record(record_id)
    for number, item in enumerate(record.items):
        await archive.store_as(item, f"{number:02x}")
    found: dict[str, Any] = json.loads(encode(message_document(await archive.record(record_id), "b", 0.0)))
    return found


def _edits(document: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(edit["caption_plain"], edit["edited_at_utc"][-4:]) for edit in document["edits"]]


async def test_the_new_caption_stands_in_the_document_and_the_earlier_one_among_its_edits(archive: Archive) -> None:
    bold = ({"type": "bold", "offset": 0, "length": 3},)
    first = a_message(7, caption="old").model_copy(update={"caption_entities": bold})
    record_id = await archive.admit(first)
    assert await _apply(archive, 500, _edit("new", 60)) == record_id
    document = await _document(archive, record_id)
    assert (document["telegram"]["caption_plain"], document["telegram"]["caption_entities"]) == ("new", [])
    assert document["telegram"]["items"][0]["caption_plain"] == "new"
    assert document["edits"] == [
        {
            "message_id": 7,
            "caption_plain": "old",
            "caption_entities": list(bold),
            "edited_at_utc": "2025-03-01T12:31:00Z",
        }
    ]


async def test_an_edit_makes_the_document_due_once_more(archive: Archive) -> None:
    record_id = await archive.admit(a_message(7, caption="old"))
    await _document(archive, record_id)
    record = await archive.record(record_id)
    await archive.index.documented(record_id, record.revision, 1.0)
    assert await archive.index.undocumented(10) == []
    await _apply(archive, 500, _edit("new", 60))
    assert [each.id for each in await archive.index.undocumented(10)] == [record_id]


EDITS = [(500, "second", 10), (501, "third", 20), (502, None, 30)]


@pytest.mark.parametrize("order", list(permutations(EDITS)))
async def test_edits_give_the_same_document_in_any_order_and_any_number_of_times(
    archive: Archive, order: tuple[tuple[int, str | None, int], ...]
) -> None:
    record_id = await archive.admit(a_message(7, caption="first"))
    for update_id, caption, after in (*order, *order):
        assert await _apply(archive, update_id, _edit(caption, after)) == record_id
    document = await _document(archive, record_id)
    assert document["telegram"]["caption_plain"] is None
    assert _edits(document) == [("first", ":10Z"), ("second", ":20Z"), ("third", ":30Z")]


async def test_an_edit_that_came_before_the_message_was_edited_for_the_last_time_is_an_earlier_one(
    archive: Archive,
) -> None:
    last = a_message(7, caption="last").model_copy(update={"edit_date": DATE + timedelta(seconds=90)})
    record_id = await archive.admit(last)
    await _apply(archive, 500, _edit("earlier", 30))
    document = await _document(archive, record_id)
    assert document["telegram"]["caption_plain"] == "last"
    assert [edit["caption_plain"] for edit in document["edits"]] == ["earlier"]


async def test_of_two_edits_in_one_second_the_later_update_counts(archive: Archive) -> None:
    record_id = await archive.admit(a_message(7, caption="a"))
    await _apply(archive, 501, _edit("c", 10))
    await _apply(archive, 500, _edit("b", 10))
    document = await _document(archive, record_id)
    assert document["telegram"]["caption_plain"] == "c"
    assert _edits(document) == [("a", ":10Z"), ("b", ":10Z")]


async def test_an_edit_that_changes_nothing_leaves_no_trace(archive: Archive) -> None:
    record_id = await archive.admit(a_message(7, caption="same"))
    await _apply(archive, 500, _edit("same", 60))
    assert (await _document(archive, record_id))["edits"] == []


async def test_of_an_album_each_message_has_a_caption_of_its_own(archive: Archive) -> None:
    for number in (7, 8):
        record_id = await archive.admit(a_message(number, album="9", caption=f"c{number}"))
    archive.clock.advance(WINDOW.window_seconds)
    await archive.index.close_due(archive.clock.now())
    await _apply(archive, 500, _edit("new8", 60, message_id=8, media_group_id="9"))
    document = await _document(archive, record_id)
    assert document["telegram"]["caption_plain"] == "c7"
    assert [item["caption_plain"] for item in document["telegram"]["items"]] == ["c7", "new8"]
    assert [(edit["message_id"], edit["caption_plain"]) for edit in document["edits"]] == [(8, "c8")]


@pytest.mark.parametrize(
    "edit",
    [_edit("x", 1, message_id=8), _edit("x", 1, chat_id=OTHER_CURATOR), _edit("x", 1, media=None).model_copy(
        update={"media": None, "text": "a text now"})],
    ids=["another message", "another chat", "no file in it"],
)  # fmt: skip
async def test_of_what_we_do_not_have_nothing_is_kept(archive: Archive, edit: IncomingMessage) -> None:
    await archive.admit(a_message(7, caption="old"))
    before = await archive.count("SELECT SUM(revision) FROM messages")
    assert await _apply(archive, 500, edit) is None
    assert await archive.count("SELECT COUNT(*) FROM captions") == 0
    assert await archive.count("SELECT SUM(revision) FROM messages") == before
    assert [update.update_id for update in await archive.inbox.pending(10)] == [500], "its owner discards it"


async def test_another_file_is_a_further_item_and_the_earlier_one_stays(archive: Archive) -> None:
    item = await archive.item(7)
    await archive.store_as(item, "aa")
    other = a_file("other")
    for update_id in (500, 501):
        assert await _apply(archive, update_id, _edit(None, 60, other)) == item.message
    first, second = (await archive.record(item.message)).items
    assert (first.state, second.state, second.ordinal, second.edition) == (ItemState.STORED, ItemState.PENDING, 2, 2)
    assert second.media == other
    assert await archive.claimable() == [7]
    assert await archive.update_state(second) == "taken"
    await archive.store_as(second, "bb")
    assert await archive.update_state(second) == "done"
    document = json.loads(encode(message_document(await archive.record(item.message), "b", 0.0)))
    assert document["files_count"] == len(document["keys"]) == 2
    assert document["notes"] == ["item 2 took the place of item 1 by an edit; both are listed"]


async def test_a_file_that_comes_back_is_no_third_item(archive: Archive) -> None:
    item = await archive.item(7)
    await _apply(archive, 500, _edit("b", 60, a_file("other")))
    await _apply(archive, 501, _edit("a", 90, item.media))
    assert len((await archive.record(item.message)).items) == 2
    assert [i.caption.text for i in (await archive.record(item.message)).items] == ["a", "a"]


async def test_another_file_in_an_album_that_still_collects_is_numbered_when_it_closes(archive: Archive) -> None:
    for number in (8, 7):
        record_id = await archive.admit(a_message(number, album="9"))
    await _apply(archive, 500, _edit(None, 1, a_file("other"), media_group_id="9"))
    archive.clock.advance(WINDOW.window_seconds)
    await archive.index.close_due(archive.clock.now())
    items = (await archive.record(record_id)).items
    assert [(item.incoming.message_id, item.edition, item.ordinal) for item in items] == [
        (7, 1, 1),
        (7, 2, 2),
        (8, 1, 3),
    ]


async def test_each_file_of_one_message_is_an_item(archive: Archive) -> None:
    several = a_message(7).model_copy(update={"further": (a_file("b"), a_file("c"))})
    record = await archive.record(await archive.admit(several))
    assert [(item.ordinal, item.media.file_id) for item in record.items] == [
        (1, "file-m7"),
        (2, "file-b"),
        (3, "file-c"),
    ]
    assert all(item.incoming.further == () for item in record.items)
    document = await _document(archive, record.id)
    assert (document["files_count"], document["notes"]) == (3, [])


async def test_an_edit_of_a_failed_message_still_keeps_its_caption(archive: Archive) -> None:
    item = await archive.item(7)
    await archive.index.settle(item.id, Failed("gone"))
    assert await _apply(archive, 500, _edit("new", 60, item.media)) == item.message
    assert (await archive.again(item)).caption.text == "new"
    assert item.incoming.chat_id == CURATOR
