"""The world itself: ids, queues, references, and what it does not let happen."""

import asyncio

import pytest

from teltubby_simulator.accounts import TOKEN
from teltubby_simulator.content import BytesContent, SeededContent
from teltubby_simulator.entities import detect_entities, utf16_length
from teltubby_simulator.world import World


@pytest.fixture
def file(world):
    return world.new_file(BytesContent(b"x"), file_name="x.bin")


def texts(updates):
    return [each.subject.text for each in updates]


# Identity


def test_a_token_has_telegrams_shape_and_finds_its_bot(world, bot_user):
    assert TOKEN.fullmatch(bot_user.token)
    assert bot_user.token.startswith(f"{bot_user.id}:")
    assert world.bot_by_token(bot_user.token) is bot_user
    assert world.bot_by_token("1:nonsense") is None
    with pytest.raises(ValueError, match="a token is"):
        world.add_bot("Other", "other_bot", token="12:short")


def test_ids_and_names_are_taken_once(world, ada):
    with pytest.raises(ValueError, match="taken"):
        world.add_user("Impostor", username="ADA")
    with pytest.raises(ValueError, match="taken"):
        world.add_user("Impostor", id=ada.id)


def test_the_same_seed_gives_the_same_world(clock):
    one, other = (World(clock, seed=7) for _ in range(2))
    assert one.add_bot("A", "a_bot").token == other.add_bot("A", "a_bot").token
    assert one.new_file(BytesContent(b"")).id == other.new_file(BytesContent(b"")).id


# Messages


def test_message_ids_count_over_all_private_chats_and_basic_groups(world, ada, bot_user):
    ben = world.add_user("Ben")
    group = world.add_chat("group", "Friends", members=[ada, ben, bot_user])
    ids = [
        world.send(ada, bot_user, text="1").id,
        world.send(ben, bot_user, text="2").id,
        world.bot_send(bot_user, ada, text="3").id,
        world.post_in_group(group, ben, text="/four").id,
    ]
    assert ids == [1, 2, 3, 4]


def test_channels_and_supergroups_count_for_themselves(world, ada, bot_user):
    world.send(ada, bot_user, text="1")
    channel = world.add_chat("channel", "News", members=[bot_user])
    assert channel.id < -(10**12)
    assert [world.send(channel, bot_user, text=text).id for text in "ab"] == [1, 2]
    assert world.message(bot_user.id, channel.id, 2).text == "b"
    assert world.message(bot_user.id, ada.id, 2) is None


def test_privacy_mode_hides_group_messages_that_are_not_for_the_bot(world, ada, bot_user):
    curious = world.add_bot("Curious", "curious_bot", sees_all_group_messages=True)
    group = world.add_chat("supergroup", "Club", members=[ada, bot_user, curious])
    for text in ("chatter", "/help", "hey @archive_bot"):
        world.post_in_group(group, ada, text=text)
    assert texts(world.updates_after(bot_user.id)) == ["/help", "hey @archive_bot"]
    assert len(world.updates_after(curious.id)) == 3


def test_an_album_has_one_group_id_consecutive_ids_and_updates(world, ada, bot_user):
    media = world.make_media("document", BytesContent(b"x"))
    album = world.send_album(ada, bot_user, [(media, "caption"), (media, None), (media, None)])
    assert len({each.media_group_id for each in album}) == 1
    assert [each.id for each in album] == [1, 2, 3]
    assert [each.caption for each in album] == ["caption", None, None]
    ids = [each.update_id for each in world.updates_after(bot_user.id)]
    assert ids == list(range(ids[0], ids[0] + 3))


def test_an_album_is_sent_whole_or_not_at_all(world, ada, bot_user):
    media = world.make_media("document", BytesContent(b"x"))
    with pytest.raises(ValueError, match="captions"):
        world.send_album(ada, bot_user, [(media, None), (media, "x" * 1025)])
    with pytest.raises(ValueError, match="2 to 10"):
        world.send_album(ada, bot_user, [(media, None)])
    assert world.chat_with(ada.id, bot_user.id) == []


def test_an_update_shows_the_message_as_it_was(world, ada, bot_user):
    message = world.send(ada, bot_user, text="before")
    world.edit(message, text="after")
    assert texts(world.updates_after(bot_user.id)) == ["before", "after"]
    assert world.chat_with(ada.id, bot_user.id) == [message]


