"""Real Bot API JSON becomes messages free of any SDK."""

from datetime import timedelta
from typing import Any

import pytest

from support import CURATOR, DATE
from teltubby_bot.botapi import parse_update
from teltubby_bot.texts import TOO_NEW
from teltubby_core.domain import keys
from teltubby_core.domain.media import IncomingMessage, MediaKind
from unit.teltubby_bot.wire import KINDS, UNIX, a_command, a_payload, an_update, channel_chat, group_chat, user


def _parse(**fields: Any) -> IncomingMessage:
    message = parse_update(an_update(1, **fields))
    assert message is not None
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_recognised(kind: str) -> None:
    media = _parse(**a_payload(kind)).media
    assert media is not None
    assert (media.kind, media.file_id, media.file_unique_id, media.size_bytes) == (
        MediaKind(kind),
        "file-a",
        "unique-a",
        1000,
    )


def test_every_kind_is_tested() -> None:
    assert {*KINDS, "other"} == set(MediaKind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_unknown_size_is_still_a_file(kind: str) -> None:
    media = _parse(**a_payload(kind, size=None)).media
    assert media is not None
    assert media.size_bytes is None


def test_of_a_photo_the_largest_size_counts_whatever_the_order() -> None:
    sizes = a_payload("photo")["photo"]
    for order in (sizes, sizes[::-1]):
        media = _parse(photo=order).media
        assert media is not None
        assert (media.file_id, media.width, media.height, media.mime_type) == ("file-a", 1280, 853, "image/jpeg")


def test_an_animation_is_no_document_though_telegram_sends_both() -> None:
    payload = a_payload("animation")
    assert set(payload) == {"animation", "document"}
    media = _parse(**payload).media
    assert media is not None
    assert media.kind is MediaKind.ANIMATION


def test_what_telegram_tells_of_a_file_is_kept() -> None:
    video, note, document = (_parse(**a_payload(kind)).media for kind in ("video", "video_note", "document"))
    assert video is not None
    assert (video.width, video.height, video.duration, video.original_filename) == (1280, 720, 12, "clip.mp4")
    assert note is not None
    assert (note.width, note.height, note.duration) == (240, 240, 8)
    assert document is not None
    assert (document.mime_type, document.width, document.duration) == ("application/pdf", None, None)


def test_who_sent_what_when_and_with_which_words() -> None:
    entities = [{"type": "bold", "offset": 0, "length": 2}]
    message = _parse(**a_payload("photo"), caption="at the sea", caption_entities=entities, media_group_id="135")
    assert (message.chat_id, message.chat_type, message.message_id, message.date) == (CURATOR, "private", 7, DATE)
    assert (message.sender_id, message.sender_name, message.sender_username) == (CURATOR, "Ada L.", "ada")
    assert (message.caption, message.media_group_id) == ("at the sea", "135")
    assert message.caption_entities == ({"type": "bold", "offset": 0, "length": 2},)
    assert message.forward_origin is None


ORIGINS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"type": "user", "sender_user": user(9, "grace")},
        {"type": "user", "id": 9, "name": "Ada L.", "username": "grace"},
    ),
    ({"type": "hidden_user", "sender_user_name": "Somebody"}, {"type": "hidden_user", "name": "Somebody"}),
    (
        {"type": "chat", "sender_chat": group_chat(), "author_signature": "admin"},
        {"type": "chat", "id": -5, "title": "Friends", "author_signature": "admin"},
    ),
    (
        {"type": "channel", "chat": channel_chat(), "message_id": 99, "author_signature": "desk"},
        {
            "type": "channel",
            "id": -1001,
            "title": "The News",
            "username": "thenews",
            "message_id": 99,
            "author_signature": "desk",
        },
    ),
]


@pytest.mark.parametrize(("raw", "expected"), ORIGINS, ids=[raw["type"] for raw, _ in ORIGINS])
def test_forward_origins(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    origin = _parse(**a_payload("photo"), forward_origin={"date": UNIX - 60, **raw}).forward_origin
    assert origin is not None
    told = origin.model_dump(exclude_none=True)
    assert told.pop("date").timestamp() == UNIX - 60
    assert told == expected


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("location", {"latitude": 1.0, "longitude": 2.0}),
        ("contact", {"phone_number": "+1", "first_name": "X"}),
        ("dice", {"emoji": "🎲", "value": 3}),
        (
            "poll",
            {
                "id": "1",
                "question": "?",
                "options": [],
                "total_voter_count": 0,
                "is_closed": False,
                "is_anonymous": True,
                "type": "regular",
                "allows_multiple_answers": False,
                "allows_revoting": True,
                "members_only": False,
            },
        ),
        ("venue", {"location": {"latitude": 1.0, "longitude": 2.0}, "title": "T", "address": "A"}),
    ],
)
def test_what_is_no_file_is_named(name: str, payload: dict[str, Any]) -> None:
    message = _parse(**{name: payload})
    assert (message.media, message.unsupported) == (None, f"a {name}")


