"""Reading TL objects that come from a client: every byte must be accounted for, and nothing may grow without bound."""

import struct
import zlib
from typing import Any

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader

GZIP_PACKED = 0x3072CFA1
_MAX_UNZIPPED = 16 << 20  # bytes
_GZIP_WINDOW = 31  # zlib's sign for the gzip format


class UnreadableError(ValueError):
    """Bytes that are no TL object, or more than one. ``name`` is Telegram's word for the refusal."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Reader(BinaryReader):
    """Reads packed objects wherever they stand, within bounds; the reader it is made of knows none."""

    def tgread_object(self) -> Any:
        start = self.tell_position()
        if self.read_int(signed=False) == GZIP_PACKED:
            return read_object(_inflate(self.tgread_bytes()))
        self.set_position(start)
        return super().tgread_object()


def read_object(body: bytes) -> Any:
    """Return the TL object that ``body`` consists of.

    Raises:
        UnreadableError: an unknown constructor, missing or surplus bytes.
    """
    reader = _Reader(body)
    try:
        found = reader.tgread_object()
    except UnreadableError:
        raise
    except TypeNotFoundError as error:
        raise UnreadableError(f"INPUT_METHOD_INVALID_{error.invalid_constructor_id}") from error
    except (BufferError, struct.error, TypeError, ValueError, RuntimeError, LookupError) as error:
        raise UnreadableError("INPUT_FETCH_ERROR") from error
    if reader.tell_position() != len(body):
        raise UnreadableError("INPUT_REQUEST_TOO_LONG")
    return found


def unzip(body: bytes) -> bytes:
    """Return what gzip_packed contains, or ``body`` itself if it is none.

    Raises:
        UnreadableError: damaged, or larger than a client may send.
    """
    if int.from_bytes(body[:4], "little") != GZIP_PACKED:
        return body
    try:
        packed = BinaryReader(body[4:]).tgread_bytes()
    except (BufferError, struct.error) as error:
        raise UnreadableError("INPUT_FETCH_ERROR") from error
    return _inflate(packed)


def _inflate(packed: bytes) -> bytes:
    try:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        plain = inflater.decompress(packed, _MAX_UNZIPPED)
    except zlib.error as error:
        raise UnreadableError("INPUT_FETCH_ERROR") from error
    if inflater.unconsumed_tail or not inflater.eof:
        raise UnreadableError("INPUT_REQUEST_TOO_LONG")
    return plain
