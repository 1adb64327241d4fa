"""Messages by id, what they carry, and whom they name."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from conformance.mtproto_stage import Stage, kurigram_errors, kurigram_types, running
from conformance.rules import accepted, refused
from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import (
    Chat,
    Media,
    OriginChannel,
    OriginChat,
    OriginHiddenUser,
    OriginUser,
)

CONTENT = BytesContent(b"content of a file " * 100)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


@pytest.fixture
def channel(stage: Stage) -> Chat:
    return stage.world.add_chat("channel", "News", "news", [stage.bot])


# Which messages


@accepted("messages.ids", "messages.own")
async def test_both_read_the_bots_messages_by_id(stage: Stage) -> None:
    ids = [stage.send(text=f"text {number}", date=1_700_000_000 + number).id for number in range(3)]
    async with stage.telethon() as client:
        found = await client.get_messages(None, ids=ids)
    assert [(each.id, each.message, each.out) for each in found] == [
        (message_id, f"text {number}", False) for number, message_id in enumerate(ids)
    ]
    async with stage.kurigram() as client:
        same = await client.get_messages(stage.person.id, ids)
    assert [(each.id, each.text, each.from_user.id) for each in same] == [
        (message_id, f"text {number}", stage.person.id) for number, message_id in enumerate(ids)
    ]


@refused("messages.ids")
async def test_no_ids_are_no_question(stage: Stage, channel: Chat) -> None:
    async with stage.telethon() as client:
        with pytest.raises(errors.MessageIdsEmptyError):
            await client(functions.messages.GetMessagesRequest([]))
        with pytest.raises(errors.MessageIdsEmptyError):
            await client(functions.channels.GetMessagesRequest(channel_of(stage, channel), []))


@refused("messages.own")
async def test_messages_of_others_and_deleted_ones_are_empty(stage: Stage) -> None:
    other = stage.world.add_bot("Other", "other_bot")
    for _ in range(3):
        foreign = stage.world.send(stage.person, other, text="not yours")
    gone = stage.send(text="gone")
    stage.world.delete(gone)
    async with stage.telethon() as client:
        answer = await client(
            functions.messages.GetMessagesRequest([types.InputMessageID(each) for each in (foreign.id, gone.id)])
        )
        assert [type(each) for each in answer.messages] == [types.MessageEmpty] * 2
    async with stage.kurigram() as client:
        assert (await client.get_messages(stage.person.id, foreign.id)).empty


def channel_of(stage: Stage, chat: Chat, **changes: Any) -> types.InputChannel:
    fields = {"channel_id": -chat.id - 10**12, "access_hash": access_hash(stage.bot, chat)}
    return types.InputChannel(**(fields | changes))


@accepted("messages.channels", "channels.access-hash")
async def test_both_read_a_channel_that_the_bot_is_in(stage: Stage, channel: Chat) -> None:
    post = stage.send(chat=channel, text="news")
    async with stage.telethon() as client:
        for shown in (access_hash(stage.bot, channel), 0):
            answer = await client(
                functions.channels.GetMessagesRequest(
                    channel_of(stage, channel, access_hash=shown), [types.InputMessageID(post.id)]
                )
            )
            assert isinstance(answer, types.messages.ChannelMessages)
            assert [each.message for each in answer.messages] == ["news"]
    async with stage.kurigram() as client:
        found = await client.get_messages(channel.id, post.id)
    assert (found.text, found.chat.title, found.sender_chat.id) == ("news", "News", channel.id)


@refused("messages.channels")
async def test_channels_without_the_bot_and_without_existence_are_refused(stage: Stage) -> None:
    private = stage.world.add_chat("channel", "Private", None, [stage.person])
    async with stage.telethon() as client:
        with pytest.raises(errors.ChannelPrivateError):
            await client(functions.channels.GetMessagesRequest(channel_of(stage, private), [types.InputMessageID(1)]))
        with pytest.raises(errors.ChannelInvalidError):
            await client(functions.channels.GetMessagesRequest(types.InputChannel(5, 5), [types.InputMessageID(1)]))


@refused("channels.access-hash")
async def test_a_channel_with_a_wrong_access_hash_is_refused(stage: Stage, channel: Chat) -> None:
    wrong = channel_of(stage, channel, access_hash=access_hash(stage.bot, channel) ^ 1)
    async with stage.telethon() as client:
        with pytest.raises(errors.ChannelInvalidError):
            await client(functions.channels.GetMessagesRequest(wrong, [types.InputMessageID(1)]))


@accepted("users.access-hash")
async def test_a_user_whom_the_bot_has_met_is_found(stage: Stage) -> None:
    async with stage.telethon() as client:
        own = access_hash(stage.bot, stage.person)
        for shown in (own, 0):
            (found,) = await client(
                functions.users.GetUsersRequest([types.InputUser(stage.person.id, access_hash=shown)])
            )
            assert (found.first_name, found.access_hash) == ("Ada", own)
    async with stage.kurigram() as client:
        assert (await client.get_users(stage.person.id)).first_name == "Ada"


@refused("users.access-hash")
async def test_a_stranger_is_not_found_without_the_access_hash(stage: Stage) -> None:
    stranger = stage.world.add_user("Eve")
    wrong = [
        types.InputUser(stranger.id, access_hash=0),
        types.InputUser(stranger.id, access_hash=access_hash(stage.bot, stranger) ^ 1),
        types.InputUser(stage.person.id, access_hash=access_hash(stage.bot, stage.person) ^ 1),
    ]
    async with stage.telethon() as client:
        found = await client(functions.users.GetUsersRequest(wrong))
    assert [type(each) for each in found] == [types.UserEmpty] * 3
    async with stage.kurigram() as client:
        with pytest.raises(kurigram_errors.PeerIdInvalid):
            await client.resolve_peer(stranger.id)


# What they carry


def media_of_every_kind(stage: Stage) -> dict[str, Media]:
    make = stage.world.make_media
    video: Any = {"mime_type": "video/mp4", "width": 320, "height": 240, "duration": 7}
    return {
        "video": make("video", CONTENT, file_name="é.mp4", **video),
        "animation": make("animation", CONTENT, file_name="a.mp4", **video),
        "video_note": make("video_note", CONTENT, **(video | {"height": 320})),
        "audio": make("audio", CONTENT, mime_type="audio/mpeg", duration=9, title="Song", performer="Ada"),
        "voice": make("voice", CONTENT, mime_type="audio/ogg", duration=3),
        "sticker": make("sticker", CONTENT, mime_type="image/webp", width=512, height=512),
        "document": make("document", CONTENT, mime_type="application/pdf", file_name="paper.pdf"),
        "photo": stage.world.make_photo([("m", 320, 200, BytesContent(b"small")), ("y", 1280, 800, CONTENT)]),
    }


@accepted("messages.media")
async def test_telethon_knows_every_kind_of_file_and_downloads_it(stage: Stage) -> None:
    kinds = media_of_every_kind(stage)
    ids = [stage.send(media).id for media in kinds.values()]
    async with stage.telethon() as client:
        messages = dict(zip(kinds, await client.get_messages(None, ids=ids), strict=True))
        for kind, message in messages.items():
            assert await client.download_media(message, bytes) == CONTENT.payload, kind
    assert messages["video"].video
    assert (messages["video"].file.name, messages["video"].file.duration) == ("é.mp4", 7)
    assert messages["animation"].gif
    assert messages["video_note"].video_note
    assert (messages["audio"].file.title, messages["audio"].file.performer) == ("Song", "Ada")
    assert messages["voice"].voice
    assert messages["sticker"].sticker
    assert messages["photo"].photo
    assert messages["document"].file.mime_type == "application/pdf"


@accepted("messages.media")
async def test_kurigram_knows_every_kind_of_file_and_downloads_it(stage: Stage) -> None:
    kinds = media_of_every_kind(stage)
    ids = [stage.send(media).id for media in kinds.values()]
    async with stage.kurigram() as client:
        messages = dict(zip(kinds, await client.get_messages(stage.person.id, ids), strict=True))
        for kind, message in messages.items():
            assert message.media.value == kind
            downloaded = await client.download_media(message, in_memory=True)
            assert downloaded.getvalue() == CONTENT.payload, kind
    assert (messages["video"].video.duration, messages["video"].video.file_name) == (7, "é.mp4")
    assert messages["video_note"].video_note.length == 320
    assert messages["audio"].audio.performer == "Ada"
    assert messages["photo"].photo.width == 1280


LOCATION = {"latitude": 48.5, "longitude": 9.25}
NO_FILES: dict[str, dict[str, Any]] = {
    "location": LOCATION,
    "venue": {"location": LOCATION, "title": "Museum", "address": "Street 1"},
    "contact": {"phone_number": "+491234", "first_name": "Ada", "user_id": 77},
    "dice": {"emoji": "🎲", "value": 5},
    "poll": {
        "id": "5",
        "question": "Tea?",
        "options": [{"text": "yes", "voter_count": 0}, {"text": "no", "voter_count": 0}],
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
    },
    "giveaway_created": {},
}


def send_what_is_no_file(stage: Stage) -> list[int]:
    """The Bot API's form of such messages is what the world holds."""
    ids = []
    for name, content in NO_FILES.items():
        message = stage.send(text="replaced")
        message.text, message.special = None, {name: content}
        ids.append(message.id)
    return ids


