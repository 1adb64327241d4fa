"""A world in another process: what is done here happens there, and what the bot says there is seen here."""

import asyncio

import pytest

from teltubby_simulator.content import BytesContent, SeededContent
from teltubby_simulator.far_world import FarWorld, FarWorldError
from teltubby_simulator.model import OriginChannel, OriginHiddenUser, OriginUser
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World


@pytest.fixture
async def far(simulator, bot_user):
    return await asyncio.to_thread(FarWorld, simulator.control_url, patience=1)


async def test_its_bot_is_the_one_there(far, bot_user):
    assert (far.bot.id, far.bot.username) == (bot_user.id, "archive_bot")


async def test_a_person_is_made_there_or_taken_as_it_is(far, world, ada):
    same = await asyncio.to_thread(far.person, "Ada", "ada", ada.id)
    new = await asyncio.to_thread(far.person, "Grace", "grace", 1001)
    other = await asyncio.to_thread(far.person, "Mallory")
    assert same.id == ada.id
    assert world.users[1001].first_name == new.first_name == "Grace"
    assert world.users[other.id].first_name == "Mallory"
    assert len([user for user in world.users.values() if not user.is_bot]) == 3


async def test_a_username_that_is_taken_there_becomes_another_one(far, world, ada):
    other = await asyncio.to_thread(far.person, "Ada", "ada")
    assert world.users[other.id].username.startswith("ada_")


@pytest.mark.parametrize("kind", ["document", "video", "audio", "voice", "photo", "video_note", "animation", "sticker"])
async def test_media_of_every_kind_arrive_as_they_were_made(far, world, bot_user, wire, kind):
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    content = SeededContent(f"a {kind}", 1234)
    media = far.make_photo([("x", 90, 60, content)]) if kind == "photo" else far.make_media(kind, content)
    caption = None if kind in {"video_note", "sticker"} else "look"
    sent = await asyncio.to_thread(far.send, ada, far.bot, media=media, caption=caption)
    there = world.message(bot_user.id, ada.id, sent.id)
    assert there.media.kind == kind
    assert there.caption == caption
    assert there.media.file.unique_id == sent.media.file.unique_id
    assert there.media.file.content.read(0, 1234) == content.read(0, 1234)
    (update,) = await wire.result("getUpdates")
    assert update["message"][kind]


async def test_the_same_file_sent_again_is_the_same_file_there(far, world, bot_user):
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    media = far.make_media("document", BytesContent(b"once"), file_name="a.txt")
    sent = [await asyncio.to_thread(far.send, ada, far.bot, media=media) for _ in range(2)]
    ids = {world.message(bot_user.id, ada.id, message.id).media.file.unique_id for message in sent}
    assert len(ids) == 1
    assert {message.media.file.unique_id for message in sent} == ids


async def test_an_album_arrives_whole(far, world, bot_user):
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    items = [(far.make_media("video", SeededContent(f"film {number}", 10)), f"part {number}") for number in range(3)]
    sent = await asyncio.to_thread(far.send_album, ada, far.bot, items)
    there = [world.message(bot_user.id, ada.id, message.id) for message in sent]
    assert [each.caption for each in there] == ["part 0", "part 1", "part 2"]
    (group,) = {each.media_group_id for each in there}
    assert {message.media_group_id for message in sent} == {group}


async def test_forwards_tell_where_they_come_from(far, wire):
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    grace = await asyncio.to_thread(far.person, "Grace", "grace")
    channel = await asyncio.to_thread(far.add_chat, "channel", "News", "news")
    origins = [OriginUser(grace, 5), OriginHiddenUser("Somebody", 6), OriginChannel(channel, 42, 7, "Ed")]
    for origin in origins:
        await asyncio.to_thread(far.send, ada, far.bot, text="x", forward_origin=origin)
    told = [each["message"]["forward_origin"] for each in await wire.result("getUpdates")]
    assert [each["type"] for each in told] == ["user", "hidden_user", "channel"]
    assert told[0]["sender_user"]["id"] == grace.id
    assert told[1]["sender_user_name"] == "Somebody"
    assert (told[2]["chat"]["id"], told[2]["message_id"]) == (channel.id, 42)


async def test_what_the_bot_says_there_is_seen_here_with_its_edits(far, wire):
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    asked = await asyncio.to_thread(far.send, ada, far.bot, text="/start")
    parameters = {"chat_id": ada.id, "reply_parameters": {"message_id": asked.id}}
    said = await wire.result("sendMessage", **parameters, text="welcome")
    await asyncio.to_thread(far.look)
    answer = far.chat_with(ada.id, far.bot.id)[-1]
    assert (answer.id, answer.text, answer.reply_to_message_id) == (said["message_id"], "welcome", asked.id)
    await wire.result("editMessageText", chat_id=ada.id, message_id=said["message_id"], text="bye")
    await asyncio.to_thread(far.look)
    assert answer.text == "bye"
    assert [text for _, text in answer.edits] == ["welcome", "bye"]


async def test_how_it_is_at_a_door_is_changed_there(far, world):
    await asyncio.to_thread(far.set_conditions, "mtproto", account_bandwidth=5000.0)
    assert world.faults.mtproto.account_bandwidth == 5000


async def test_what_is_refused_there_is_told_with_its_reason(far):
    with pytest.raises(FarWorldError, match=r"conditions answers 400: .*latencies"):
        await asyncio.to_thread(far.set_conditions, "mtproto", latencies=1.0)


async def test_a_world_without_a_bot_is_refused():
    async with TelegramSimulator(World(), mtproto=False) as empty:
        with pytest.raises(FarWorldError, match="there is no bot"):
            await asyncio.to_thread(FarWorld, empty.control_url, patience=0)


async def test_one_that_is_gone_is_told_after_its_patience(bot_user, world):
    async with TelegramSimulator(world, mtproto=False) as simulator:
        far = await asyncio.to_thread(FarWorld, simulator.control_url, patience=0.2)
        await asyncio.to_thread(far.person, "Ada")
    with pytest.raises(FarWorldError, match="can't be reached"):
        await asyncio.to_thread(far.look)
