"""The files of a message: known kinds by their names, those of kinds to come by how Telegram writes files."""

from collections.abc import Iterator
from typing import Any

from teltubby_bot.botapi.raw import Fields, count, fields, listed, text
from teltubby_core.domain.media import MediaItem, MediaKind

_SINGLE_FILES: tuple[tuple[str, MediaKind], ...] = (
    ("video", MediaKind.VIDEO),
    ("audio", MediaKind.AUDIO),
    ("voice", MediaKind.VOICE),
    ("video_note", MediaKind.VIDEO_NOTE),
    ("sticker", MediaKind.STICKER),
)
_STICKERS = {"is_animated": "application/x-tgsticker", "is_video": "video/webm"}
_TYPES = {MediaKind.PHOTO: "image/jpeg", MediaKind.STICKER: "image/webp"}
"""What Telegram does not say because it is always so."""


def files_of(message: Fields, others: Iterator[str]) -> tuple[MediaItem, ...]:
    """Return the files of a message, each once; ``others`` are its fields whose meaning is not known.

    Raises:
        ValueError: there are fields that stand for files, but none that can be fetched.
    """
    named = [*_known_files(message), *_unknown_files(message, others)]
    found: dict[str, MediaItem] = {}
    for item in filter(None, named):
        found.setdefault(item.file_unique_id, item)
    if named and not found:
        raise ValueError("a file without a file_id")
    return tuple(found.values())


def _known_files(message: Fields) -> Iterator[MediaItem | None]:
    """Yield what each field that stands for a file has; None for one that can't be fetched."""
    if message.get("photo"):
        yield _largest(MediaKind.PHOTO, message["photo"])
    animation = _item(MediaKind.ANIMATION, message["animation"]) if message.get("animation") is not None else None
    if animation:  # Telegram sends it as a document, too
        yield animation
    elif message.get("document") is not None:
        yield _item(MediaKind.DOCUMENT, message["document"])
    elif message.get("animation") is not None:
        yield None
    for name, kind in _SINGLE_FILES:
        if message.get(name) is not None:
            yield _item(kind, message[name])
    for paid in listed(fields(message.get("paid_media")).get("paid_media")):
        yield from _paid(paid)


def _paid(paid: Fields) -> Iterator[MediaItem | None]:
    """Yield what was paid for; of the rest Telegram shows a preview without a file."""
    if paid.get("photo"):
        yield _largest(MediaKind.PHOTO, paid["photo"])
    if paid.get("video") is not None:
        yield _item(MediaKind.VIDEO, paid["video"])


def _unknown_files(message: Fields, others: Iterator[str]) -> Iterator[MediaItem]:
    for name in others:
        value = message[name]
        found = _item(MediaKind.OTHER, value) or _largest(MediaKind.OTHER, value)
        if found:
            yield found.model_copy(update={"field": name})


def _largest(kind: MediaKind, sizes: Any) -> MediaItem | None:
    usable = [item for size in listed(sizes) if (item := _item(kind, size))]
    return max(usable, key=lambda item: ((item.width or 0) * (item.height or 0), item.size_bytes or 0), default=None)


def _item(kind: MediaKind, value: Any) -> MediaItem | None:
    file = fields(value)
    file_id = text(file, "file_id")
    if not file_id:
        return None
    length = count(file, "length")  # a video note's diameter
    width, height = count(file, "width"), count(file, "height")
    return MediaItem(
        kind=kind,
        file_id=file_id,
        # Without it the file is only not known again: bytes are compared all the same.
        file_unique_id=text(file, "file_unique_id") or file_id,
        size_bytes=count(file, "file_size"),
        mime_type=text(file, "mime_type") or _usual_type(kind, file),
        width=length if width is None else width,
        height=length if height is None else height,
        duration=count(file, "duration"),
        original_filename=text(file, "file_name"),
    )


def _usual_type(kind: MediaKind, file: Fields) -> str | None:
    if kind is MediaKind.STICKER:
        return next((mime for flag, mime in _STICKERS.items() if file.get(flag) is True), _TYPES[kind])
    return _TYPES.get(kind)
