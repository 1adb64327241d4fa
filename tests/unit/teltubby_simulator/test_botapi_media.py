"""Files at the Bot API door, and what messages of every kind look like there."""

import pytest
from telegram.error import BadRequest

from teltubby_simulator.content import BytesContent, SeededContent
from teltubby_simulator.model import OriginChannel, OriginChat, OriginHiddenUser, OriginUser

MIB = 1024 * 1024


def document(world, size=100, name="notes.pdf"):
    return world.make_media("document", SeededContent(name, size), file_name=name, mime_type="application/pdf")


async def next_update(ptb):
    (update,) = await ptb.get_updates(timeout=5)
    return update


async def test_a_file_is_downloaded_byte_for_byte(world, ada, bot_user, ptb):
    content = SeededContent("film", 700_001, b"header")
    media = world.make_media("video", content, mime_type="video/mp4", width=640, height=480, duration=9)
    world.send(ada, bot_user, media=media)
    video = (await next_update(ptb)).message.video
    assert (video.width, video.height, video.file_size) == (640, 480, 700_001)
    downloaded = await (await video.get_file()).download_as_bytearray()
    assert bytes(downloaded) == content.read(0, content.size)


async def test_bots_download_20_mib_and_not_a_byte_more(world, ada, bot_user, ptb):
    world.send(ada, bot_user, media=document(world, 20 * MIB))
    world.send(ada, bot_user, media=document(world, 20 * MIB + 1))
    fits, too_big = await ptb.get_updates()
    assert (await fits.message.document.get_file()).file_size == 20 * MIB
    with pytest.raises(BadRequest, match="File is too big"):
        await too_big.message.document.get_file()
    world.download_limit = None
    assert (await too_big.message.document.get_file()).file_size == 20 * MIB + 1


async def test_a_file_id_is_of_use_to_its_bot_only(world, ada, bot_user, simulator, http, wire):
    other = world.add_bot("Other", "other_bot")
    media = document(world)
    world.send(ada, bot_user, media=media)
    world.send(ada, other, media=media)
    (own,) = await wire.result("getUpdates")
    others = type(wire)(http, simulator.bot_api_url, other.token)
    (seen_by_other,) = await others.result("getUpdates")
    file, same_file = own["message"]["document"], seen_by_other["message"]["document"]
    assert file["file_id"] != same_file["file_id"]
    assert file["file_unique_id"] == same_file["file_unique_id"]
    assert await others.refusal("getFile", file_id=file["file_id"]) == (
        400,
        "Bad Request: wrong file_id or the file is temporarily unavailable",
    )
    assert await wire.refusal("getFile", file_id="nonsense") == (400, "Bad Request: invalid file_id")
    path = (await wire.result("getFile", file_id=file["file_id"]))["file_path"]
    assert (await others.download(path)).status_code == 404
    assert (await wire.download(path)).status_code == 200


async def test_a_file_path_is_good_for_an_hour(world, ada, bot_user, wire, clock):
    world.send(ada, bot_user, media=document(world, 5))
    (update,) = await wire.result("getUpdates")
    found = await wire.result("getFile", file_id=update["message"]["document"]["file_id"])
    clock.advance(3599)
    assert (await wire.download(found["file_path"])).headers["Content-Length"] == "5"
    clock.advance(1)
    gone = await wire.download(found["file_path"])
    assert gone.json() == {"ok": False, "error_code": 404, "description": "Not Found"}


# What messages look like


async def test_a_photo_lists_its_sizes_in_ascending_order(world, ada, bot_user, ptb):
    sizes = [("x", 800, 600, BytesContent(b"large")), ("s", 80, 60, BytesContent(b"tiny"))]
    world.send(ada, bot_user, media=world.make_photo(sizes), caption="see #holiday")
    message = (await next_update(ptb)).message
    assert [(each.width, each.file_size) for each in message.photo] == [(80, 4), (800, 5)]
    assert len({each.file_unique_id for each in message.photo}) == 2
    assert [each.type for each in message.caption_entities] == ["hashtag"]
    largest = await message.photo[-1].get_file()
    assert bytes(await largest.download_as_bytearray()) == b"large"


