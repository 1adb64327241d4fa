"""What a Bot API file_id names. The first ids are public examples; other decoders read the same from them."""

import base64
import struct

import pytest

from teltubby_worker.mtproto.file_id import FileName, decode

_REFERENCE = 1 << 25


def file_id(
    kind: int,
    number: int,
    *tail: bytes,
    reference: bytes | None = b"\x01\x00\x00\x02",
    sub_version: int = 54,
    version: int = 4,
) -> str:
    """Write a file_id as TDLib does."""
    record = struct.pack("<ii", kind | (0 if reference is None else _REFERENCE), 2)
    if reference is not None:
        length = bytes([len(reference)]) if len(reference) < 254 else b"\xfe" + len(reference).to_bytes(3, "little")
        record += length + reference + bytes(-(len(length) + len(reference)) % 4)
    record += struct.pack("<qq", number, -5) + b"".join(tail) + bytes([sub_version, version])
    return base64.urlsafe_b64encode(packed(record)).decode().rstrip("=")


def packed(record: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(record):
        zeros = 0
        while at + zeros < len(record) and record[at + zeros] == 0 and zeros < 255:
            zeros += 1
        out += bytes([0, zeros]) if zeros else record[at : at + 1]
        at += zeros or 1
    return bytes(out)


def size(letter: str, source: int = 1, kind: int = 2) -> bytes:
    return struct.pack("<iii", source, kind, ord(letter))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("CAACAgIAAxkBAAIEol9yQhBqFnT4HXldAh31a-hYXuDIAAIECwACAoujAAFFn1sl9AABHbkbBA", 46033261910035204),
        ("CAACAgQAAxkDAAJEsl44nl3yxPZ8biI8uhaA7rbQceOSAAKtAQACsTisUXvMEbVnTuQkGAQ", 5885141145926762925),
    ],
)
def test_known_ids_of_stickers(text: str, number: int) -> None:
    assert decode(text) == FileName(number, is_photo=False)


@pytest.mark.parametrize("kind", [3, 4, 5, 8, 9, 10, 13])
@pytest.mark.parametrize("reference", [None, b"", b"r" * 20, b"r" * 253, b"r" * 254, bytes(300)])
def test_every_kind_of_document_with_any_reference(kind: int, reference: bytes | None) -> None:
    assert decode(file_id(kind, -(2**62) - 7, reference=reference)) == FileName(-(2**62) - 7, is_photo=False)


def test_a_photo_with_its_size() -> None:
    assert decode(file_id(2, 77, size("y"))) == FileName(77, is_photo=True, size_letter="y")


@pytest.mark.parametrize(
    ("tail", "sub_version"), [(size("y"), 31), (size("y", source=0), 54), (size("\x00"), 54), (b"", 54), (b"1234", 54)]
)
def test_a_photo_whose_size_can_not_be_told(tail: bytes, sub_version: int) -> None:
    assert decode(file_id(2, 77, tail, sub_version=sub_version)) == FileName(77, is_photo=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f",
        "bot-api-file-id",
        "ünicode",
        "AgACAgI" + "A" * 64,
        "BQACAgIw-not base64!",
        file_id(5, 1, version=3),
        file_id(1, 1),  # a profile photo
        file_id(5, 1, b"more"),
        file_id(5 | 1 << 24, 1),  # lies on the web
        file_id(5, 1)[:20],
        file_id(5, 1, reference=b"r" * 40)[:30],
    ],
)
def test_what_can_not_be_read_names_nothing(text: str) -> None:
    assert decode(text) is None
