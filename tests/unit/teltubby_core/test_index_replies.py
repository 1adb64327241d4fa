"""Which reply follows which message: up to five in ten seconds have their own, those beyond share one."""

from support import CURATOR, OTHER_CURATOR, a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain import bursts
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.records import Person, Reply, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.domain.speech import Answer, Button


class Chats:
    def __init__(self, database: Database) -> None:
        self.index = SqliteIndex(database)
        self.number = 0

    async def send(self, now: float, count: int = 1, chat: int = CURATOR, album: str | None = None) -> list[int]:
        records = []
        for _ in range(count):
            self.number += 1
            message = a_message(self.number, chat=chat, album=album)
            records.append(await self.index.admit(self.number, message, AlbumWindow(), now))
        return records

    async def replies(self) -> list[Reply]:
        return await self.index.replies(0, 1000)

    async def finish(self, record_id: int) -> None:
        record = await self.index.message(record_id)
        for item in record.items:
            stored = Stored(f"teltubby/{item.id}/x", f"{item.id:064x}", 10, Route.BOT_API)
            await self.index.settle(item.id, stored)
        record = await self.index.message(record_id)
        await self.index.documented(record_id, record.revision, 0.0)


async def test_those_beyond_the_fifth_in_ten_seconds_share_a_reply(either_database: Database) -> None:
    chats = Chats(either_database)
    records = await chats.send(100.0, 9)
    own = [reply for reply in await chats.replies() if reply.message]
    (shared,) = [reply for reply in await chats.replies() if reply.burst]
    assert [reply.message for reply in own] == records[:5]
    assert shared.reply_to == 6
    assert [record.id for record in await chats.index.burst(shared.id)] == records[5:]
    for record_id in records[5:]:
        found = await chats.index.reply_of(record_id)
        assert found is not None
        assert found.id == shared.id


async def test_slow_ones_and_other_chats_have_their_own(either_database: Database) -> None:
    chats = Chats(either_database)
    for second in range(10):
        await chats.send(100.0 + 2.5 * second)
    await chats.send(125.0, 5, OTHER_CURATOR)
    assert [reply for reply in await chats.replies() if reply.burst] == []


async def test_an_album_counts_as_one_message(either_database: Database) -> None:
    chats = Chats(either_database)
    await chats.send(100.0, 10, album="g")
    await chats.send(100.0, 4)
    assert [reply for reply in await chats.replies() if reply.burst] == []
    assert len(await chats.replies()) == 5


async def test_after_a_silence_or_so_many_a_new_one_begins(either_database: Database) -> None:
    chats = Chats(either_database)
    await chats.send(100.0, bursts.MESSAGES + bursts.MOST + 1)
    shared = [reply for reply in await chats.replies() if reply.burst]
    assert [len(await chats.index.burst(reply.id)) for reply in shared] == [bursts.MOST, 1]
    await chats.send(110.0, 7)
    assert len([reply for reply in await chats.replies() if reply.burst]) == 3


async def test_a_shared_reply_is_open_while_any_of_its_messages_changes_and_complete_when_all_are(
    either_database: Database,
) -> None:
    chats = Chats(either_database)
    records = await chats.send(100.0, 7)
    (shared,) = [reply for reply in await chats.replies() if reply.burst]
    await chats.index.reply_sent(shared.id, 50, "two", shared.version)
    assert [reply for reply in await chats.replies() if reply.burst] == []
    await chats.finish(records[5])
    (shared,) = [reply for reply in await chats.replies() if reply.burst]
    assert not shared.complete
    await chats.finish(records[6])
    (shared,) = [reply for reply in await chats.replies() if reply.burst]
    assert (shared.complete, shared.sent_id, shared.sent_text) == (True, 50, "two")
    await chats.index.reply_sent(shared.id, 50, "done", shared.version - 1)
    assert [reply.sent_text for reply in await chats.replies() if reply.burst] == ["done"], "it changed meanwhile"


async def test_what_an_answer_brings_is_kept(either_database: Database) -> None:
    chats = Chats(either_database)
    (record,) = await chats.send(100.0)
    (item,) = (await chats.index.message(record)).items
    buttons = ((Button("🔎", "jobs x"), Button("🛑", "cancel x")), (Button("▶", "queue 2"),))
    await chats.index.answer(70, CURATOR, 9, Answer("text", buttons, in_place=True, file=item.id), 33)
    reply = (await chats.replies())[-1]
    assert (reply.text, reply.buttons, reply.file, reply.sent_id) == ("text", buttons, item.id, 33)
    await chats.index.reply_sent(reply.id, 33, "text", 0, buttons)
    found = await either_database.run(lambda c: c.execute("SELECT sent_buttons FROM replies WHERE id = ?", (reply.id,)))
    assert "cancel x" in found.fetchone()[0]
    await chats.index.answer(71, CURATOR, 9, Answer("new message"), 33)
    assert (await chats.replies())[-1].sent_id is None


async def test_what_people_speak_is_kept(either_database: Database) -> None:
    index = SqliteIndex(either_database)
    await index.note_person(Person(CURATOR, "de-AT"))
    await index.note_person(Person(CURATOR, "de-AT", "en"))
    assert await index.people() == [Person(CURATOR, "de-AT", "en")]


async def test_maintenance_writes_the_database_anew_without_gaps(either_database: Database) -> None:
    chats = Chats(either_database)
    await chats.send(100.0, 200)
    await either_database.run(lambda c: c.execute("DELETE FROM bursts"))
    await either_database.run(lambda c: c.execute("DELETE FROM replies"))
    await either_database.run(lambda c: c.execute("DELETE FROM items"))
    done = await chats.index.maintain()
    assert done.problem is None
    assert done.before.empty_bytes > 0
    assert done.after.empty_bytes == 0
    assert done.after.bytes < done.before.bytes
