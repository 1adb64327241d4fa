"""Whether there is room for one more file, and who is told that there soon will not be."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from teltubby_bot import texts
from teltubby_core.domain.quota import Quota, Usage, nearly_full
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import ArchiveIndex, Clock

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""Between two looks at how full the archive is; what waits for room waits no longer than this after there is some."""
_REREAD_SECONDS = 600.0  # between two looks at the bucket's own quota
_STORE_SECONDS = 10.0  # for its answer

StoreQuota = Callable[[], Awaitable[int | None]]
"""Returns the bucket's own quota in bytes, None when it has none. Raises TeltubbyErrors."""


class Room:
    """The archive's room: reserved by files on their way here, taken by jobs and objects."""

    def __init__(
        self,
        index: ArchiveIndex,
        clock: Clock,
        *,
        limit_bytes: int | None,
        store_quota: StoreQuota | None,
        alert: Callable[[str, str], None],
        look_seconds: float = LOOK_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Heed ``limit_bytes``; without it what ``store_quota`` tells. ``alert`` gets a kind and a text for admins."""
        self._index = index
        self._clock = clock
        self._store_quota = store_quota if limit_bytes is None else None
        self._alert = alert
        self._now = now
        self._quota = Quota(limit_bytes)
        self._reading = asyncio.Lock()
        self._read_at: float | None = None
        self._unreadable = False
        self._reserved: dict[int, int] = {}  # bytes by item
        self._nearly_full = False
        self._last: tuple[Quota, Usage] | None = None
        self.look_seconds = look_seconds
        self.on_released: Callable[[], None] = lambda: None
        """Called when held items may be looked at again."""

    async def reserve(self, item_id: int, size_bytes: int | None) -> str | None:
        """Keep room for an item until it is freed; return why there is none, for people to read."""
        await self._read_limit()
        if self._quota.limit_bytes is None:
            return None
        usage = self._with_reserved(await self._index.usage(), item_id)
        if not self._quota.fits(usage, size_bytes):
            return texts.held(texts.archive_full(self._quota, usage, size_bytes))
        self._reserved[item_id] = size_bytes or 0
        return None

    def _with_reserved(self, usage: Usage, item_id: int | None = None) -> Usage:
        """Count what is on its way here too, but for the item in question."""
        reserved = sum(size for other, size in self._reserved.items() if other != item_id)
        return replace(usage, open_bytes=usage.open_bytes + reserved)

    def free(self, item_id: int) -> None:
        """The item has its outcome, which counts from now on; or it is not on its way any more."""
        self._reserved.pop(item_id, None)

    async def refusal(self, size_bytes: int | None) -> str | None:
        """Return why a file of this size would not fit now; None when it would."""
        quota, usage = await self.state()
        usage = self._with_reserved(usage)
        return None if quota.fits(usage, size_bytes) else texts.archive_full(quota, usage, size_bytes)

    async def state(self) -> tuple[Quota, Usage]:
        """Return the limit and what is taken of it."""
        await self._read_limit()
        return self._quota, await self._index.usage()

    async def step(self) -> float:
        """Look how full the archive is: tell admins when it nearly is, let go what waits when there is room."""
        quota, usage = await self.state()
        state = quota, self._with_reserved(usage)
        self._watch(quota, usage)
        if self._last is None or _room(*state) > _room(*self._last):
            released = await self._index.release_held(self._clock.now())
            if released:
                log.info("%d files that waited for room are looked at again", released)
                self.on_released()
        self._last = state
        return self.look_seconds

    def _watch(self, quota: Quota, usage: Usage) -> None:
        ratio = quota.ratio(usage)
        if ratio is None:
            return
        was, self._nearly_full = self._nearly_full, nearly_full(ratio, self._nearly_full)
        if self._nearly_full and not was:
            self._alert("quota", texts.nearly_full(quota, usage))

    async def _read_limit(self) -> None:
        """Learn the bucket's own quota, now and then. While it can't be read, what was read last counts."""
        if self._store_quota is None:
            return
        async with self._reading:
            if self._read_at is not None and self._now() - self._read_at < _REREAD_SECONDS:
                return
            self._read_at = self._now()
            try:
                async with asyncio.timeout(_STORE_SECONDS):
                    limit = await self._store_quota()
            except (TeltubbyError, TimeoutError) as error:
                if not self._unreadable:
                    reason = str(error) or f"no answer within {_STORE_SECONDS:g} s"
                    log.warning("the bucket's own quota can't be read, so none is known: %s", reason)
                self._unreadable = True
            else:
                self._unreadable = False
                self._quota = Quota(limit or None)


def _room(quota: Quota, usage: Usage) -> float:
    return float("inf") if quota.limit_bytes is None else quota.limit_bytes - usage.total
