"""The control API's JSON: requests become values of the model, messages become JSON for the reader of a test."""

import base64
import binascii
from collections.abc import Mapping

from teltubby_simulator.content import BytesContent, Content, SeededContent
from teltubby_simulator.files import HOME_DC, FileFields
from teltubby_simulator.model import (
    Chat,
    ForwardOrigin,
    Media,
    MediaKind,
    Message,
    OriginChannel,
    OriginChat,
    OriginHiddenUser,
    OriginUser,
    StickerFormat,
    ToldSize,
    User,
)
from teltubby_simulator.world import World

_FILE_KINDS: dict[str, MediaKind] = {
    "video": "video",
    "document": "document",
    "audio": "audio",
    "voice": "voice",
    "video_note": "video_note",
    "animation": "animation",
    "sticker": "sticker",
}
_FILE_FIELDS = (
    "mime_type",
    "file_name",
    "width",
    "height",
    "duration",
    "performer",
    "title",
    "emoji",
    "sticker_format",
)
_STICKER_FORMATS: dict[str, StickerFormat] = {"static": "static", "animated": "animated", "video": "video"}


class FieldError(ValueError):
    """A field of a request is missing or of the wrong type."""


class Fields:
    """A JSON object whose fields are asked for by type. Raises FieldError that names the field."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def names(self) -> set[str]:
        """Return what was given, nulls included."""
        return set(self._values)

    def allow(self, names: frozenset[str]) -> None:
        """Refuse what nobody would look at: a misspelt field must not pass for an order."""
        unknown = sorted(self.names() - names)
        if unknown:
            raise FieldError(f"there is no field {unknown[0]}; there are {', '.join(sorted(names))}")

    def raw(self) -> dict[str, object]:
        """Return the object as it came."""
        return dict(self._values)

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str):
            raise FieldError(f"{name} must be a string")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self else None

    def integer(self, name: str) -> int:
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise FieldError(f"{name} must be an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        return self.integer(name) if name in self else None

    def number(self, name: str) -> float:
        value = self._values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise FieldError(f"{name} must be a number")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise FieldError(f"{name} must be true or false")
        return value

    def object(self, name: str) -> "Fields":
        return _as_fields(self._values.get(name), name)

    def objects(self, name: str) -> list["Fields"]:
        value = self._values.get(name)
        if not isinstance(value, list):
            raise FieldError(f"{name} must be an array")
        return [_as_fields(each, f"each of {name}") for each in value]

    def integers(self, name: str) -> list[int]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, int) for each in value):
            raise FieldError(f"{name} must be an array of integers")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise FieldError(f"{name} must be an array of strings")
        return value


def _as_fields(value: object, name: str) -> Fields:
    if not isinstance(value, dict):
        raise FieldError(f"{name} must be an object")
    return Fields(value)


def read_content(given: Fields) -> Content:
    """Return ``{"base64": …}`` or ``{"seed": …, "size": …, "header": base64}`` as content."""
    if "base64" in given:
        return BytesContent(_decoded(given.text("base64")))
    header = _decoded(given.text("header")) if "header" in given else b""
    return SeededContent(given.text("seed"), given.integer("size"), header)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("that is no base64") from error


def read_media(world: World, bot: User, given: Fields) -> Media:
    """Return new media, or with ``same_as`` the media of an earlier message: the same file, sent again."""
    if "same_as" in given:
        earlier = given.object("same_as")
        message = world.message(bot.id, earlier.integer("chat"), earlier.integer("message_id"))
        if message is None or message.media is None:
            raise ValueError("same_as names no message with media")
        return message.media
    kind = given.text("kind")
    dc_id = given.integer("dc_id") if "dc_id" in given else HOME_DC
    if kind == "photo":
        sizes = [
            (size.text("type"), size.integer("width"), size.integer("height"), read_content(size.object("content")))
            for size in given.objects("sizes")
        ]
        return world.make_photo(sizes, dc_id, told_size=_told_size(given))
    if kind not in _FILE_KINDS:
        raise ValueError(f"kind must be photo or one of {', '.join(_FILE_KINDS)}")
    content = read_content(given.object("content"))
    media = world.make_media(_FILE_KINDS[kind], content, dc_id=dc_id, **_file_fields(given))
    if "thumbnail" in given:
        thumb = given.object("thumbnail")
        sides = thumb.integer("width"), thumb.integer("height")
        world.files.add_thumb(media.file, "m", *sides, read_content(thumb.object("content")))
    return media


def media_given(media: Media) -> dict[str, object]:
    """Return media as ``read_media`` takes them."""
    file = media.file
    given: dict[str, object] = {"kind": media.kind, "dc_id": file.dc_id}
    if file.told_size != "true":
        given["told_size"] = None if file.told_size == "absent" else file.told_size
    if media.kind == "photo":
        sizes = [
            {"type": each.size_type, "width": each.width, "height": each.height, "content": content_given(each.content)}
            for each in media.files
        ]
        return given | {"sizes": sizes}
    fields = {name: getattr(file, name) for name in _FILE_FIELDS}
    return (
        given
        | {name: value for name, value in fields.items() if value is not None}
        | {"content": content_given(file.content)}
    )


def content_given(content: Content) -> dict[str, object]:
    """Return a content as ``read_content`` takes it.

    Raises:
        TypeError: there is no way to write this kind down.
    """
    if isinstance(content, SeededContent):
        header = base64.b64encode(content.header).decode()
        return {"seed": content.seed, "size": content.size} | ({"header": header} if header else {})
    if isinstance(content, BytesContent):
        return {"base64": base64.b64encode(content.payload).decode()}
    raise TypeError(f"no way to write down a {type(content).__name__}")


def _file_fields(given: Fields) -> FileFields:
    return {
        "mime_type": given.optional_text("mime_type"),
        "file_name": given.optional_text("file_name"),
        "width": given.optional_integer("width"),
        "height": given.optional_integer("height"),
        "duration": given.optional_integer("duration"),
        "performer": given.optional_text("performer"),
        "title": given.optional_text("title"),
        "emoji": given.optional_text("emoji"),
        "sticker_format": _sticker_format(given),
        "told_size": _told_size(given),
    }


def _sticker_format(given: Fields) -> StickerFormat:
    name = given.optional_text("sticker_format") or "static"
    if name not in _STICKER_FORMATS:
        raise FieldError(f"sticker_format must be one of {', '.join(_STICKER_FORMATS)}")
    return _STICKER_FORMATS[name]


def _told_size(given: Fields) -> ToldSize:
    """Return what Telegram is to tell of the size: a number that may be a lie, nothing for null, else the truth."""
    if "told_size" not in given.names():
        return "true"
    return given.integer("told_size") if "told_size" in given else "absent"


def read_origin(world: World, given: Fields) -> ForwardOrigin:
    """Return a forward origin: type user, hidden_user, chat or channel."""
    date, kind = given.integer("date"), given.text("type")
    if kind == "user":
        return OriginUser(world.users[given.integer("user")], date)
    if kind == "hidden_user":
        return OriginHiddenUser(given.text("name"), date)
    signature = given.optional_text("author_signature")
    chat = world.chats[given.integer("chat")]
    if kind == "chat":
        return OriginChat(chat, date, signature)
    if kind == "channel":
        return OriginChannel(chat, given.integer("message_id"), date, signature)
    raise ValueError("type must be user, hidden_user, chat or channel")


def origin_given(origin: ForwardOrigin) -> dict[str, object]:
    """Return a forward origin as ``read_origin`` takes it."""
    if isinstance(origin, OriginUser):
        return {"type": "user", "user": origin.user.id, "date": origin.date}
    if isinstance(origin, OriginHiddenUser):
        return {"type": "hidden_user", "name": origin.name, "date": origin.date}
    given: dict[str, object] = {"chat": origin.chat.id, "date": origin.date}
    if origin.author_signature is not None:
        given["author_signature"] = origin.author_signature
    if isinstance(origin, OriginChannel):
        return given | {"type": "channel", "message_id": origin.message_id}
    return given | {"type": "chat"}


def message_json(message: Message) -> dict[str, object]:
    """Return a message with what a test asks about: content, edits, reactions."""
    return {
        "message_id": message.id,
        "chat": message.chat.id,
        "chat_kind": message.chat.kind if isinstance(message.chat, Chat) else "private",
        "sender": message.sender.id if message.sender else None,
        "date": message.date,
        "text": message.text,
        "caption": message.caption,
        "entities": message.entities,
        "media": _media_json(message.media) if message.media else None,
        "special": message.special,
        "media_group_id": message.media_group_id,
        "reply_to_message_id": message.reply_to_message_id,
        "edit_date": message.edit_date,
        "edits": [{"time": time, "text": text} for time, text in message.edits],
        "reply_markup": message.reply_markup,
        "reactions": message.reactions,
    }


def _media_json(media: Media) -> dict[str, object]:
    file = media.file
    return {
        "kind": media.kind,
        "id": file.id,
        "unique_id": file.unique_id,
        "size": file.content.size,
        "file_name": file.file_name,
        "mime_type": file.mime_type,
        "dc_id": file.dc_id,
    }
