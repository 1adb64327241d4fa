"""file_id and file_path as bots get them: both name a file for one bot only."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.model import Media, MediaKind, StoredFile

PATH_LIFETIME = 3600  # seconds that a file_path works; core.telegram.org/bots/api#getfile
_PREFIX: dict[MediaKind, str] = {
    "photo": "AgACAgI",
    "video": "BAACAgI",
    "document": "BQACAgI",
    "audio": "CQACAgI",
    "voice": "AwACAgI",
}
_FOLDER: dict[MediaKind, str] = {
    "photo": "photos",
    "video": "videos",
    "document": "documents",
    "audio": "music",
    "voice": "voice",
}
_SUFFIX_BY_MIME = {
    "image/jpeg": ".jpg",
    "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".oga",
}


@dataclass(frozen=True)
class _Known:
    bot_id: int
    kind: MediaKind
    file: StoredFile


@dataclass(frozen=True)
class _OpenPath:
    file: StoredFile
    until: float


class FileIds:
    """Every file_id handed out so far, and the paths that are open for download."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._paths: dict[tuple[int, str], _OpenPath] = {}
        self._numbers: dict[tuple[int, str], int] = {}

    def file_id(self, bot_id: int, media: Media, file: StoredFile) -> str:
        """Return this bot's id of a file: the same each time, of no use to another bot."""
        seed = f"{bot_id}:{file.unique_id}:{file.access_hash}".encode()
        digest = hashlib.sha384(seed).digest()
        file_id = _PREFIX[media.kind] + base64.urlsafe_b64encode(digest).decode()
        self._known[file_id] = _Known(bot_id, media.kind, file)
        return file_id

    def resolve(self, bot_id: int, file_id: str) -> tuple[MediaKind, StoredFile]:
        """Return the kind and file of an id. Raises ApiError as Telegram does for a wrong or foreign one."""
        known = self._known.get(file_id)
        if known is None:
            raise bad_request("invalid file_id")
        if known.bot_id != bot_id:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return known.kind, known.file

    def open_path(self, bot_id: int, kind: MediaKind, file: StoredFile) -> str:
        """Return a path that this bot can download from for an hour."""
        number = self._numbers.setdefault((bot_id, file.unique_id), len(self._numbers))
        path = f"{_FOLDER[kind]}/file_{number}{_suffix(file)}"
        self._paths[bot_id, path] = _OpenPath(file, self._clock() + PATH_LIFETIME)
        return path

    def file_at(self, bot_id: int, path: str) -> StoredFile | None:
        """Return the file of an open path, None once its hour is over."""
        found = self._paths.get((bot_id, path))
        return found.file if found is not None and self._clock() < found.until else None


def _suffix(file: StoredFile) -> str:
    _, dot, suffix = (file.file_name or "").rpartition(".")
    if dot and suffix.isascii() and suffix.isalnum():
        return f".{suffix}"
    return _SUFFIX_BY_MIME.get(file.mime_type or "", "")
