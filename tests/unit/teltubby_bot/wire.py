"""Updates as the Bot API sends them, field by field as documented."""

from typing import Any

from support import CURATOR, DATE

UNIX = int(DATE.timestamp())

_NAMED: dict[str, dict[str, Any]] = {
    "video": {"mime_type": "video/mp4", "width": 1280, "height": 720, "duration": 12, "file_name": "clip.mp4"},
    "document": {"mime_type": "application/pdf", "file_name": "report.pdf"},
    "audio": {"mime_type": "audio/mpeg", "duration": 180, "performer": "X", "title": "Y", "file_name": "song.mp3"},
    "voice": {"mime_type": "audio/ogg", "duration": 4},
    "video_note": {"length": 240, "duration": 8},
    "animation": {"mime_type": "video/mp4", "width": 320, "height": 200, "duration": 2, "file_name": "cat.mp4"},
    "sticker": {
        "type": "regular",
        "width": 512,
        "height": 512,
        "is_animated": False,
        "is_video": False,
        "emoji": "🐈",
    },
}
KINDS = ("photo", *_NAMED)


def user(user_id: int = CURATOR, username: str | None = "ada") -> dict[str, Any]:
    """Return a User."""
    found: dict[str, Any] = {
        "id": user_id,
        "is_bot": False,
        "first_name": "Ada",
        "last_name": "L.",
        "language_code": "en",
    }
    return {**found, "username": username} if username else found


def private_chat(user_id: int = CURATOR) -> dict[str, Any]:
    """Return the Chat of a direct message."""
    return {"id": user_id, "type": "private", "first_name": "Ada", "username": "ada"}


def group_chat() -> dict[str, Any]:
    """Return the Chat of a group."""
    return {"id": -5, "type": "group", "title": "Friends"}


def channel_chat() -> dict[str, Any]:
    """Return the Chat of a channel."""
    return {"id": -1001, "type": "channel", "title": "The News", "username": "thenews"}


def a_payload(kind: str, name: str = "a", size: int | None = 1000) -> dict[str, Any]:
    """Return the fields of a message that carry a file of this kind."""
    ids: dict[str, Any] = {"file_id": f"file-{name}", "file_unique_id": f"unique-{name}"}
    if size is not None:
        ids["file_size"] = size
    if kind == "photo":
        small = {"file_id": f"small-{name}", "file_unique_id": f"usmall-{name}", "file_size": 90}
        return {"photo": [{**small, "width": 90, "height": 60}, {**ids, "width": 1280, "height": 853}]}
    payload: dict[str, Any] = {kind: {**ids, **_NAMED[kind]}}
    if kind == "animation":
        payload["document"] = {**ids, "mime_type": "video/mp4", "file_name": "cat.mp4"}
    return payload


def an_update(update_id: int, message_id: int = 7, *, sender: int = CURATOR, **fields: Any) -> dict[str, Any]:
    """Return an Update with a direct message that has these further fields."""
    message = {
        "message_id": message_id,
        "date": UNIX,
        "from": user(sender, "ada" if sender == CURATOR else f"user{sender}"),
        "chat": private_chat(sender),
        **fields,
    }
    return {"update_id": update_id, "message": message}


def a_command(update_id: int, text: str, message_id: int = 7) -> dict[str, Any]:
    """Return an Update with a command."""
    length = len(text.split(maxsplit=1)[0])
    entity = {"type": "bot_command", "offset": 0, "length": length}
    return an_update(update_id, message_id, text=text, entities=[entity])