async def test_audio_and_voice_carry_their_own_fields(world, ada, bot_user, wire):
    song = BytesContent(b"song")
    audio = world.make_media("audio", song, performer="Nina", title="Sun", duration=7)
    world.send(ada, bot_user, media=audio)
    world.send(ada, bot_user, media=world.make_media("voice", song, mime_type="audio/ogg", duration=3))
    first, second = await wire.result("getUpdates")
    named = {"duration": 7, "performer": "Nina", "title": "Sun", "file_size": 4}
    assert named.items() <= first["message"]["audio"].items()
    assert {"duration": 3, "mime_type": "audio/ogg"}.items() <= second["message"]["voice"].items()


async def test_the_four_kinds_of_forward_origin(world, ada, bot_user, wire):
    news = world.add_chat("channel", "News", "news")
    group = world.add_chat("supergroup", "Club")
    for origin in (
        OriginUser(ada, 1),
        OriginHiddenUser("Somebody", 2),
        OriginChat(group, 3, "Boss"),
        OriginChannel(news, 77, 4),
    ):
        world.send(ada, bot_user, text="look", forward_origin=origin)
    origins = [each["message"]["forward_origin"] for each in await wire.result("getUpdates")]
    assert [each["type"] for each in origins] == ["user", "hidden_user", "chat", "channel"]
    assert origins[0]["sender_user"]["username"] == "ada"
    assert origins[1] == {"type": "hidden_user", "sender_user_name": "Somebody", "date": 2}
    assert origins[2]["sender_chat"]["id"] == group.id
    assert origins[3]["chat"] == {"id": news.id, "title": "News", "username": "news", "type": "channel"}
    assert origins[3]["message_id"] == 77


async def test_channel_posts_have_no_author_and_are_updates_of_their_own(world, bot_user, ptb):
    news = world.add_chat("channel", "News", members=[bot_user])
    world.send(news, bot_user, text="headline")
    post = (await next_update(ptb)).channel_post
    assert post.from_user is None
    assert post.sender_chat.title == "News"


async def test_blocking_is_told_by_my_chat_member(world, ada, bot_user, ptb):
    world.send(ada, bot_user, text="hello")
    world.block(ada, bot_user)
    change = (await ptb.get_updates())[-1].my_chat_member
    assert (change.old_chat_member.status, change.new_chat_member.status) == ("member", "kicked")


# Every kind


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("video", {"width": 64, "height": 48, "duration": 9}, {"width": 64, "height": 48, "duration": 9}),
        ("video_note", {"width": 240, "duration": 3}, {"length": 240, "duration": 3}),
        ("animation", {"width": 64, "mime_type": "video/mp4"}, {"width": 64, "height": 0, "mime_type": "video/mp4"}),
        ("sticker", {"width": 512, "emoji": "👍"}, {"emoji": "👍", "is_animated": False, "is_video": False}),
        ("sticker", {"sticker_format": "animated"}, {"type": "regular", "is_animated": True, "is_video": False}),
        ("sticker", {"sticker_format": "video"}, {"is_animated": False, "is_video": True}),
        ("document", {"mime_type": "image/gif", "file_name": "a.gif"}, {"mime_type": "image/gif"}),
    ],
)
async def test_each_kind_has_its_fields_and_can_be_fetched(world, ada, bot_user, wire, kind, fields, told):
    world.send(ada, bot_user, media=world.make_media(kind, BytesContent(b"content"), **fields))
    (update,) = await wire.result("getUpdates")
    found = update["message"][kind]
    assert told.items() <= found.items()
    path = (await wire.result("getFile", file_id=found["file_id"]))["file_path"]
    assert (await wire.download(path)).content == b"content"


async def test_an_animation_is_told_twice_and_a_gif_that_is_a_document_once(world, ada, bot_user, wire):
    world.send(ada, bot_user, media=world.make_media("animation", BytesContent(b"a"), mime_type="video/mp4"))
    world.send(ada, bot_user, media=world.make_media("document", BytesContent(b"b"), mime_type="image/gif"))
    first, second = [each["message"] for each in await wire.result("getUpdates")]
    assert first["animation"]["file_id"] == first["document"]["file_id"]
    assert "duration" not in first["document"]
    assert "animation" not in second


