"""Small tasks that nobody waits for: so many at once, the others are left out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Background:
    """Runs them. Each sees to its own errors."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether there is no room for another."""
        return len(self._tasks) >= self._most

    @property
    def idle(self) -> bool:
        """Whether none is under way."""
        return not self._tasks

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> bool:
        """Begin ``work`` unless too many are under way; tell whether it was begun."""
        if self.full:
            return False
        task = asyncio.create_task(work(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def stop(self) -> None:
        """Leave what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
