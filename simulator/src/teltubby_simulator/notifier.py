"""One wake-up call for everybody who waits for the world to change: long polls, the control API, tests."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Notifier:
    """A condition variable whose ``notify`` needs no await, so that plain methods of the world can call it.

    Nothing is bound to an event loop before somebody waits.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake everybody who waits; each looks for itself whether its condition has come true."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait_for(self, condition: Callable[[], T], timeout: float | None = None) -> T:
        """Return the first truthy result of ``condition``, looked at now and after every change.

        Raises:
            TimeoutError: it stayed falsy for ``timeout`` seconds of real time.
        """
        async with asyncio.timeout(timeout):
            while not (result := condition()):
                await self._next_change()
        return result

    async def _next_change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