@refused("messages.media")
async def test_telethon_has_nothing_to_download_where_there_is_no_file(stage: Stage) -> None:
    ids = send_what_is_no_file(stage)
    async with stage.telethon() as client:
        found = await client.get_messages(None, ids=ids)
        assert [await client.download_media(each, bytes) for each in found[:2]] == [None, None]
        assert [each.file for each in found] == [None] * len(ids)
    geo, venue, contact, dice, poll, other = (each.media for each in found)
    assert (geo.geo.lat, geo.geo.long, venue.title) == (48.5, 9.25, "Museum")
    assert (contact.phone_number, contact.user_id, dice.value) == ("+491234", 77, 5)
    assert (poll.poll.question.text, [each.text.text for each in poll.poll.answers]) == ("Tea?", ["yes", "no"])
    assert isinstance(other, types.MessageMediaUnsupported)


@refused("messages.media")
async def test_kurigram_has_nothing_to_download_where_there_is_no_file(stage: Stage) -> None:
    ids = send_what_is_no_file(stage)
    async with stage.kurigram() as client:
        found = await client.get_messages(stage.person.id, ids)
        for each in found:
            with pytest.raises(ValueError, match="downloadable media"):
                await client.download_media(each, in_memory=True)
    kinds = [each.media and each.media.value for each in found]
    assert kinds == ["location", "venue", "contact", "dice", "poll", "unsupported"]


