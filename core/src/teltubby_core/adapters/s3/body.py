"""The bytes of one part: collected, then on their way to the server, checked, and to be stopped in the middle."""

import base64
import mmap
import threading
import time
import zlib

_BLOCK = 256 * 1024
SLOWEST = 32 * 1024
"""Bytes a second: a server that takes less is as good as gone."""


class Part:
    """Room for one part, of which memory counts only what is filled.

    It comes from the system and goes back there whole. Buffers that grow would leave holes in the heap, half as much
    again as they hold.
    """

    def __init__(self, size: int) -> None:
        self._room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._filled = 0

    def __len__(self) -> int:
        return self._filled

    @property
    def full(self) -> bool:
        """Whether it takes no more."""
        return self._filled == len(self._room)

    @property
    def content(self) -> memoryview:
        """What it holds."""
        return memoryview(self._room)[: self._filled]

    def empty(self) -> None:
        """Begin anew, in the same memory."""
        self._filled = 0

    def take(self, given: memoryview) -> int:
        """Copy as many bytes as fit, and return how many."""
        count = min(len(given), len(self._room) - self._filled)
        self._room[self._filled : self._filled + count] = given[:count]
        self._filled += count
        return count


class Body:
    """A part as the file that boto3 wants. Each read looks whether it should still go on."""

    def __init__(self, content: memoryview, stop: threading.Event, silence: float) -> None:
        """Begin to send: reads fail once ``stop`` is set, or it took longer than the slowest rate and ``silence``."""
        self._content = content
        self._stop = stop
        self._at = 0
        self._deadline = time.monotonic() + silence + len(content) / SLOWEST

    def __len__(self) -> int:
        return len(self._content)

    def read(self, size: int = -1) -> memoryview:
        """Return the next bytes, of a small ``size`` more than asked for.

        urllib3 sends what it gets, but asks for 16 KiB at a time, which costs it a fifth of its speed.

        Raises:
            InterruptedError: nobody wants it sent any more.
            TimeoutError: it takes too long.
        """
        if self._stop.is_set():
            raise InterruptedError("ended by whoever began it")
        if time.monotonic() > self._deadline:
            raise TimeoutError(f"took less than {SLOWEST // 1024} KiB/s")
        end = len(self._content) if size < 0 else self._at + max(size, _BLOCK)
        block = self._content[self._at : end]
        self._at += len(block)
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as files do."""
        base = {0: 0, 1: self._at, 2: len(self._content)}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return where we are."""
        return self._at


def crc32(content: bytes | memoryview) -> str:
    """Return the checksum in the form that S3 wants: base64 of four bytes, big-endian."""
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode("ascii")