GIVEAWAY = {"chats": [channel_chat()], "winners_selection_date": UNIX, "winner_count": 1}
WINNERS = {
    "chat": channel_chat(),
    "giveaway_message_id": 1,
    "winners_selection_date": UNIX,
    "winner_count": 1,
    "winners": [user(9)],
}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"paid_media": {"star_count": 1, "paid_media": [{"type": "preview"}]}}, "paid media that is still locked"),
        ({"story": {"chat": channel_chat(), "id": 4}}, "a story"),
        ({"game": {"title": "T", "description": "D", "photo": [{"file_id": "f", "file_unique_id": "u"}]}}, "a game"),
        ({"invoice": {"title": "T", "currency": "XTR", "total_amount": 1}}, "an invoice"),
        ({"giveaway": GIVEAWAY}, "a giveaway"),
        ({"giveaway_winners": WINNERS}, "a giveaway's winners"),
        ({"hologram": {"depth": 3}}, TOO_NEW),
        ({"hologram": [], "caption": "x"}, TOO_NEW),
    ],
    ids=["paid_media", "story", "game", "invoice", "giveaway", "giveaway_winners", "unknown", "unknown list"],
)
def test_what_cannot_be_archived_has_a_name_in_words(fields: dict[str, Any], words: str) -> None:
    assert _parse(**fields).unsupported == words


