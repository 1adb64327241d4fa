"""A file at Telegram that lies in memory and can break off or stall on request."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

_CHUNK = 64 * 1024


class MemorySource:
    """Yields ``content``: bytes are cut into chunks, a sequence of chunks is handed out as it is.

    With ``error`` the first ``at`` bytes come and then it is raised; with ``stalls`` nothing comes after them.
    ``told`` is the size it tells once it is open.

    Attributes:
        opened: how often ``chunks()`` was started.
        closed: how often such an iteration ended, in whatever way.
    """

    def __init__(
        self,
        content: bytes | Sequence[bytes],
        error: Exception | None = None,
        at: int = 0,
        *,
        stalls: bool = False,
        told: int | None = None,
    ) -> None:
        self._chunks = _cut(content) if isinstance(content, bytes) else list(content)
        self._error = error
        self._stalls = stalls
        self._told = told
        self._limit = at if error or stalls else sum(map(len, self._chunks))
        self.opened = 0
        self.closed = 0

    def told_size(self) -> int | None:
        """Return ``told`` once it is open."""
        return self._told if self.opened else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes in order."""
        self.opened += 1
        try:
            if self._told is not None:
                yield b""
            for chunk in self._up_to_limit():
                await asyncio.sleep(0)  # like a network: others run between two chunks
                yield chunk
            if self._stalls:
                await asyncio.get_running_loop().create_future()
            if self._error:
                raise self._error
        finally:
            self.closed += 1

    def _up_to_limit(self) -> Iterator[bytes]:
        left = self._limit
        for chunk in self._chunks:
            if left <= 0:
                return
            yield chunk[:left]
            left -= len(chunk)


def _cut(content: bytes) -> list[bytes]:
    return [content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK)]