async def test_a_thumbnail_has_an_id_of_its_own(world, ada, bot_user, wire):
    media = document(world)
    world.files.add_thumb(media.file, "m", 90, 60, BytesContent(b"thumb"))
    world.send(ada, bot_user, media=media)
    (update,) = await wire.result("getUpdates")
    thumb = update["message"]["document"]["thumbnail"]
    assert (thumb["width"], thumb["height"], thumb["file_size"]) == (90, 60, 5)
    path = (await wire.result("getFile", file_id=thumb["file_id"]))["file_path"]
    assert (await wire.download(path)).content == b"thumb"
    refused = await wire.refusal("sendDocument", chat_id=ada.id, document=thumb["file_id"])
    assert refused == (400, "Bad Request: can't use file of type Thumbnail as Document")


@pytest.mark.parametrize(("told", "shown"), [("true", 100), ("absent", None), (0, None), (7, 7), (2**40, 2**40)])
async def test_a_size_may_be_true_missing_or_a_lie(world, ada, bot_user, wire, told, shown):
    world.download_limit = None
    world.send(ada, bot_user, media=world.make_media("document", SeededContent("x", 100), told_size=told))
    (update,) = await wire.result("getUpdates")
    found = update["message"]["document"]
    assert found.get("file_size") == shown
    path = (await wire.result("getFile", file_id=found["file_id"]))["file_path"]
    assert len((await wire.download(path)).content) == 100


async def test_a_photo_may_lie_as_well(world, ada, bot_user, wire):
    world.send(ada, bot_user, media=world.make_photo([("x", 8, 6, BytesContent(b"photo"))], told_size="absent"))
    (update,) = await wire.result("getUpdates")
    assert "file_size" not in update["message"]["photo"][0]


async def test_an_empty_file_is_told_without_a_size_and_downloads_as_nothing(world, ada, bot_user, wire):
    world.send(ada, bot_user, media=world.make_media("document", BytesContent(b"")))
    (update,) = await wire.result("getUpdates")
    found = update["message"]["document"]
    assert "file_size" not in found
    path = (await wire.result("getFile", file_id=found["file_id"]))["file_path"]
    empty = await wire.download(path)
    assert (empty.status_code, empty.content) == (200, b"")


async def test_ids_of_64_bits_survive(world, bot_user, ptb):
    giant = world.add_user("Giant", id=2**52 - 1)
    world.send(giant, bot_user, text="hello")
    assert (await next_update(ptb)).message.from_user.id == 2**52 - 1
    assert (await ptb.send_message(giant.id, "hello")).chat.id == 2**52 - 1


@pytest.mark.parametrize(
    "special",
    [
        {"contact": {"phone_number": "+44", "first_name": "Ben"}},
        {"location": {"latitude": 1.5, "longitude": 2.5}},
        {"dice": {"emoji": "🎲", "value": 3}},
        {"story": {"chat": {"id": 1, "type": "private"}, "id": 7}},
        {"paid_media": {"star_count": 1, "paid_media": []}},
    ],
)
async def test_special_messages_are_told_as_they_are(world, ada, bot_user, ptb, special):
    world.send(ada, bot_user, special=special)
    message = (await next_update(ptb)).message
    (name,) = special
    told = {field: value for field, value in special[name].items() if value != []}  # the library drops empty lists
    assert message.to_dict()[name].items() >= told.items()


async def test_a_local_server_overwrites_nothing_and_keeps_names_apart(world, ada, bot_user, wire, tmp_path):
    world.local_files = tmp_path
    for text in (b"one", b"two"):
        media = world.make_media("document", BytesContent(text), file_name="same.txt")
        world.send(ada, bot_user, media=media)
    files = [each["message"]["document"]["file_id"] for each in await wire.result("getUpdates")]
    paths = [(await wire.result("getFile", file_id=each))["file_path"] for each in (*files, files[0])]
    assert paths[0] == paths[2]
    assert [(tmp_path / each).read_bytes() for each in paths[:2]] == [b"one", b"two"]
    assert all(each.endswith(".txt") for each in paths)
