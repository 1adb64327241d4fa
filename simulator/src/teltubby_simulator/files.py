"""Stored files: their ids, and the file references that MTProto clients must show to download them."""

import base64
import hashlib
import hmac
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypedDict, Unpack

from teltubby_simulator.content import Content
from teltubby_simulator.model import Media, MediaKind, StickerFormat, StoredFile, ToldSize, User

ReferenceState = Literal["ok", "expired", "invalid"]

HOME_DC = 2
_MAC_SIZE = 8  # bytes
_REFERENCE = struct.Struct(">BIQ")  # version, generation, milliseconds of issue
_REFERENCE_VERSION = 1


class FileFields(TypedDict, total=False):
    """What a sender tells about a file besides its bytes."""

    mime_type: str | None
    file_name: str | None
    width: int | None
    height: int | None
    duration: int | None
    performer: str | None
    title: str | None
    emoji: str | None
    sticker_format: StickerFormat
    told_size: ToldSize


class FileStore:
    """Every file of the world. References carry their own proof, so none is remembered."""

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._secret = rng.randbytes(32)
        self._generation = 0
        self._documents: dict[int, StoredFile] = {}
        self._photos: dict[int, Media] = {}
        self._thumbs: dict[int, tuple[StoredFile, ...]] = {}  # by document id, ascending
        self.reference_lifetime: float = 3600.0  # seconds

    def new_file(self, content: Content, *, dc_id: int = HOME_DC, **fields: Unpack[FileFields]) -> StoredFile:
        """Store one file under a new document id. To send the same file again, pass it again."""
        file = StoredFile(self._new_id(), self._new_hash(), dc_id, self._unique_id(), content, **fields)
        self._documents[file.id] = file
        return file

    def make_media(
        self, kind: MediaKind, content: Content, *, dc_id: int = HOME_DC, **fields: Unpack[FileFields]
    ) -> Media:
        """Store one file and wrap it up for sending. Photos have ``make_photo``."""
        if kind == "photo":
            raise ValueError("a photo has sizes: make_photo")
        return Media(kind, (self.new_file(content, dc_id=dc_id, **fields),))

    def make_photo(
        self, sizes: list[tuple[str, int, int, Content]], dc_id: int = HOME_DC, *, told_size: ToldSize = "true"
    ) -> Media:
        """Store a photo of (type letter, width, height, content) sizes; they share one photo id and one lie."""
        if not sizes:
            raise ValueError("a photo needs at least one size")
        photo_id, hash_seed = self._new_id(), self._new_hash()
        ascending = sorted(sizes, key=lambda size: size[1] * size[2])
        media = Media(
            "photo",
            tuple(
                StoredFile(
                    photo_id,
                    hash_seed,
                    dc_id,
                    self._unique_id(),
                    content,
                    mime_type="image/jpeg",
                    width=width,
                    height=height,
                    size_type=letter,
                    told_size=told_size,
                )
                for letter, width, height, content in ascending
            ),
        )
        self._photos[photo_id] = media
        return media

    def document(self, document_id: int) -> StoredFile | None:
        """Return the file of a document id."""
        return self._documents.get(document_id)

    def photo(self, photo_id: int) -> Media | None:
        """Return the photo of a photo id, with all its sizes."""
        return self._photos.get(photo_id)

    def move(self, file_id: int, dc_id: int) -> None:
        """Let a document or a photo live at another data centre from now on. Raises KeyError for an unknown id."""
        photo = self._photos.get(file_id)
        if photo is not None:
            self._photos[file_id] = replace(photo, files=tuple(replace(each, dc_id=dc_id) for each in photo.files))
            return
        self._documents[file_id] = replace(self._documents[file_id], dc_id=dc_id)
        self._thumbs[file_id] = tuple(replace(each, dc_id=dc_id) for each in self.thumbs(file_id))

    def add_thumb(self, file: StoredFile, letter: str, width: int, height: int, content: Content) -> StoredFile:
        """Give a document a thumbnail, which shares the document's id and references."""
        thumb = StoredFile(
            file.id,
            file.hash_seed,
            file.dc_id,
            self._unique_id(),
            content,
            mime_type="image/jpeg",
            width=width,
            height=height,
            size_type=letter,
        )
        self._thumbs[file.id] = (*self.thumbs(file.id), thumb)
        return thumb

    def thumbs(self, document_id: int) -> tuple[StoredFile, ...]:
        """Return a document's thumbnails."""
        return self._thumbs.get(document_id, ())

    def issue_reference(self, file: StoredFile, viewer: User, now: float | None = None) -> bytes:
        """Return a file reference as ``viewer``'s messages carry it, good for ``reference_lifetime`` from ``now``."""
        issued = self._clock() if now is None else now
        head = _REFERENCE.pack(_REFERENCE_VERSION, self._generation, int(issued * 1000))
        return head + self._mac(file, viewer, head)

    def check_reference(self, file: StoredFile, viewer: User, reference: bytes) -> ReferenceState:
        """Judge a reference: one not issued for this very file and account is invalid, whatever its age."""
        head, mac = reference[: _REFERENCE.size], reference[_REFERENCE.size :]
        if len(head) < _REFERENCE.size or not hmac.compare_digest(mac, self._mac(file, viewer, head)):
            return "invalid"
        _, generation, issued = _REFERENCE.unpack(head)
        too_old = self._clock() - issued / 1000 > self.reference_lifetime
        return "expired" if too_old or generation < self._generation else "ok"

    def expire_references(self) -> None:
        """Make every reference issued so far an expired one; new ones are good."""
        self._generation += 1

    def _mac(self, file: StoredFile, viewer: User, head: bytes) -> bytes:
        message = struct.pack(">qq", file.id, viewer.id) + head
        return hmac.digest(self._secret, message, hashlib.sha256)[:_MAC_SIZE]

    def _new_id(self) -> int:
        return (5 << 60) | self._rng.getrandbits(60)

    def _new_hash(self) -> int:
        return self._rng.randint(-(2**63), 2**63 - 1)

    def _unique_id(self) -> str:
        return "AgAD" + base64.urlsafe_b64encode(self._rng.randbytes(8)).decode().rstrip("=")
