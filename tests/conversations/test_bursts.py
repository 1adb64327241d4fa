"""Many messages at once: nobody waits for a final answer for ever, and Telegram's limits hold."""

import asyncio
from itertools import pairwise
from pathlib import Path

from conversations.talk import Talk, new_talk
from integration.harness import MIB, Stage, new_stage
from teltubby_simulator.faults import Rule, Step
from teltubby_simulator.model import Message

CHATS, MINUTE = 10, 60.0
EACH = 30


async def test_more_than_five_in_ten_seconds_share_a_reply(talk: Talk) -> None:
    sent = [talk.world.send(talk.ada, talk.bot, media=talk.stage.document(f"f{n}", 2000)) for n in range(12)]
    await talk.stage.until_ended(*sent)
    answers = talk.stage.answers()
    assert len(answers) == 6
    assert (answers[-1].text or "").startswith("✅ Archived: 7 messages\n7 documents\n7 new files, 13.7 KB\n")


async def test_three_hundred_in_a_minute_from_ten_chats(tmp_path: Path) -> None:
    async with new_stage(tmp_path) as stage:
        stage.world.flood_limits = True
        people = [stage.cast.curator, *(stage.add_curator(f"Curator{number}") for number in range(CHATS - 1))]
        await stage.start()
        loop, sent = asyncio.get_running_loop(), list[Message]()
        began = loop.time()
        for number in range(CHATS * EACH):
            await asyncio.sleep(max(0.0, began + number * MINUTE / (CHATS * EACH) - loop.time()))
            media = stage.document(f"file {number}", 20_000)
            sent.append(stage.world.send(people[number % CHATS], stage.cast.bot, media=media))
        await stage.until_ended(*sent)
        stage.assert_archived_once(sent)
        floods = {person.id: _floods(stage, person.id) for person in people}
        assert sum(map(sum, floods.values())) <= CHATS, "floods are the exception"
        for chat, calls in floods.items():
            assert len(calls) > EACH // 5, "each chat was written to"
            assert not any(first and second for first, second in pairwise(calls)), f"two floods in a row in chat {chat}"
        assert await stage.stop() == 0


def _floods(stage: Stage, chat: int) -> list[bool]:
    """Return for each call about a chat, in order, whether Telegram refused it for coming too soon."""
    entries = stage.world.journal.entries()
    return [entry.outcome.startswith("429") for entry in entries if str(entry.params.get("chat_id")) == str(chat)]


async def test_a_flood_in_one_chat_holds_no_other_up(talk: Talk) -> None:
    bobs = await talk.large_file("bob's", talk.bob)
    talk.world.faults.add(Rule((Step(code=429, retry_after=5),), "bot_api", "sendmessage"))
    adas = talk.world.send(talk.ada, talk.bot, media=talk.stage.document("ada's", 3000))
    await talk.stage.until(talk.floods, what="the flood")
    before = bobs.text
    await talk.stage.until(lambda: bobs.text != before, limit=15, what="progress in the other chat")
    talk.at_full_speed()
    await talk.stage.until_ended(adas)
    assert len(talk.floods()) == 1, "never two in a row"
    talk.world.journal.clear()


async def test_progress_is_edited_at_most_every_five_seconds(tmp_path: Path) -> None:
    async with new_talk(tmp_path) as talk:
        reply = await talk.large_file("film", size=200 * MIB)
        await talk.stage.until(lambda: len(reply.edits) >= 5, what="progress")
        talk.at_full_speed()
        await talk.becomes(reply, "✅ Archived")
        times = [at for at, text in reply.edits if "▰" in text]
        assert min(later - earlier for earlier, later in pairwise(times)) >= 5.0


async def test_reactions_and_typing_while_a_file_is_on_its_way(talk: Talk) -> None:
    sent = talk.world.send(talk.ada, talk.bot, media=talk.stage.document("quick", 2000))
    await talk.stage.until_ended(sent)
    await talk.stage.until(lambda: sent.reactions == ["👌"], what="the reaction")
    await talk.large_file("slow")
    assert (talk.ada.id, "typing") in [(chat, action) for _, chat, action in talk.world.account(talk.bot).chat_actions]
    again = talk.world.send(talk.ada, talk.bot, media=sent.media)
    await talk.stage.until(lambda: again.reactions == ["🤝"], what="the reaction to a duplicate")
    talk.at_full_speed()