@pytest.mark.parametrize(
    "fields",
    [
        {"pinned_message": {"message_id": 1, "date": UNIX, "chat": {"id": CURATOR, "type": "private"}, "text": "x"}},
        {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
        {"new_chat_title": "x"},
        {"new_chat_photo": a_payload("photo")["photo"]},
        {"users_shared": {"request_id": 1, "users": []}, "of_the_future": {"a": 1}},
        {"a_flag_of_the_future": True},
        {},
    ],
    ids=lambda fields: next(iter(fields), "nothing"),
)
def test_a_message_that_nobody_wrote_is_none(fields: dict[str, Any]) -> None:
    assert parse_update(an_update(1, **fields)) is None


@pytest.mark.parametrize("fields", [{"text": ""}, {"caption": "x", "of_the_future": {"a": 1}}, {"media_group_id": "1"}])
def test_what_somebody_wrote_is_answered_whatever_is_in_it(fields: dict[str, Any]) -> None:
    assert _parse(**fields).media is None


def test_of_an_unknown_forward_origin_is_kept_what_can_be_read() -> None:
    raw = {"type": "moon", "date": UNIX, "chat": channel_chat(), "crater": {"id": 1}}
    origin = _parse(**a_payload("photo"), forward_origin=raw).forward_origin
    assert origin is not None
    assert (origin.type, origin.id, origin.title, origin.username) == ("moon", -1001, "The News", "thenews")


@pytest.mark.parametrize("raw", [{}, {"date": UNIX}, {"type": 7}, "hidden_user", None, []])
def test_the_forward_origin_is_null_only_when_it_tells_nothing(raw: Any) -> None:
    assert _parse(**a_payload("photo"), forward_origin=raw).forward_origin is None


def test_half_a_surrogate_pair_is_replaced_and_a_pair_joined() -> None:
    message = _parse(**a_payload("photo"), caption="a\ud83d b \ud83d\ude00")
    assert message.caption == "a\ufffd b 😀"


def test_a_command_keeps_its_entities() -> None:
    message = parse_update(a_command(1, "/status now"))
    assert message is not None
    assert message.text == "/status now"
    assert message.entities == ({"type": "bot_command", "offset": 0, "length": 7},)


def test_a_channel_post_is_a_message_without_sender() -> None:
    post = {"message_id": 7, "date": UNIX, "chat": channel_chat(), **a_payload("photo")}
    message = parse_update({"update_id": 1, "channel_post": post})
    assert message is not None
    assert (message.chat_type, message.sender_id, message.chat_title) == ("channel", None, "The News")


@pytest.mark.parametrize("kind", ["edited_channel_post", "my_chat_member", "poll_answer_of_the_future"])
def test_other_updates_are_no_messages(kind: str) -> None:
    assert parse_update({"update_id": 1, kind: an_update(1, text="x")["message"]}) is None


def test_an_edit_says_so_and_when() -> None:
    new = an_update(1, **a_payload("photo"), caption="new", edit_date=UNIX + 60)["message"]
    message = parse_update({"update_id": 2, "edited_message": new})
    assert message is not None
    assert (message.edited, message.caption, message.edit_date) == (True, "new", DATE + timedelta(seconds=60))
    assert not _parse(**a_payload("photo")).edited


@pytest.mark.parametrize(
    ("flags", "mime", "ending"),
    [
        ({"is_animated": False, "is_video": False}, "image/webp", "webp"),
        ({"is_animated": True, "is_video": False}, "application/x-tgsticker", "tgs"),
        ({"is_animated": False, "is_video": True}, "video/webm", "webm"),
    ],
)
def test_each_format_of_stickers_has_its_own_type_and_extension(flags: dict[str, bool], mime: str, ending: str) -> None:
    media = _parse(sticker={**a_payload("sticker")["sticker"], **flags}).media
    assert media is not None
    assert (media.kind, media.mime_type, keys.extension(media)) == (MediaKind.STICKER, mime, ending)


def _files(**fields: Any) -> list[tuple[str, str, str | None]]:
    found = _parse(**fields).each_with_one_file()
    return [(m.media.kind.value, m.media.file_id, m.media.field) for m in found if m.media]


FUTURE = {"file_id": "file-h", "file_unique_id": "unique-h", "file_size": 5}


def test_a_file_of_a_kind_to_come_is_a_file() -> None:
    assert _files(hologram=FUTURE) == [("other", "file-h", "hologram")]
    sizes = [{**FUTURE, "file_id": "small", "width": 1, "height": 1}, {**FUTURE, "width": 9, "height": 9}]
    assert _files(hologram=sizes) == [("other", "file-h", "hologram")]


def test_a_known_file_and_one_of_a_kind_to_come_are_both_kept() -> None:
    assert _files(**a_payload("photo"), live_photo=FUTURE) == [
        ("photo", "file-a", None),
        ("other", "file-h", "live_photo"),
    ]


def test_the_same_file_under_two_names_is_one() -> None:
    document = a_payload("document")
    assert _files(**document, hologram=document["document"]) == [("document", "file-a", None)]


def test_each_file_of_paid_media_is_kept() -> None:
    paid = [
        {"type": "photo", **a_payload("photo")},
        {"type": "preview", "width": 1},
        {"type": "video", **a_payload("video", "v")},
    ]
    assert _files(paid_media={"star_count": 1, "paid_media": paid}) == [
        ("photo", "file-a", None),
        ("video", "file-v", None),
    ]


@pytest.mark.parametrize("name", ["reply_to_message", "external_reply", "pinned_message", "new_chat_photo"])
def test_the_files_of_other_messages_are_not_this_ones(name: str) -> None:
    quoted = {"message_id": 3, **FUTURE, **a_payload("photo")}
    assert _files(text="look", **{name: quoted}) == []


WRONG: list[Any] = [None, 7, -1, 2**70, 1.5, True, "", "x" * 5000, "\0", [], {}, [[]], {"a": {}}]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_field_costs_no_file(kind: str, wrong: Any) -> None:
    needed = {"message_id", "chat", "from", "file_id"}
    update = an_update(1, **a_payload(kind), caption="c", caption_entities=[], media_group_id="1", edit_date=UNIX)
    body = update["message"]
    for name in set(body) - {kind} - needed:
        message = parse_update({"update_id": 1, "message": {**body, name: wrong}})
        assert message is not None
        assert message.media is not None, name
    file = body[kind][-1] if kind == "photo" else body[kind]
    for name in set(file) - needed:
        broken = {**file, name: wrong}
        message = parse_update({"update_id": 1, "message": {**body, kind: [broken] if kind == "photo" else broken}})
        assert message is not None
        assert message.media is not None
        numbers = (message.media.size_bytes, message.media.width, message.media.height, message.media.duration)
        assert all(each is None or each >= 0 for each in numbers), name


def test_fields_that_are_not_known_yet_do_no_harm() -> None:
    assert _parse(**a_payload("photo"), brand_new={"a": 1}).media is not None


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"update_id": 1, "message": {"message_id": 7}},
        an_update(1, message_id=0, text="x"),
        an_update(1, message_id=2**64, text="x"),
        {"update_id": 1, "message": {"message_id": "x", "date": "yesterday", "chat": None}},
        an_update(1, document={"mime_type": "x/y"}),
        an_update(1, photo=[{"width": 1}]),
    ],
)
def test_what_telegram_does_not_document_is_an_error_not_a_guess(raw: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_update(raw)
