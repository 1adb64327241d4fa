"""The files that bots send: by file_id, or with the call; and what Telegram refuses of them.

Source of the limits: core.telegram.org/bots/api#sending-files; of the sentences: tdlib/td, FileLoaderUtils.cpp, and
tdlib/telegram-bot-api, Client::get_input_file.
"""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.images import has_good_sides, picture_size
from teltubby_simulator.botapi.params import Upload
from teltubby_simulator.content import BytesContent
from teltubby_simulator.files import FileFields
from teltubby_simulator.model import Media, MediaKind, StickerFormat

_ATTACHED = "attach://"
_LARGEST_PHOTO = 10 * 1024 * 1024  # bytes
_LARGEST_FILE = 50 * 1024 * 1024
_LARGEST_THUMBNAIL = 200 * 1024
_STICKERS: dict[str, StickerFormat] = {".tgs": "animated", ".webm": "video"}


def read_media(call: Call, kind: MediaKind, given: str | None, field: str | None, details: FileFields) -> Media | None:
    """Return the media that a parameter or an InputMedia names, None when it names none.

    ``given`` is a file_id, ``attach://<name>``, a web address, or None. ``field`` is the name under which the file
    itself may have come; None where only ``attach://`` counts. ``details`` is what the bot tells about a new file.

    Raises:
        ApiError: the id is wrong, or the file is empty, too large or no picture.
    """
    if given is not None and given.startswith(_ATTACHED):
        field, given = given.removeprefix(_ATTACHED), None
    if given is not None:
        if given.lower().startswith(("http://", "https://")):
            raise bad_request("failed to get HTTP URL content")  # a simulator fetches nothing from elsewhere
        return call.state.file_ids.media(call.bot.id, given, kind)
    upload = call.params.upload(field) if field else None
    return None if upload is None else _stored(call, kind, upload, details)


def add_thumbnail(call: Call, media: Media, given: str | None) -> None:
    """Give new media the thumbnail that came with the call. Raises ApiError when it is too large."""
    name = given.removeprefix(_ATTACHED) if given and given.startswith(_ATTACHED) else "thumbnail"
    upload = call.params.upload(name)
    if upload is None or media.kind == "photo":
        return
    if len(upload.payload) > _LARGEST_THUMBNAIL:
        raise _too_big(len(upload.payload), " for a thumbnail", _LARGEST_THUMBNAIL)
    width, height = picture_size(upload.payload) or (0, 0)
    call.world.files.add_thumb(media.file, "m", width, height, BytesContent(upload.payload))


def _stored(call: Call, kind: MediaKind, upload: Upload, details: FileFields) -> Media:
    size = len(upload.payload)
    if size == 0:
        raise bad_request("file must be non-empty")
    if kind == "photo":
        return _photo(call, upload)
    if size > _LARGEST_FILE and call.world.local_files is None:
        raise ApiError(413, "Request Entity Too Large")
    fields: FileFields = {"file_name": upload.file_name, "mime_type": upload.mime_type, **details}
    if kind == "sticker":
        suffix = upload.file_name[upload.file_name.rfind(".") :].lower()
        fields["sticker_format"] = _STICKERS.get(suffix, "static")
    return call.world.make_media(kind, BytesContent(upload.payload), **fields)


def _photo(call: Call, upload: Upload) -> Media:
    if len(upload.payload) > _LARGEST_PHOTO:
        raise _too_big(len(upload.payload), " for a photo", _LARGEST_PHOTO)
    sides = picture_size(upload.payload)
    if sides is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if not has_good_sides(*sides):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return call.world.make_photo([("x", *sides, BytesContent(upload.payload))])


def _too_big(size: int, reason: str, limit: int) -> ApiError:
    return bad_request(f"file of size {size} bytes is too big{reason}; the maximum size is {limit} bytes")
