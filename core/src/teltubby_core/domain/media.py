"""What a user sends, free of any SDK: kinds, files, where they came from."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class MediaKind(StrEnum):
    """The kinds of payload that are archived, in Telegram's words; OTHER is any file of a kind we do not know."""

    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    VOICE = "voice"
    VIDEO_NOTE = "video_note"
    ANIMATION = "animation"
    STICKER = "sticker"
    OTHER = "other"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # captions are not for logs


class MediaItem(_Value):
    """One file of a message as Telegram describes it. Sizes in bytes, duration in seconds, pixels.

    ``field`` is Telegram's name for a kind that is OTHER to us.
    """

    kind: MediaKind
    file_id: str
    file_unique_id: str
    size_bytes: int | None = None
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    duration: int | None = None
    original_filename: str | None = None
    field: str | None = None


class ForwardOrigin(_Value):
    """Where a forwarded message first stood. Telegram tells only a name of users who hide their account.

    ``type`` is user, hidden_user, chat or channel, or whatever Telegram comes to call it.
    """

    type: str
    date: datetime | None = None
    id: int | None = None
    name: str | None = None
    username: str | None = None
    title: str | None = None
    message_id: int | None = None
    author_signature: str | None = None


class IncomingMessage(_Value):
    """One message from a curator. Entities stay in Telegram's own form.

    ``media`` is its file; the few kinds of messages that hold several have the others in ``further``.
    ``edited`` tells that this is the new form of a message that was sent before; ``edit_date`` is when it got this
    form, also of a message that was edited before it reached us.
    """

    chat_id: int
    chat_type: str
    message_id: int
    date: datetime
    sender_id: int | None = None
    sender_name: str | None = None
    sender_username: str | None = None
    sender_language: str | None = None  # IETF tag, of their app
    chat_title: str | None = None
    chat_username: str | None = None
    media_group_id: str | None = None
    forward_origin: ForwardOrigin | None = None
    text: str | None = None
    entities: tuple[dict[str, Any], ...] = ()
    caption: str | None = None
    caption_entities: tuple[dict[str, Any], ...] = ()
    media: MediaItem | None = None
    further: tuple[MediaItem, ...] = ()
    unsupported: str | None = None  # what came instead of a file, in a word: "a location", "a poll", …
    edited: bool = False
    edit_date: datetime | None = None

    def each_with_one_file(self) -> "list[IncomingMessage]":
        """Return it once for each file, as if it held no other."""
        files = [self.media, *self.further]
        return [self.model_copy(update={"media": file, "further": ()}) for file in files if file is not None]


_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")


def content_type(mime_type: str | None) -> str:
    """Return a MIME type that a store can be told: what a sender made up may be no type at all."""
    return mime_type if mime_type and _CONTENT_TYPE.fullmatch(mime_type) else "application/octet-stream"
