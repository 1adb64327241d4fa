"""file_id and file_path as bots get them: both name a file for one bot only."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.model import Media, MediaKind, StoredFile

FileKind = MediaKind | Literal["thumbnail"]

PATH_LIFETIME = 3600  # seconds that a file_path works; core.telegram.org/bots/api#getfile
_PREFIX: dict[FileKind, str] = {
    "photo": "AgACAgI",
    "video": "BAACAgI",
    "document": "BQACAgI",
    "audio": "CQACAgI",
    "voice": "AwACAgI",
    "video_note": "DQACAgI",
    "animation": "CgACAgI",
    "sticker": "CAACAgI",
    "thumbnail": "AAMCAgA",
}
_FOLDER: dict[FileKind, str] = {
    "photo": "photos",
    "video": "videos",
    "document": "documents",
    "audio": "music",
    "voice": "voice",
    "video_note": "video_notes",
    "animation": "animations",
    "sticker": "stickers",
    "thumbnail": "thumbnails",
}
_SUFFIX_BY_MIME = {
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".oga",
    "application/x-tgsticker": ".tgs",
}


@dataclass(frozen=True)
class Known:
    """What a file_id stands for. ``media`` is what the file belongs to; a thumbnail belongs to none."""

    bot_id: int
    kind: FileKind
    file: StoredFile
    media: Media | None


@dataclass(frozen=True)
class _OpenPath:
    file: StoredFile
    until: float


class FileIds:
    """Every file_id handed out so far, and the paths that are open for download."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._paths: dict[tuple[int, str], _OpenPath] = {}
        self._numbers: dict[tuple[int, str], int] = {}

    def file_id(self, bot_id: int, media: Media, file: StoredFile) -> str:
        """Return this bot's id of a file: the same each time, of no use to another bot."""
        return self._issue(Known(bot_id, media.kind, file, media))

    def thumbnail_id(self, bot_id: int, thumb: StoredFile) -> str:
        """Return this bot's id of a thumbnail."""
        return self._issue(Known(bot_id, "thumbnail", thumb, None))

    def find(self, bot_id: int, file_id: str) -> Known:
        """Return what getFile is asked for. Raises ApiError for an id that is wrong or another bot's."""
        known = self._known.get(file_id)
        if known is None:
            raise bad_request("invalid file_id")
        if known.bot_id != bot_id:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        return known

    def media(self, bot_id: int, file_id: str, wanted: MediaKind) -> Media:
        """Return the media to send again by its id; they keep their kind. Raises ApiError as for ``find``."""
        known = self._known.get(file_id)
        if known is None:
            raise bad_request("wrong remote file identifier specified: can't unserialize it")
        if (known.kind == "photo") != (wanted == "photo") or known.media is None:
            raise _wrong_type(known.kind, wanted)
        if known.bot_id != bot_id:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return known.media

    def open_path(self, bot_id: int, kind: FileKind, file: StoredFile) -> str:
        """Return a path that this bot can download from for an hour."""
        path = self.path(bot_id, kind, file)
        self._paths[bot_id, path] = _OpenPath(file, self._clock() + PATH_LIFETIME)
        return path

    def path(self, bot_id: int, kind: FileKind, file: StoredFile) -> str:
        """Return the path of a file without opening it."""
        number = self._numbers.setdefault((bot_id, file.unique_id), len(self._numbers))
        return f"{_FOLDER[kind]}/file_{number}{_suffix(file)}"

    def file_at(self, bot_id: int, path: str) -> StoredFile | None:
        """Return the file of an open path, None once its hour is over."""
        found = self._paths.get((bot_id, path))
        return found.file if found is not None and self._clock() < found.until else None

    def _issue(self, known: Known) -> str:
        seed = f"{known.bot_id}:{known.file.unique_id}:{known.file.hash_seed}".encode()
        digest = hashlib.sha384(seed).digest()
        file_id = _PREFIX[known.kind] + base64.urlsafe_b64encode(digest).decode()
        self._known[file_id] = known
        return file_id


def _wrong_type(found: FileKind, wanted: FileKind) -> ApiError:
    names = {kind: "".join(map(str.capitalize, kind.split("_"))) for kind in (found, wanted)} | {"voice": "VoiceNote"}
    return bad_request(f"can't use file of type {names[found]} as {names[wanted]}")


def _suffix(file: StoredFile) -> str:
    _, dot, suffix = (file.file_name or "").rpartition(".")
    if dot and suffix.isascii() and suffix.isalnum():
        return f".{suffix}"
    return _SUFFIX_BY_MIME.get(file.mime_type or "", "")
