"""What files consist of: bytes in memory, or a function of seed and offset that needs neither disk nor memory."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16  # bytes of one AES block


class Content(Protocol):
    """The bytes of a file."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer at the end, none behind it."""
        ...


@dataclass(frozen=True)
class BytesContent:
    """A small file, held in memory."""

    payload: bytes

    @property
    def size(self) -> int:
        return len(self.payload)

    def read(self, offset: int, length: int) -> bytes:
        return self.payload[offset : offset + length]


@dataclass(frozen=True)
class SeededContent:
    """A file of any size behind an optional real header: AES-CTR keystream of ``seed``, so any offset is at hand.

    The keystream passes for encoded video: it does not compress and no two seeds share a block.
    """

    seed: str
    size: int
    header: bytes = b""

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        head = self.header[offset:end]
        return head + self._keystream(offset + len(head), end)

    def _keystream(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        first = start // _BLOCK
        key = hashlib.sha256(self.seed.encode()).digest()[:16]
        encryptor = Cipher(algorithms.AES(key), modes.CTR(first.to_bytes(_BLOCK, "big"))).encryptor()
        skip = start - first * _BLOCK
        return encryptor.update(bytes(end - first * _BLOCK))[skip:]


def sha256_of(content: Content, block: int = 1 << 20) -> str:
    """Return the hex sha256 of a content, read in blocks of ``block`` bytes."""
    digest = hashlib.sha256()
    for offset in range(0, content.size, block):
        digest.update(content.read(offset, block))
    return digest.hexdigest()
