"""Waiting for a change made in this process: nobody polls, nobody waits without a limit."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_SHORTEST_PAUSE = 0.005
"""Seconds; keeps a clock that lags behind the event loop's from turning a pause into a busy loop."""


class Wakeup:
    """Wakes every waiter at once when something changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Let every waiter look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def poll(self, look: Callable[[], Awaitable[tuple[T | None, float | None]]], timeout: float) -> T | None:
        """Call ``look`` until it finds something: now, after each ``notify`` and after the pause it asked for.

        ``look`` returns what it found, or None and the seconds after which another look is worth it (None: only
        after a change). It is called at least once; None is returned after ``timeout`` seconds.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            # taken before the look: a change that happens during it must end the wait that follows
            changed = self._changed
            found, pause = await look()
            left = deadline - loop.time()
            if found is not None or left <= 0:
                return found
            limit = left if pause is None else min(left, max(pause, _SHORTEST_PAUSE))
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await changed.wait()
