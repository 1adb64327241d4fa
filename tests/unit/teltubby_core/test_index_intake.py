"""Messages and albums come into the index once, and their items become due when nothing more is awaited."""

import pytest

from support import OTHER_CURATOR, a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.records import Failed, ItemState
from teltubby_core.domain.speech import Answer
from unit.teltubby_core.index_cases import NONE, WINDOW, Archive


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def _album(archive: Archive, *message_ids: int, album: str = "9") -> int:
    return [await archive.admit(a_message(number, album=album)) for number in message_ids][-1]


async def _close(archive: Archive) -> list[int]:
    archive.clock.advance(WINDOW.window_seconds)
    return await archive.index.close_due(archive.clock.now())


async def test_a_single_message_is_due_at_once_in_a_folder_of_its_own(archive: Archive) -> None:
    record = await archive.record(await archive.admit(a_message(7)))
    assert (record.base_path, record.message_id, record.items[0].ordinal) == ("teltubby/2025/03/ada/7", 7, 1)
    assert record.items[0].state is ItemState.PENDING
    assert await archive.claimable() == [7]


async def test_what_was_admitted_comes_back_as_it_was(archive: Archive) -> None:
    message = a_message(7, caption="Ж 🎉").model_copy(
        update={"caption_entities": ({"type": "bold", "offset": 0, "length": 1},)}
    )
    record = await archive.record(await archive.admit(message))
    assert record.items[0].incoming == message


async def test_the_same_message_is_admitted_once(archive: Archive) -> None:
    first = await archive.admit(a_message(7))
    assert await archive.admit(a_message(7)) == first
    assert await archive.count("SELECT COUNT(*) FROM items") == 1
    assert await archive.count("SELECT COUNT(*) FROM replies") == 1
    assert await archive.inbox.pending(10) == []


async def test_equal_message_ids_in_two_chats_are_two_messages(archive: Archive) -> None:
    first = await archive.admit(a_message(7))
    assert await archive.admit(a_message(7, chat=OTHER_CURATOR, username="bob")) != first


async def test_the_update_is_taken_with_its_item_and_done_with_its_outcome(archive: Archive) -> None:
    item = await archive.item()
    assert await archive.update_state(item) == "taken"
    assert await archive.inbox.pending(10) == []
    await archive.index.settle(item.id, Failed("gone"))
    assert await archive.update_state(item) == "done"


async def test_an_album_collects_until_its_window_is_over(archive: Archive) -> None:
    record_id = await _album(archive, 8)
    archive.clock.advance(1.5)
    assert await _album(archive, 9) == record_id
    archive.clock.advance(1.5)
    assert await archive.index.close_due(archive.clock.now()) == [], "the second item restarted the window"
    assert await archive.claimable() == []
    assert await archive.index.next_due(NONE) is None
    assert (await archive.record(record_id)).base_path is None
    archive.clock.advance(0.5)
    assert await archive.index.next_close() == archive.clock.now()
    assert await archive.index.close_due(archive.clock.now()) == [record_id]
    assert await archive.index.next_close() is None
    assert await archive.claimable() == [8, 9]


async def test_a_slow_stream_of_items_does_not_hold_an_album_open(archive: Archive) -> None:
    start = archive.clock.now()
    for number in range(10, 17):
        await _album(archive, number)
        archive.clock.advance(1.5)
    assert await archive.index.next_close() == start + WINDOW.ceiling_seconds


async def test_an_album_is_named_after_its_lowest_message_in_telegrams_order(archive: Archive) -> None:
    record_id = await _album(archive, 12, 10, 11)
    await _close(archive)
    record = await archive.record(record_id)
    assert record.message_id == 10
    assert record.base_path == "teltubby/2025/03/ada/10"
    assert [(item.ordinal, item.incoming.message_id) for item in record.items] == [(1, 10), (2, 11), (3, 12)]


async def test_a_late_item_joins_the_closed_album_at_the_end(archive: Archive) -> None:
    record_id = await _album(archive, 12, 10)
    await _close(archive)
    before = await archive.record(record_id)
    assert await _album(archive, 9) == record_id
    after = await archive.record(record_id)
    assert (after.message_id, after.base_path) == (before.message_id, before.base_path)
    assert [(item.ordinal, item.incoming.message_id) for item in after.items] == [(1, 10), (2, 12), (3, 9)]
    assert 9 in await archive.claimable()
    assert await archive.index.next_close() is None
    assert after.revision > before.revision


async def test_albums_of_two_chats_with_one_group_id_stay_apart(archive: Archive) -> None:
    first = await archive.admit(a_message(7, album="9"))
    assert await archive.admit(a_message(8, album="9", chat=OTHER_CURATOR)) != first


async def test_an_album_is_named_after_the_chat_it_was_seen_from_first(archive: Archive) -> None:
    await archive.admit(a_message(10, album="9", username="old_name"))
    record_id = await archive.admit(a_message(9, album="9", username="new_name"))
    await _close(archive)
    assert (await archive.record(record_id)).base_path == "teltubby/2025/03/old_name/9"


async def test_items_in_hand_are_not_claimed_again_and_the_limit_holds(archive: Archive) -> None:
    items = [await archive.item(number) for number in (1, 2, 3, 4)]
    in_hand = frozenset({items[0].id, items[2].id})
    found = await archive.index.claimable(archive.clock.now(), in_hand, 1)
    assert [item.id for item in found] == [items[1].id]
    found = await archive.index.claimable(archive.clock.now(), in_hand, 10)
    assert [item.id for item in found] == [items[1].id, items[3].id]
    assert await archive.index.next_due(frozenset(item.id for item in items)) is None


async def test_a_postponed_item_is_due_later_and_tells_why(archive: Archive) -> None:
    item = await archive.item(1)
    await archive.item(2)
    later = archive.clock.now() + 5
    assert await archive.index.postpone(item.id, "Telegram can't be reached", later, counts=True) == 1
    assert await archive.index.postpone(item.id, "the disk is full", later, counts=False) == 1
    again = await archive.again(item)
    assert (again.attempts, again.last_error, again.state) == (1, "the disk is full", ItemState.PENDING)
    assert await archive.claimable() == [2]
    assert await archive.index.next_due(NONE) == 0
    archive.clock.advance(5)
    assert await archive.claimable() == [1, 2]


async def test_the_next_due_item_is_the_earliest_not_in_hand(archive: Archive) -> None:
    first, second = await archive.item(1), await archive.item(2)
    await archive.index.postpone(first.id, "x", 500.0, counts=True)
    await archive.index.postpone(second.id, "x", 400.0, counts=True)
    assert await archive.index.next_due(NONE) == 400.0
    assert await archive.index.next_due(frozenset({second.id})) == 500.0


async def test_an_answer_is_recorded_once_and_finishes_its_update(archive: Archive) -> None:
    for _ in range(2):
        await archive.index.answer(5, 42, 7, Answer("hello"))
    (reply,) = await archive.index.replies(0, 10)
    assert (reply.chat_id, reply.reply_to, reply.text, reply.message, reply.version) == (42, 7, "hello", None, 0)
