"""Which file a Bot API file_id names. Pure, and tolerant: what can't be read names nothing.

A file_id is url-safe base64 of a binary record in which each run of zero bytes is packed to a zero and its length.
The record, little-endian, as TDLib writes it (FileLocation.hpp, PhotoSizeSource.hpp): kind and flags, data centre,
file reference when flagged, id, access hash; of photos also which size; at the end a version.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

_WEB = 1 << 24
_REFERENCE = 1 << 25
_PHOTO = 2
_DOCUMENTS = frozenset({3, 4, 5, 8, 9, 10, 13, 17})  # voice, video, document, sticker, audio, animation, note, file
_VERSION = 4
_PHOTOS_WITHOUT_VOLUME = 32  # sub-version since which a photo's size follows its access hash
_SIZE_OF_PHOTO = 1  # the size is one of the photo's own; other sources are of chats and sticker sets


@dataclass(frozen=True)
class FileName:
    """A document's or photo's id at Telegram. ``size_letter`` is a photo's size type (``photoSize.type``)."""

    id: int
    is_photo: bool
    size_letter: str | None = None


def decode(file_id: str) -> FileName | None:
    """Return what a file_id names, None when it is in no form known here."""
    try:
        return _read(_unpacked(base64.b64decode(file_id + "=" * (-len(file_id) % 4), b"-_", validate=True)))
    except (binascii.Error, struct.error, ValueError, IndexError):
        return None


def _unpacked(packed: bytes) -> bytes:
    record = bytearray()
    numbers = iter(packed)
    for number in numbers:
        record += bytes(next(numbers, 0)) if number == 0 else bytes([number])
    return bytes(record)


def _read(record: bytes) -> FileName | None:
    if record[-1] != _VERSION:
        return None
    sub_version, fields = record[-2], record[:-2]
    kind, _dc_id = struct.unpack_from("<ii", fields)
    at = 8
    if kind & _WEB:
        return None
    if kind & _REFERENCE:
        at += _length_of_bytes(fields, at)
    kind &= ~_REFERENCE
    number, _access_hash = struct.unpack_from("<qq", fields, at)
    at += 16
    if kind == _PHOTO:
        return FileName(number, is_photo=True, size_letter=_letter(fields[at:], sub_version))
    return FileName(number, is_photo=False) if kind in _DOCUMENTS and at == len(fields) else None


def _length_of_bytes(fields: bytes, at: int) -> int:
    """Return how long a TL byte string is, with its length and padding."""
    short = fields[at] < 254
    length = 1 + fields[at] if short else 4 + int.from_bytes(fields[at + 1 : at + 4], "little")
    return length + -length % 4


def _letter(tail: bytes, sub_version: int) -> str | None:
    if sub_version < _PHOTOS_WITHOUT_VOLUME or len(tail) != 12:
        return None
    source, kind, letter = struct.unpack("<iii", tail)
    return chr(letter) if (source, kind) == (_SIZE_OF_PHOTO, _PHOTO) and 0 < letter < 128 else None
