"""Whether the store can be used, for readiness: asked every few seconds, for as long as a service runs."""

import time
from collections.abc import Callable
from typing import Protocol

WRITE_EVERY = 60.0
"""Seconds. Reading is tried each time; writing, of which S3 makes a dearer kind of request, only so often."""


class Checked(Protocol):
    """A store that can be tried."""

    async def check(self, *, write: bool = False) -> None:
        """Raise what is wrong; leave nothing."""
        ...


class StoreProbe:
    """Tries to write at first, again and again until that works, and from then on now and then."""

    def __init__(self, store: Checked, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` never goes back."""
        self._store = store
        self._now = now
        self._written_at: float | None = None

    async def __call__(self) -> None:
        """Try.

        Raises:
            TeltubbyError: what is wrong and what to do about it.
        """
        write = self._written_at is None or self._now() - self._written_at >= WRITE_EVERY
        if write:
            self._written_at = None
        await self._store.check(write=write)
        if write:
            self._written_at = self._now()