def test_only_what_a_message_has_can_be_edited_and_within_the_limits(world, ada, bot_user):
    message = world.send(ada, bot_user, text="text")
    for change in ({}, {"caption": "x"}, {"text": "x" * 4097}, {"text": "x", "caption": "y"}):
        with pytest.raises(ValueError):
            world.edit(message, **change)
    assert message.text == "text"


@pytest.mark.parametrize(
    "draft",
    [{}, {"text": ""}, {"text": "x" * 4097}, {"text": "x", "caption": "y" * 1025}],
)
def test_clients_do_not_send_what_telegram_would_not_take(world, ada, bot_user, draft):
    with pytest.raises(ValueError):
        world.send(ada, bot_user, **draft)
    assert world.updates_after(bot_user.id) == []


def test_only_premium_senders_send_files_above_2000_mib(world, ada, bot_user):
    grace = world.add_user("Grace", premium=True)
    largest = 2000 * 1024 * 1024
    big = world.make_media("document", SeededContent("big", largest + 1))
    world.send(ada, bot_user, media=world.make_media("document", SeededContent("fits", largest)))
    with pytest.raises(ValueError, match="bytes"):
        world.send(ada, bot_user, media=big)
    world.send(grace, bot_user, media=big)


def test_a_user_who_blocked_the_bot_must_lift_that_before_writing(world, ada, bot_user):
    world.block(ada, bot_user)
    with pytest.raises(ValueError, match="unblock"):
        world.send(ada, bot_user, text="hello")
    world.unblock(ada, bot_user)
    world.send(ada, bot_user, text="hello")


def test_new_media_come_with_their_caption_or_without(world, ada, bot_user):
    media = [world.make_media("document", BytesContent(each)) for each in (b"old", b"new")]
    message = world.send(ada, bot_user, media=media[0], caption="old")
    world.edit(message, caption="late")
    world.edit(message, media=media[1])
    kinds = [(each.kind, each.subject.caption, each.subject.media) for each in world.updates_after(bot_user.id)]
    assert kinds == [
        ("message", "old", media[0]),
        ("edited_message", "late", media[0]),
        ("edited_message", None, media[1]),
    ]
    with pytest.raises(ValueError, match="a text message has a text"):
        world.edit(world.send(ada, bot_user, text="text"), media=media[0])


def test_albums_let_others_in_between(world, ada, bot_user):
    ben, media = world.add_user("Ben"), world.make_media("document", BytesContent(b"x"))
    album = world.send_album(
        ada, bot_user, [(media, None)] * 3, between=lambda number: world.send(ben, bot_user, text=str(number))
    )
    assert [each.id for each in album] == [1, 3, 5]
    assert [each.subject.text for each in world.updates_after(bot_user.id)] == [None, "0", None, "1", None]


@pytest.mark.parametrize(
    "draft",
    [{"special": {"dice": {}}, "text": "x"}, {"text": "x", "caption": "y"}, {"media": "sticker", "caption": "y"}],
)
def test_a_message_is_one_thing_only(world, ada, bot_user, draft):
    if "media" in draft:
        draft = draft | {"media": world.make_media("sticker", BytesContent(b"x"))}
    with pytest.raises(ValueError, match=r"a message is|caption"):
        world.send(ada, bot_user, **draft)


def test_only_buttons_that_are_there_are_pressed_by_who_sees_them(world, ada, bot_user):
    world.send(ada, bot_user, text="hello")
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    message = world.bot_send(bot_user, ada, text="choose", reply_markup=keyboard)
    with pytest.raises(ValueError, match="no button"):
        world.press(ada, message, "other")
    with pytest.raises(ValueError, match="does not see"):
        world.press(world.add_user("Ben"), message, "go")
    world.delete(message)
    query = world.press(ada, message, "go")
    assert (query.gone, world.updates_after(bot_user.id)[-1].subject) == (True, query)


# Updates


