"""Closes albums when their window is over, but none before all that waited at Telegram has come in."""

import asyncio
from collections.abc import Callable

from teltubby_core.ports import ArchiveIndex, Clock, Inbox

_LOOK_AGAIN = 0.5  # seconds


class AlbumCloser:
    """After a crash the rest of an album may still wait at Telegram or in the inbox: the first close waits for both."""

    def __init__(
        self,
        index: ArchiveIndex,
        inbox: Inbox,
        clock: Clock,
        *,
        caught_up: asyncio.Event,
        on_closed: Callable[[], None],
    ) -> None:
        self._index = index
        self._inbox = inbox
        self._clock = clock
        self._caught_up = caught_up
        self._on_closed = on_closed
        self._started = False

    async def step(self) -> float | None:
        """Close what is due; return the seconds until the next album is."""
        if not self._started:
            if not self._caught_up.is_set() or await self._inbox.pending(1):
                return _LOOK_AGAIN
            self._started = True
        if await self._index.close_due(self._clock.now()):
            self._on_closed()
        next_close = await self._index.next_close()
        return None if next_close is None else max(next_close - self._clock.now(), 0.01)
