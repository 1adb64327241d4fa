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


def read_object(body: bytes) -> Any:
    """Return the TL object that ``body`` consists of.

    Raises:
        UnreadableError: an unknown constructor, missing or surplus bytes.
    """
    reader = BinaryReader(body)
    try:
        found = reader.tgread_object()
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
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        plain = inflater.decompress(packed, _MAX_UNZIPPED)
    except (BufferError, struct.error, zlib.error) as error:
        raise UnreadableError("INPUT_FETCH_ERROR") from error
    if inflater.unconsumed_tail or not inflater.eof:
        raise UnreadableError("INPUT_REQUEST_TOO_LONG")
    return plain
