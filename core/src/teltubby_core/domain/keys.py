"""Object keys: where an item lies in the bucket. Fixed at first sight, since names and captions change later.

    teltubby/{YYYY}/{MM}/{chat_slug}/{message_id}/{filename}    through the Bot API, with message.json beside it
    teltubby/{YYYY}/{MM}/mtproto/{message_id}/{filename}        through a worker, with metadata.json beside it
    teltubby/{YYYY}/{MM}/mtproto/{message_id}-{n}/{filename}    as well, when an edit made it the message's n-th file

Message ids count per bot over all its private chats, so the folder of a worker's item needs no chat in it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from mimetypes import MimeTypes
from pathlib import PurePosixPath

from anyascii import anyascii

from teltubby_core.domain.media import ForwardOrigin, IncomingMessage, MediaItem, MediaKind

ROOT = "teltubby"
WORKER_FOLDER = "mtproto"
_RESERVED = frozenset({WORKER_FOLDER, "message.json", "metadata.json"})  # a folder must not pass for a document
MAX_FILENAME = 120
MAX_KEY = 512
_MAX_SLUG = 64
_MAX_NAME_PART = 24
_MAX_EXTENSION = 24
_CAPTION_WORDS = 6

_DEFAULT_EXTENSIONS = {
    MediaKind.PHOTO: "jpg",
    MediaKind.VIDEO: "mp4",
    MediaKind.AUDIO: "mp3",
    MediaKind.VOICE: "ogg",
    MediaKind.VIDEO_NOTE: "mp4",
    MediaKind.ANIMATION: "mp4",
    MediaKind.STICKER: "webp",
    MediaKind.DOCUMENT: "bin",
    MediaKind.OTHER: "bin",
}
_FIXED_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "application/x-tgsticker": "tgs",
}
"""What Python's own table does not have, or not as people know it."""
_TYPES = MimeTypes()
"""That table, without what the operating system adds: names must not differ from machine to machine."""


@dataclass(frozen=True)
class ItemPlace:
    """What of an item's message goes into its key."""

    date: datetime
    chat: str
    sender: str
    message_id: int
    media_group_id: str | None = None
    caption: str | None = None


def slugify(text: str, max_length: int = _MAX_SLUG) -> str:
    """Transliterate to lower-case ``[a-z0-9._-]``; empty when nothing of the text is left."""
    ascii_text = anyascii(text).lower()
    slug = re.sub(r"[^a-z0-9._-]+", "-", ascii_text)
    slug = re.sub(r"-{2,}", "-", slug).strip("-._")
    return slug[:max_length].strip("-._")


def chat_slug(message: IncomingMessage) -> str:
    """Name the chat an item comes from: the forward origin, else the curator."""
    names = _origin_names(message.forward_origin) if message.forward_origin else []
    names += [message.sender_username, str(message.sender_id or message.chat_id)]
    slug = next(s for name in names if name and (s := slugify(name)))
    return f"{slug}-chat" if slug in _RESERVED else slug


def _origin_names(origin: ForwardOrigin) -> list[str | None]:
    return [origin.username, origin.title, origin.name, str(origin.id) if origin.id else None]


def sender_slug(message: IncomingMessage) -> str:
    """Name the curator who sent it: username, else id."""
    return slugify(message.sender_username or "") or str(message.sender_id or message.chat_id)


def base_path(date: datetime, slug: str, message_id: int) -> str:
    """Return the folder of a message, without a slash at its end."""
    return f"{ROOT}/{_year_month(date)}/{slug}/{message_id}"


def worker_path(date: datetime, message_id: int, edition: int = 1) -> str:
    """Return the folder of an item that goes through a worker; ``message_id`` is the item's own.

    ``edition``: how many-th file of its message it is; one that an edit put in place of another has its own folder.
    """
    folder = f"{message_id}" if edition == 1 else f"{message_id}-{edition}"
    return f"{ROOT}/{_year_month(date)}/{WORKER_FOLDER}/{folder}"


def beside(key: str, name: str) -> str:
    """Return the key of ``name`` in the folder of ``key``."""
    return join(key.rpartition("/")[0], name)


def is_workers(key: str) -> bool:
    """Tell whether a key lies in a worker's item's own folder."""
    return key.split("/")[3:4] == [WORKER_FOLDER]


def _year_month(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y/%m")


def extension(item: MediaItem) -> str:
    """Keep the original extension; without one derive it from the MIME type, then from the kind."""
    original = PurePosixPath(item.original_filename or "").name
    suffix = re.search(r"((?:\.tar)?\.[^.\s/\\]+)$", original, re.IGNORECASE)
    kept = slugify(suffix.group(1), _MAX_EXTENSION) if suffix else ""
    if kept:
        return kept
    mime = (item.mime_type or "").lower()
    guessed = _FIXED_EXTENSIONS.get(mime) or (_TYPES.guess_extension(mime) or "").lstrip(".")
    return guessed or _DEFAULT_EXTENSIONS[item.kind]


def filename(place: ItemPlace, item: MediaItem, ordinal: int) -> str:
    """Return ``YYYYMMDD-HHMMSS_{chat}_{sender}_m{id}{-g{group}}_{ordinal}_{caption-words}.{ext}``, at most 120 long."""
    stamp = place.date.astimezone(UTC).strftime("%Y%m%d-%H%M%S")
    group = f"-g{slugify(place.media_group_id, _MAX_NAME_PART)}" if place.media_group_id else ""
    chat, sender = (name[:_MAX_NAME_PART].strip("-._") for name in (place.chat, place.sender))
    rest = f"_m{place.message_id}{group}_{ordinal:03d}"
    ext = extension(item)
    # The extension stays whole: where not all fits, the sender's name gives way, of which at least half remains.
    over = max(len(f"{stamp}_{chat}_{sender}{rest}.{ext}") - MAX_FILENAME, 0)
    stem = f"{stamp}_{chat}_{sender[: len(sender) - over].strip('-._')}{rest}"
    room = MAX_FILENAME - len(stem) - len(ext) - 2
    words = "-".join(slugify(word) for word in (place.caption or "").split()[:_CAPTION_WORDS])
    caption = slugify(words, max(room, 0))
    return f"{stem}_{caption}.{ext}" if caption else f"{stem}.{ext}"


def join(folder: str, name: str) -> str:
    """Return the key of ``name`` in ``folder``, refusing what the bucket's rules forbid."""
    key = f"{folder}/{name}"
    if not is_valid(key):
        raise ValueError(f"not a valid object key: {key!r}")
    return key


def is_valid(key: str) -> bool:
    """Whether a store may use this key: printable, not too long, no part empty or starting with a dot."""
    parts = key.split("/")
    return len(key) <= MAX_KEY and key.isprintable() and all(part and not part.startswith(".") for part in parts)
