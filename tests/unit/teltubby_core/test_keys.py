"""Keys hold the bucket's rules whatever people call their chats and files."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import CURATOR, DATE, a_file, a_message
from teltubby_core.domain import keys
from teltubby_core.domain.media import ForwardOrigin, IncomingMessage, MediaItem, MediaKind

FEW = settings(max_examples=50, database=None, deadline=None)
CHARSET = re.compile(r"[a-z0-9._-]+")
INT32 = 2**31 - 1  # Telegram's message ids
ANY_TEXT = st.text(max_size=300)
NAMES = st.none() | ANY_TEXT
TIMES = st.integers(1_376_000_000, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
MEDIA = st.builds(
    MediaItem,
    kind=st.sampled_from(MediaKind),
    file_id=st.just("id"),
    file_unique_id=st.just("unique"),
    mime_type=st.none() | st.sampled_from(["image/jpeg", "video/mp4", "application/x-tar", "", "nonsense", "a/b\0c"]),
    original_filename=NAMES,
)
ORIGINS = st.builds(
    ForwardOrigin,
    type=st.sampled_from(["user", "hidden_user", "chat", "channel"]),
    date=st.just(DATE),
    id=st.none() | st.integers(-(10**13), 10**13),
    name=NAMES,
    username=NAMES,
    title=NAMES,
)
MESSAGES = st.builds(
    IncomingMessage,
    chat_id=st.integers(1, 2**52),
    chat_type=st.just("private"),
    message_id=st.integers(1, INT32),
    date=TIMES,
    sender_id=st.none() | st.integers(1, 2**52),
    sender_username=NAMES,
    media_group_id=st.none() | st.from_regex(r"\A[0-9]{1,20}\Z"),
    forward_origin=st.none() | ORIGINS,
    caption=NAMES,
    media=MEDIA,
)


def _name_of(message: IncomingMessage, ordinal: int = 1) -> str:
    place = keys.ItemPlace(
        date=message.date,
        chat=keys.chat_slug(message),
        sender=keys.sender_slug(message),
        message_id=message.message_id,
        media_group_id=message.media_group_id,
        caption=message.caption,
    )
    assert message.media is not None
    return keys.filename(place, message.media, ordinal)


def _named(caption: str | None = None, **file: str | None) -> str:
    media = a_file(kind=MediaKind.DOCUMENT).model_copy(update=file)
    return _name_of(a_message(7, media, caption=caption))


@FEW
@given(MESSAGES, st.integers(1, 999))
def test_every_key_holds_the_rules_of_the_bucket(message: IncomingMessage, ordinal: int) -> None:
    name = _name_of(message, ordinal)
    assert len(name) <= keys.MAX_FILENAME
    assert CHARSET.fullmatch(name), name
    slug = keys.chat_slug(message)
    folders = [
        keys.base_path(message.date, slug, message.message_id),
        keys.worker_path(message.date, message.message_id),
        keys.worker_path(message.date, message.message_id, edition=2),
    ]
    for folder in folders:
        key = keys.join(folder, name)
        assert len(key) <= keys.MAX_KEY
        assert all(CHARSET.fullmatch(part) and not part.startswith(".") for part in key.split("/")), key


@FEW
@given(MESSAGES)
def test_a_message_always_gets_the_same_key(message: IncomingMessage) -> None:
    again = IncomingMessage.model_validate_json(message.model_dump_json())
    assert _name_of(again) == _name_of(message)
    assert keys.chat_slug(again) == keys.chat_slug(message)


@FEW
@given(MESSAGES)
def test_no_chat_can_take_the_workers_folder(message: IncomingMessage) -> None:
    assert keys.chat_slug(message) != keys.WORKER_FOLDER


@FEW
@given(ANY_TEXT, st.integers(0, 80))
def test_a_slug_is_clean_and_no_longer_than_asked(text: str, limit: int) -> None:
    slug = keys.slugify(text, limit)
    assert len(slug) <= limit
    assert slug == "" or (CHARSET.fullmatch(slug) and slug == slug.strip("-._"))
    assert keys.slugify(slug, limit) == slug


@pytest.mark.parametrize(("limit", "slug"), [(2, "ab"), (3, "ab"), (4, "ab.c"), (5, "ab.c")])
def test_a_slug_that_is_cut_ends_in_a_letter_or_digit(limit: int, slug: str) -> None:
    assert keys.slugify("ab.c d", limit) == slug


def test_the_longest_of_everything_still_fits() -> None:
    long = "x" * 300
    message = a_message(INT32, username=long, album="9" * 40, caption=f"{long} " * 6)
    assert message.media is not None
    message = message.model_copy(
        update={"media": message.media.model_copy(update={"original_filename": f"{long}.tar.{long}"})}
    )
    name = _name_of(message, 999)
    assert len(name) == keys.MAX_FILENAME
    assert name == f"20250301-123000_{'x' * 24}_{'x' * 12}_m{INT32}-g{'9' * 24}_999.tar.{'x' * 20}"


def test_a_long_caption_fills_the_name_and_no_more() -> None:
    name = _named(f"{'word' * 100} {'word' * 100}", original_filename="a.jpg")
    assert len(name) == keys.MAX_FILENAME
    assert name.endswith(".jpg")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Hello World", "hello-world"),
        ("Привет, мир!", "privet-mir"),
        ("北京", "beijing"),
        ("مرحبا", "mrhb"),
        ("Ünïcödé ß", "unicode-ss"),
        ("a/b\\c", "a-b-c"),
        ("..hidden", "hidden"),
        ("../../etc/passwd", "etc-passwd"),
        ("tab\there\x00and\x1b[0m", "tab-here-and-0m"),
        ("snake_case.v2", "snake_case.v2"),
        ("---", ""),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_slugs(text: str, slug: str) -> None:
    assert keys.slugify(text) == slug


@pytest.mark.parametrize("caption", ["🎉🎂", "👩‍👩‍👧", "🇩🇪"])
def test_an_emoji_caption_becomes_words(caption: str) -> None:
    assert re.fullmatch(r"20250301-123000_ada_ada_m7_001_[a-z0-9._-]+\.bin", _named(caption, mime_type="x/y"))


def test_a_filename_tells_time_chat_sender_message_album_ordinal_and_caption() -> None:
    message = a_message(7, a_file(original="IMG_0001.JPG"), album="13579", caption="A day at the sea in May, 2025")
    assert _name_of(message, 3) == "20250301-123000_ada_ada_m7-g13579_003_a-day-at-the-sea-in.jpg"


def test_the_time_in_a_key_is_utc_whatever_the_zone_it_came_in() -> None:
    tokyo = datetime(2025, 1, 1, 3, 0, tzinfo=timezone(timedelta(hours=9)))
    assert keys.base_path(tokyo, "ada", 5) == "teltubby/2024/12/ada/5"
    assert keys.worker_path(tokyo, 5) == "teltubby/2024/12/mtproto/5"
    assert _name_of(a_message(5).model_copy(update={"date": tokyo})).startswith("20241231-180000_")


@pytest.mark.parametrize(
    ("original", "mime", "kind", "extension"),
    [
        ("report.PDF", "application/pdf", MediaKind.DOCUMENT, "pdf"),
        ("backup.tar.gz", None, MediaKind.DOCUMENT, "tar.gz"),
        ("song.flac", "audio/mpeg", MediaKind.AUDIO, "flac"),
        ("a.b.c.txt", None, MediaKind.DOCUMENT, "txt"),
        ("noext", "application/pdf", MediaKind.DOCUMENT, "pdf"),
        ("trailing.", "video/mp4", MediaKind.VIDEO, "mp4"),
        ("..", "image/jpeg", MediaKind.PHOTO, "jpg"),
        ("x.жпг", None, MediaKind.DOCUMENT, "zhpg"),
        ("x.averylongextension", None, MediaKind.DOCUMENT, "averylongextension"),
        ("x." + "e" * 30, None, MediaKind.DOCUMENT, "e" * 24),
        ("BACKUP.TAR.GZ", None, MediaKind.DOCUMENT, "tar.gz"),
        (".TAR.GZ", None, MediaKind.DOCUMENT, "tar.gz"),
        ("x.тттт/../..", None, MediaKind.DOCUMENT, "bin"),
        (None, "image/jpeg", MediaKind.PHOTO, "jpg"),
        (None, "audio/ogg", MediaKind.VOICE, "ogg"),
        (None, None, MediaKind.STICKER, "webp"),
        (None, "what/ever", MediaKind.VIDEO_NOTE, "mp4"),
        ("", "", MediaKind.DOCUMENT, "bin"),
    ],
)
def test_extensions(original: str | None, mime: str | None, kind: MediaKind, extension: str) -> None:
    media = a_file(kind=kind).model_copy(update={"original_filename": original, "mime_type": mime})
    assert keys.extension(media) == extension


@pytest.mark.parametrize(
    "original", ["../../etc/passwd", "/etc/shadow.txt", "a\\..\\b.txt", "\x00\x01.tx\x1bt", ".htaccess", "a\n/b.c\r\n"]
)
def test_an_evil_file_name_stays_in_its_folder(original: str) -> None:
    name = _named(original_filename=original, mime_type="text/plain")
    assert re.fullmatch(r"20250301-123000_ada_ada_m7_001\.[a-z0-9.-]+", name)
    assert keys.is_valid(keys.join("teltubby/2025/03/ada/7", name))


@pytest.mark.parametrize(
    ("origin", "slug"),
    [
        ({"type": "channel", "id": -100, "title": "The News", "username": "thenews"}, "thenews"),
        ({"type": "chat", "id": -200, "title": "Книжный клуб"}, "knizhnyy-klub"),
        ({"type": "user", "id": 9, "name": "Grace H.", "username": "grace"}, "grace"),
        ({"type": "hidden_user", "name": "Somebody"}, "somebody"),
        ({"type": "hidden_user", "name": "…"}, "ada"),
        ({"type": "chat", "id": -200, "title": "***"}, "200"),
        ({"type": "channel", "title": "MTProto"}, "mtproto-chat"),
        ({"type": "channel", "title": "message.json"}, "message.json-chat"),
    ],
)
def test_the_folder_is_named_after_the_forward_origin(origin: dict[str, object], slug: str) -> None:
    message = a_message(origin=ForwardOrigin.model_validate({"date": DATE, **origin}))
    assert keys.chat_slug(message) == slug


def test_without_forward_and_username_the_folder_is_the_curators_id() -> None:
    assert keys.chat_slug(a_message(username=None)) == str(CURATOR)
    assert keys.sender_slug(a_message(username=None)) == str(CURATOR)
    assert keys.chat_slug(a_message(username="MTProto")) == "mtproto-chat"


@pytest.mark.parametrize(
    "key",
    ["a//b", "/a", "a/", "a/.b", "../a", "a/..", "a\nb", "a\x00", "x" * 513, ""],
)
def test_bad_keys_are_refused(key: str) -> None:
    assert not keys.is_valid(key)


def test_joining_refuses_what_makes_a_bad_key() -> None:
    with pytest.raises(ValueError, match="not a valid object key"):
        keys.join("teltubby/2025", ".hidden")
    assert keys.join("teltubby/2025", "x.jpg") == "teltubby/2025/x.jpg"
