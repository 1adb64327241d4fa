"""What a user sends, free of any SDK: kinds, files, where they came from."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class MediaKind(StrEnum):
    """The kinds of payload that are archived, in Telegram's words."""

    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    VOICE = "voice"
    VIDEO_NOTE = "video_note"
    ANIMATION = "animation"
    STICKER = "sticker"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # captions are not for logs


class MediaItem(_Value):
    """One file of a message as Telegram describes it. Sizes in bytes, duration in seconds, pixels."""

    kind: MediaKind
    file_id: str
    file_unique_id: str
    size_bytes: int | None = None
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    duration: int | None = None
    original_filename: str | None = None


class ForwardOrigin(_Value):
    """Where a forwarded message first stood. Telegram tells only a name of users who hide their account."""

    type: Literal["user", "hidden_user", "chat", "channel"]
    date: datetime
    id: int | None = None
    name: str | None = None
    username: str | None = None
    title: str | None = None
    message_id: int | None = None
    author_signature: str | None = None


class IncomingMessage(_Value):
    """One message from a curator, with at most one file. Entities stay in Telegram's own form."""

    chat_id: int
    chat_type: str
    message_id: int
    date: datetime
    sender_id: int | None = None
    sender_name: str | None = None
    sender_username: str | None = None
    chat_title: str | None = None
    chat_username: str | None = None
    media_group_id: str | None = None
    forward_origin: ForwardOrigin | None = None
    text: str | None = None
    entities: tuple[dict[str, Any], ...] = ()
    caption: str | None = None
    caption_entities: tuple[dict[str, Any], ...] = ()
    media: MediaItem | None = None
    unsupported: str | None = None  # what came instead of a file, in a word: "location", "poll", …