def test_held_updates_come_when_and_in_the_order_they_are_released(world, ada, bot_user):
    world.hold_updates(bot_user)
    media = world.make_media("document", BytesContent(b"x"))
    album = world.send_album(ada, bot_user, [(media, str(number)) for number in range(4)])
    assert world.updates_after(bot_user.id) == []
    assert world.release_updates(bot_user, [2, 0]) == 2
    world.send(ada, bot_user, text="also held")
    with pytest.raises(ValueError, match="at most once"):
        world.release_updates(bot_user, [0, 0])
    assert world.release_updates(bot_user) == 0
    world.send(ada, bot_user, text="free")
    updates = world.updates_after(bot_user.id)
    shown = [each.subject.caption or each.subject.text for each in updates]
    assert shown == ["2", "0", "1", "3", "also held", "free"]
    assert [each.update_id for each in updates] == [updates[0].update_id + n for n in range(6)]
    assert [each.id for each in album] == [1, 2, 3, 4]


def test_updates_are_dropped_after_a_day(world, ada, bot_user, clock):
    world.send(ada, bot_user, text="old")
    clock.advance(24 * 3600)
    world.send(ada, bot_user, text="new")
    assert texts(world.updates_after(bot_user.id)) == ["old", "new"]
    clock.advance(1)
    assert texts(world.updates_after(bot_user.id)) == ["new"]


def test_numbering_starts_anew_after_a_quiet_week_and_old_offsets_mean_nothing(world, ada, bot_user, clock):
    world.send(ada, bot_user, text="first")
    (first,) = world.updates_after(bot_user.id)
    clock.advance(8 * 24 * 3600)
    world.send(ada, bot_user, text="second")
    (second,) = world.updates_after(bot_user.id)
    assert second.update_id != first.update_id + 1
    assert texts(world.updates_after(bot_user.id, second.update_id + 1000)) == ["second"]


# File references


def test_a_reference_is_good_for_its_file_until_its_time_is_over(world, bot_user, file, clock):
    reference = world.issue_file_reference(file, bot_user, clock.now)
    assert world.check_file_reference(file, bot_user, reference) == "ok"
    clock.advance(world.files.reference_lifetime + 1)
    assert world.check_file_reference(file, bot_user, reference) == "expired"
    assert world.check_file_reference(file, bot_user, world.issue_file_reference(file, bot_user)) == "ok"


def test_all_references_can_be_made_to_expire_at_once(world, bot_user, file):
    reference = world.issue_file_reference(file, bot_user)
    world.expire_file_references()
    assert world.check_file_reference(file, bot_user, reference) == "expired"
    assert world.check_file_reference(file, bot_user, world.issue_file_reference(file, bot_user)) == "ok"


def test_a_reference_is_good_for_its_account(world, bot_user, ada, file):
    assert world.check_file_reference(file, ada, world.issue_file_reference(file, bot_user)) == "invalid"
    assert world.check_file_reference(file, ada, world.issue_file_reference(file, ada)) == "ok"


def test_a_foreign_or_made_up_reference_is_invalid(world, bot_user, file):
    other = world.new_file(BytesContent(b"y"))
    reference = world.issue_file_reference(other, bot_user)
    for wrong in (reference, b"", b"short", bytes(len(reference)), reference + b"x"):
        assert world.check_file_reference(file, bot_user, wrong) == "invalid"


def test_files_are_found_by_id(world, file):
    photo = world.make_photo([("m", 320, 200, BytesContent(b"m")), ("s", 90, 60, BytesContent(b"s"))])
    assert world.file_by_document_id(file.id) is file
    assert world.photo_by_id(photo.file.id) is photo
    assert [each.size_type for each in photo.files] == ["s", "m"]
    assert world.file_by_document_id(photo.file.id) is None


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start now", [("bot_command", 0, 6)]),
        ("😀 @someone", [("mention", 3, 8)]),
        ("see https://e.org/@nobody.", [("url", 4, 21)]),
        ("mail a.b@e.org #tag #1", [("email", 5, 9), ("hashtag", 15, 4)]),
        ("and/or 1/2", []),
    ],
)
def test_entities_are_found_with_utf16_offsets(text, expected):
    found = [(each["type"], each["offset"], each["length"]) for each in detect_entities(text)]
    assert found == expected
    assert utf16_length("😀é") == 3


# Waiting


async def test_the_notifier_wakes_whoever_waits_and_gives_up_in_time(world, ada, bot_user):
    waiting = asyncio.create_task(world.changed.wait_for(lambda: world.chat_with(ada.id, bot_user.id), 5))
    await asyncio.sleep(0)
    message = world.send(ada, bot_user, text="hello")
    assert await waiting == [message]
    with pytest.raises(TimeoutError):
        await world.changed.wait_for(lambda: False, 0.01)
