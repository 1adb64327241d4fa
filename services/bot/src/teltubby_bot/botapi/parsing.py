"""An update's JSON as an IncomingMessage: python-telegram-bot reads it, here its objects end."""

import json
import logging
from collections.abc import Callable
from typing import Any

from telegram import (
    Bot,
    Message,
    MessageEntity,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    Update,
)

from teltubby_core.domain.media import ForwardOrigin, IncomingMessage, MediaItem, MediaKind

log = logging.getLogger(__name__)

_SINGLE_FILES: tuple[tuple[str, MediaKind], ...] = (
    ("animation", MediaKind.ANIMATION),  # before document: Telegram sends an animation as both
    ("document", MediaKind.DOCUMENT),
    ("video", MediaKind.VIDEO),
    ("audio", MediaKind.AUDIO),
    ("voice", MediaKind.VOICE),
    ("video_note", MediaKind.VIDEO_NOTE),
    ("sticker", MediaKind.STICKER),
)
_NOT_FILES: dict[str, str] = {
    "venue": "venue",  # before location: Telegram sends a venue as both
    **{name: name for name in ("location", "contact", "poll", "dice", "story", "game", "invoice", "checklist")},
    "paid_media": "paid media",
    "giveaway": "a giveaway",
    "giveaway_winners": "a giveaway's winners",
}
"""What Telegram sends in place of a file, and how we call it."""


def parse_update(raw: dict[str, Any], bot: Bot | None = None) -> IncomingMessage | None:
    """Return the new message of an update, None for every other kind of update.

    A message that only tells of an event (a pinned message, another title, a timer) is such another kind: nobody
    wrote it, so nobody waits for an answer.

    Raises:
        KeyError, TypeError, ValueError: the JSON is not what Telegram documents.
    """
    update = Update.de_json(_encodable(raw), bot)
    message = update.message or update.channel_post
    return _message(message) if message and not _is_service(message) else None


def _encodable(raw: dict[str, Any]) -> dict[str, Any]:
    """Replace halves of surrogate pairs, which neither database nor document can hold; offsets stay true."""
    text = json.dumps(raw, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        whole: dict[str, Any] = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        return whole
    return raw


def _is_service(message: Message) -> bool:
    written = message.text is not None or message.caption is not None or message.media_group_id is not None
    return not written and _media(message) is None and _unsupported(message) is None


def _unsupported(message: Message) -> str | None:
    return next((words for name, words in _NOT_FILES.items() if getattr(message, name, None)), None) or (
        "something too new for me" if any(_holds_file(value) for value in message.api_kwargs.values()) else None
    )


def _holds_file(value: Any) -> bool:
    """Tell whether a field that the library does not know has a file in it."""
    return isinstance(value, dict) and "file_id" in value


def _message(message: Message) -> IncomingMessage:
    sender, chat = message.from_user, message.chat
    return IncomingMessage(
        chat_id=chat.id,
        chat_type=chat.type,
        message_id=message.message_id,
        date=message.date,
        sender_id=sender.id if sender else None,
        sender_name=sender.full_name if sender else None,
        sender_username=sender.username if sender else None,
        chat_title=chat.title,
        chat_username=chat.username,
        media_group_id=message.media_group_id,
        forward_origin=_origin(message),
        text=message.text,
        entities=_entities(message.entities),
        caption=message.caption,
        caption_entities=_entities(message.caption_entities),
        media=_media(message),
        unsupported=_unsupported(message),
    )


def _entities(entities: tuple[MessageEntity, ...]) -> tuple[dict[str, Any], ...]:
    return tuple(entity.to_dict() for entity in entities)


def _media(message: Message) -> MediaItem | None:
    if message.photo:
        largest = max(message.photo, key=lambda size: (size.width * size.height, size.file_size or 0))
        return _item(MediaKind.PHOTO, largest)
    for attribute, kind in _SINGLE_FILES:
        file = getattr(message, attribute)
        if file is not None:
            return _item(kind, file)
    return None


def _item(kind: MediaKind, file: Any) -> MediaItem:
    length = getattr(file, "length", None)  # a video note's diameter
    return MediaItem(
        kind=kind,
        file_id=file.file_id,
        file_unique_id=file.file_unique_id,
        size_bytes=file.file_size,
        mime_type=getattr(file, "mime_type", None) or ("image/jpeg" if kind is MediaKind.PHOTO else None),
        width=getattr(file, "width", length),
        height=getattr(file, "height", length),
        duration=_seconds(getattr(file, "duration", None)),
        original_filename=getattr(file, "file_name", None),
    )


def _seconds(duration: Any) -> int | None:
    if duration is None or isinstance(duration, int):
        return duration
    return int(duration.total_seconds())


def _user(origin: MessageOriginUser) -> dict[str, Any]:
    user = origin.sender_user
    return {"id": user.id, "name": user.full_name, "username": user.username}


def _chat(origin: MessageOriginChat) -> dict[str, Any]:
    chat = origin.sender_chat
    signature = origin.author_signature
    return {"id": chat.id, "title": chat.title, "username": chat.username, "author_signature": signature}


def _channel(origin: MessageOriginChannel) -> dict[str, Any]:
    chat = origin.chat
    return {
        "id": chat.id,
        "title": chat.title,
        "username": chat.username,
        "message_id": origin.message_id,
        "author_signature": origin.author_signature,
    }


_ORIGINS: dict[type, Callable[[Any], dict[str, Any]]] = {
    MessageOriginUser: _user,
    MessageOriginHiddenUser: lambda origin: {"name": origin.sender_user_name},
    MessageOriginChat: _chat,
    MessageOriginChannel: _channel,
}


def _origin(message: Message) -> ForwardOrigin | None:
    origin = message.forward_origin
    if origin is None:
        return None
    tell = _ORIGINS.get(type(origin))
    if tell is None:
        log.warning("forward origin left out of message %d: its type is not known yet", message.message_id)
        return None
    return ForwardOrigin.model_validate({"type": origin.type, "date": origin.date, **tell(origin)})
