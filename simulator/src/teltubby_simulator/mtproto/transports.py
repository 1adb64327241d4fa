"""How MTProto packets are cut out of a TCP stream: full, abridged, intermediate, padded intermediate, obfuscated.

The first bytes of a connection tell which one the client speaks. Nothing here knows what a packet contains.
Sources: core.telegram.org/mtproto/mtproto-transports and .../transport-obfuscation.
"""

import asyncio
import os
import secrets
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

MAX_PACKET = 2 << 20  # bytes; the largest thing a client has to send is a 512 KiB part in its envelope
_QUICK_ACK = 1 << 31  # set in a length by clients that would like a quick acknowledgement; they do without
_ABRIDGED = b"\xef"
_INTERMEDIATE = b"\xee" * 4
_PADDED = b"\xdd" * 4
_FOREIGN = (b"GET ", b"POST", b"HEAD", b"OPTI", b"PVrG", b"\x16\x03\x01\x02")  # HTTP and TLS


class TransportError(Exception):
    """The client does not keep to the transport it chose; only closing the connection is left."""


class Inbound(asyncio.StreamReader):
    """A stream reader that tells at once that the peer has closed, even while unread bytes wait."""

    ended = False

    def feed_eof(self) -> None:
        self.ended = True
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self.ended = True
        super().set_exception(exc)


class Stream:
    """The bytes of one connection, with the outer cipher of obfuscated transports when there is one."""

    def __init__(self, reader: Inbound, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decrypt: CipherContext | None = None
        self._encrypt: CipherContext | None = None

    async def read(self, size: int) -> bytes:
        raw = await self.reader.readexactly(size)
        return self._decrypt.update(raw) if self._decrypt else raw

    def write(self, parts: Sequence[bytes]) -> None:
        """Queue ``parts`` for sending, without joining them first."""
        for part in parts:
            self.writer.write(self._encrypt.update(part) if self._encrypt else part)

    def obfuscate(self, header: bytes) -> bytes:
        """Start both ciphers from the client's 64 bytes and return these decrypted."""
        backwards = header[8:56][::-1]
        self._decrypt = _ctr(header[8:40], header[40:56])
        self._encrypt = _ctr(backwards[:32], backwards[32:])
        return self._decrypt.update(header)


class Transport(ABC):
    """Packets on a stream. ``padded`` transports leave up to 15 odd bytes behind a packet's content."""

    padded = False

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @abstractmethod
    async def read(self) -> bytes:
        """Return the next packet.

        Raises:
            TransportError: what came is no packet of this transport.
            asyncio.IncompleteReadError: the client has closed the connection.
        """

    @abstractmethod
    def frame(self, parts: Sequence[bytes]) -> list[bytes]:
        """Return the pieces to send for one packet that consists of ``parts``."""

    def write(self, parts: Sequence[bytes]) -> None:
        """Queue one packet; ``parts`` are not joined, so that a megabyte is not copied for its header."""
        self._stream.write(self.frame(parts))

    def write_cut(self, parts: Sequence[bytes], size: int) -> None:
        """Queue only the first ``size`` bytes of a packet, as a connection that breaks in the middle would."""
        whole = b"".join(self.frame(parts))
        self._stream.write([whole[:size]])

    async def _body(self, length: int) -> bytes:
        if not 0 < length <= MAX_PACKET:
            raise TransportError(f"packet of {length} bytes")
        return await self._stream.read(length)


class FullTransport(Transport):
    """Length, sequence number, content, CRC32. Sequence numbers count packets of each direction from 0."""

    def __init__(self, stream: Stream, first_header: bytes) -> None:
        super().__init__(stream)
        self._header = first_header
        self._received = 0
        self._sent = 0

    async def read(self) -> bytes:
        header = self._header or await self._stream.read(8)
        self._header = b""
        length, sequence = struct.unpack("<ii", header)
        if length < 16 or length % 4:
            raise TransportError(f"full packet of {length} bytes")
        if sequence != self._received:
            raise TransportError(f"sequence number {sequence} instead of {self._received}")
        rest = await self._body(length - 8)
        content = rest[:-4]
        if crc32(content, crc32(header)) != int.from_bytes(rest[-4:], "little"):
            raise TransportError("wrong CRC32")
        self._received += 1
        return content

    def frame(self, parts: Sequence[bytes]) -> list[bytes]:
        header = struct.pack("<ii", sum(map(len, parts)) + 12, self._sent)
        self._sent += 1
        checksum = crc32(header)
        for part in parts:
            checksum = crc32(part, checksum)
        return [header, *parts, struct.pack("<I", checksum)]


class AbridgedTransport(Transport):
    """Length in words: one byte, or 0x7f and three bytes."""

    async def read(self) -> bytes:
        words = (await self._stream.read(1))[0] & 0x7F
        if words == 0x7F:
            words = int.from_bytes(await self._stream.read(3), "little")
        return await self._body(words * 4)

    def frame(self, parts: Sequence[bytes]) -> list[bytes]:
        words = sum(map(len, parts)) // 4
        header = bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
        return [header, *parts]


class IntermediateTransport(Transport):
    """Length in four bytes."""

    async def read(self) -> bytes:
        length = int.from_bytes(await self._stream.read(4), "little") & ~_QUICK_ACK
        if length % 4 and not self.padded:
            raise TransportError(f"intermediate packet of {length} bytes")
        return await self._body(length)

    def frame(self, parts: Sequence[bytes]) -> list[bytes]:
        return [sum(map(len, parts)).to_bytes(4, "little"), *parts]


class PaddedTransport(IntermediateTransport):
    """Intermediate, with random bytes behind each packet to hide its length."""

    padded = True

    def frame(self, parts: Sequence[bytes]) -> list[bytes]:
        # Clients may drop up to 15 bytes; some drop the rest modulo 4 only, so never more than 3 are sent.
        return super().frame([*parts, os.urandom(secrets.randbelow(4))])


_BY_TAG: dict[bytes, Callable[[Stream], Transport]] = {
    _ABRIDGED * 4: AbridgedTransport,
    _INTERMEDIATE: IntermediateTransport,
    _PADDED: PaddedTransport,
}


def _ctr(key: bytes, initial: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(initial)).encryptor()


async def accept_transport(stream: Stream) -> Transport:
    """Read the first bytes of a connection and return the transport that they announce.

    Raises:
        TransportError: no MTProto client starts like this.
        asyncio.IncompleteReadError: the client left before it had said enough.
    """
    start = await stream.read(1)
    if start == _ABRIDGED:
        return AbridgedTransport(stream)
    start += await stream.read(3)
    if start in (_INTERMEDIATE, _PADDED):
        return _BY_TAG[start](stream)
    if start in _FOREIGN:
        raise TransportError("HTTP or TLS instead of MTProto")
    start += await stream.read(4)
    if start[4:] == bytes(4):  # the sequence number of a first full packet; obfuscated headers avoid it
        return FullTransport(stream, start)
    header = stream.obfuscate(start + await stream.read(56))
    chosen = _BY_TAG.get(header[56:60])
    if chosen is None:
        raise TransportError("obfuscated header without a known protocol tag")
    return chosen(stream)
