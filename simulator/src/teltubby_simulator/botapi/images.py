"""As much of image files as Telegram's checks of photos need: whether it is one, and how large its picture is."""

import struct

_JPEG_SIZES = frozenset({0xC0, 0xC1, 0xC2, 0xC3})  # markers of the frame header
_LONGEST_SIDES = 10_000  # width and height together; core.telegram.org/bots/api#sendphoto
_STEEPEST = 20  # ratio of the sides


def picture_size(payload: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG, PNG, GIF or BMP; None for anything else, and for a broken one."""
    try:
        if payload.startswith(b"\x89PNG\r\n\x1a\n"):
            return _two(">II", payload, 16)
        if payload[:6] in (b"GIF87a", b"GIF89a"):
            return _two("<HH", payload, 6)
        if payload.startswith(b"BM"):
            return _two("<ii", payload, 18)
        return _jpeg_size(payload) if payload.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def has_good_sides(width: int, height: int) -> bool:
    """Tell whether Telegram takes a photo of these sides."""
    short, long = sorted((width, height))
    return short > 0 and short + long <= _LONGEST_SIDES and long <= short * _STEEPEST


def _jpeg_size(payload: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(payload) and payload[position] == 0xFF:
        marker, length = payload[position + 1], struct.unpack_from(">H", payload, position + 2)[0]
        if marker in _JPEG_SIZES:
            height, width = _two(">HH", payload, position + 5)
            return width, height
        position += 2 + length
    return None


def _two(form: str, payload: bytes, offset: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, payload, offset)
    return first, second
