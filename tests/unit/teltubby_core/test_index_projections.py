"""Documents and replies follow the index, and a change while one is made leaves it due once more."""

import pytest

from support import OTHER_CURATOR, a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.records import Failed, Reply
from teltubby_core.domain.speech import Answer
from unit.teltubby_core.index_cases import WINDOW, Archive, completed, started


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def _undocumented(archive: Archive) -> list[int]:
    return [record.message_id for record in await archive.index.undocumented(100)]


async def _reply(archive: Archive) -> Reply:
    (reply,) = await archive.index.replies(0, 10)
    return reply


async def test_a_message_is_documented_when_every_item_has_its_outcome(archive: Archive) -> None:
    record_id = await archive.admit(a_message(1, album="9"))
    await archive.admit(a_message(2, album="9"))
    assert await _undocumented(archive) == [], "it still collects"
    archive.clock.advance(WINDOW.window_seconds)
    await archive.index.close_due(archive.clock.now())
    items = (await archive.record(record_id)).items
    await archive.store_as(items[0])
    assert await _undocumented(archive) == [], "one item waits"
    await archive.index.settle(items[1].id, Failed("gone"))
    assert await _undocumented(archive) == [1]


async def test_a_queued_item_holds_its_document_back(archive: Archive) -> None:
    _, job = await archive.queued()
    assert await _undocumented(archive) == []
    await archive.index.apply(started(job))
    assert await _undocumented(archive) == []
    await archive.index.apply(completed(job))
    assert await _undocumented(archive) == [7]


async def test_a_change_while_the_document_is_written_leaves_it_due(archive: Archive) -> None:
    record_id = await archive.admit(a_message(1, album="9"))
    archive.clock.advance(WINDOW.window_seconds)
    await archive.index.close_due(archive.clock.now())
    await archive.store_as((await archive.record(record_id)).items[0])
    (being_written,) = await archive.index.undocumented(10)
    await archive.admit(a_message(2, album="9"))
    await archive.index.settle((await archive.record(record_id)).items[1].id, Failed("x"))
    await archive.index.documented(record_id, being_written.revision, 10.0)
    assert not (await archive.record(record_id)).complete
    (again,) = await archive.index.undocumented(10)
    await archive.index.documented(record_id, again.revision, 20.0)
    record = await archive.record(record_id)
    assert record.complete
    assert record.documented_at == 10.0, "the time of the first writing stays"
    assert await _undocumented(archive) == []


async def test_the_oldest_documents_come_first_and_the_limit_holds(archive: Archive) -> None:
    for number in (1, 2, 3):
        await archive.store_as(await archive.item(number), f"{number}a")
    assert [record.message_id for record in await archive.index.undocumented(2)] == [1, 2]


async def test_a_message_gets_one_reply_and_an_album_too(archive: Archive) -> None:
    await archive.item(5)
    for number in (11, 10):
        await archive.admit(a_message(number, album="9"))
    replies = await archive.index.replies(0, 10)
    assert [reply.reply_to for reply in replies] == [5, 11]
    assert [reply.reply_to for reply in await archive.index.replies(replies[0].id, 10)] == [11]
    assert len(await archive.index.replies(0, 1)) == 1


async def test_a_shown_reply_rests_until_its_message_changes(archive: Archive) -> None:
    item = await archive.item()
    reply = await _reply(archive)
    await archive.index.reply_sent(reply.id, 100, "Archiving", reply.version)
    assert await archive.index.replies(0, 10) == []
    await archive.store_as(item)
    again = await _reply(archive)
    assert (again.sent_id, again.sent_text) == (100, "Archiving")
    assert again.version > reply.version


async def test_a_change_while_a_reply_is_sent_leaves_it_due(archive: Archive) -> None:
    item = await archive.item()
    reply = await _reply(archive)
    await archive.store_as(item)
    await archive.index.reply_sent(reply.id, 100, "Archiving", reply.version)
    assert (await _reply(archive)).sent_id == 100


async def test_a_written_document_is_something_new_to_show(archive: Archive) -> None:
    item = await archive.item()
    await archive.store_as(item)
    reply = await _reply(archive)
    await archive.index.reply_sent(reply.id, 100, "Archiving", reply.version)
    record = await archive.record(item.message)
    assert record.version == reply.version
    await archive.index.documented(record.id, record.revision, 0)
    assert (await _reply(archive)).version > reply.version


async def test_an_answer_is_sent_once(archive: Archive) -> None:
    await archive.index.answer(1, 42, 7, Answer("hello"))
    await archive.index.reply_sent((await _reply(archive)).id, 100, "hello", 0)
    assert await archive.index.replies(0, 10) == []


async def test_a_chat_that_is_closed_to_us_gets_nothing_until_its_next_message(archive: Archive) -> None:
    item = await archive.item()
    reply = await _reply(archive)
    await archive.index.reply_ended(reply.id, chat_closed=True)
    await archive.store_as(item)
    assert await archive.index.replies(0, 10) == []
    assert await archive.index.reply_of(item.message) is None
    await archive.item(8, chat=OTHER_CURATOR)
    assert [other.chat_id for other in await archive.index.replies(0, 10)] == [OTHER_CURATOR]
    await archive.item(9)
    assert [other.reply_to for other in await archive.index.replies(0, 10)] == [7, 8, 9]


async def test_a_reply_that_is_gone_never_comes_back(archive: Archive) -> None:
    item = await archive.item()
    await archive.index.reply_ended((await _reply(archive)).id, chat_closed=False)
    await archive.store_as(item)
    await archive.item(9)
    assert [other.reply_to for other in await archive.index.replies(0, 10)] == [9]


async def test_what_is_left_out_makes_room_for_others(archive: Archive) -> None:
    first, second = await archive.item(1), await archive.item(2)
    for number, item in enumerate((first, second)):
        await archive.store_as(item, f"{number}a")
    found = await archive.index.undocumented(1, frozenset({first.message}))
    assert [record.id for record in found] == [second.message]


async def test_the_reply_of_a_message(archive: Archive) -> None:
    item, other = await archive.item(1), await archive.item(2, chat=OTHER_CURATOR)
    found = await archive.index.reply_of(other.message)
    assert found is not None
    assert (found.chat_id, found.message) == (OTHER_CURATOR, other.message)
    await archive.index.reply_sent(found.id, 100, "x", found.version)
    resting = await archive.index.reply_of(other.message)
    assert resting is not None
    assert resting.sent_id == 100
    assert await archive.index.reply_of(item.message + other.message) is None
