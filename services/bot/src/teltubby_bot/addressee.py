"""Whom to tell about an update that could not be kept or read: what little must be known is taken from its raw JSON."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Addressee:
    """The author of a private message. In a private chat the chat's id is the author's."""

    chat_id: int
    message_id: int


def addressee_of(raw: str) -> Addressee | None:
    """Return who wrote the update's message in private; None when it is something else or beyond recognition."""
    try:
        update = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    message = _object(_object(update).get("message"))
    chat, author = _object(message.get("chat")), _object(message.get("from"))
    chat_id, message_id = chat.get("id"), message.get("message_id")
    if chat.get("type") != "private" or author.get("id") != chat_id:
        return None
    if not isinstance(chat_id, int) or not isinstance(message_id, int):
        return None
    return Addressee(chat_id, message_id)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