# Whom they name


@accepted("messages.origins")
async def test_a_forwarded_message_names_its_origin(stage: Stage, channel: Chat) -> None:
    group = stage.world.add_chat("supergroup", "Group", None, [stage.bot])
    grace = stage.world.add_user("Grace")
    origins = [
        OriginUser(grace, 1_600_000_000),
        OriginChat(group, 1_600_000_000, "Admin"),
        OriginChannel(channel, 42, 1_600_000_000, "Editor"),
    ]
    ids = [stage.send(text="forwarded", forward_origin=each).id for each in origins]
    async with stage.telethon() as client:
        user, chat, post = (each.fwd_from for each in await client.get_messages(None, ids=ids))
    assert user.from_id == types.PeerUser(grace.id)
    assert (chat.from_id, chat.post_author) == (types.PeerChannel(-group.id - 10**12), "Admin")
    assert (post.from_id, post.channel_post) == (types.PeerChannel(-channel.id - 10**12), 42)
    async with stage.kurigram() as client:
        found = [each.forward_origin for each in await client.get_messages(stage.person.id, ids)]
    assert [type(each) for each in found] == [
        kurigram_types.MessageOriginUser,
        kurigram_types.MessageOriginChat,
        kurigram_types.MessageOriginChannel,
    ]
    assert found[0].sender_user.first_name == "Grace"
    assert (found[2].chat.title, found[2].message_id) == ("News", 42)


@refused("messages.origins")
async def test_of_who_hides_only_the_name_is_told(stage: Stage) -> None:
    message_id = stage.send(text="forwarded", forward_origin=OriginHiddenUser("Nobody", 1_600_000_000)).id
    async with stage.telethon() as client:
        origin = (await client.get_messages(None, ids=message_id)).fwd_from
    assert (origin.from_name, origin.from_id) == ("Nobody", None)
    async with stage.kurigram() as client:
        origin = (await client.get_messages(stage.person.id, message_id)).forward_origin
    assert isinstance(origin, kurigram_types.MessageOriginHiddenUser)
    assert origin.sender_user_name == "Nobody"


@accepted("messages.own")
async def test_captions_albums_and_edits_are_told(stage: Stage) -> None:
    items = [(stage.world.make_media("document", CONTENT, file_name=f"{n}.txt"), f"part {n}") for n in range(2)]
    album = stage.world.send_album(stage.person, stage.bot, items)
    stage.world.edit(album[0], caption="see /this")
    ids = [each.id for each in album]
    async with stage.telethon() as client:
        first, second = await client.get_messages(None, ids=ids)
    assert first.grouped_id == second.grouped_id == int(album[0].media_group_id or 0)
    assert (first.message, second.message, first.edit_date is None, second.edit_date) == (
        "see /this",
        "part 1",
        False,
        None,
    )
    assert isinstance(first.entities[0], types.MessageEntityBotCommand)
    async with stage.kurigram() as client:
        found = await client.get_messages(stage.person.id, ids)
    assert [(str(each.media_group_id), each.caption) for each in found] == [
        (album[0].media_group_id, "see /this"),
        (album[0].media_group_id, "part 1"),
    ]
