"""What is read now and then so that metrics and /status can show it: how much waits, and how full the archive is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from teltubby_bot.quota import Room
from teltubby_core.errors import TeltubbyError
from teltubby_core.observability import Metrics
from teltubby_core.ports import ArchiveIndex, Clock, JobQueue, QueueDepth

_EVERY = 10.0  # seconds


@dataclass(frozen=True)
class Gauges:
    """Reads; what can't be read is shown as absent, never as zero."""

    metrics: Metrics
    index: ArchiveIndex
    queue: JobQueue
    room: Room
    clock: Clock

    async def step(self) -> float:
        """Read all."""
        self.metrics.queue_depth(await self._depth())
        backlog = await self.index.backlog()
        self.metrics.inbox_pending(backlog.unread_updates)
        self.metrics.oldest_job_age(self._age(backlog.oldest_job_at))
        quota, usage = await self.room.state()
        self.metrics.quota_ratio(quota.ratio(usage))
        return _EVERY

    async def _depth(self) -> QueueDepth | None:
        try:
            return await self.queue.depth()
        except TeltubbyError:
            return None

    def _age(self, since: datetime | None) -> float | None:
        return None if since is None else max(self.clock.now() - since.timestamp(), 0.0)

    async def describe(self) -> Mapping[str, Any]:
        """Return the bot's part of /status: counts alone."""
        backlog, stats = await self.index.backlog(), await self.index.stats()
        quota, usage = await self.room.state()
        oldest = backlog.oldest_job_at
        return {
            "messages": stats.messages,
            "files": {
                "stored": stats.stored,
                "duplicates": stats.duplicates,
                "skipped": stats.skipped,
                "failed": stats.failed,
                "cancelled": stats.cancelled,
                "waiting": stats.waiting,
            },
            "stored_bytes": usage.stored_bytes,
            "open_job_bytes": usage.open_bytes,
            "quota_bytes": quota.limit_bytes,
            "jobs": {state.value: count for state, count in stats.jobs.items()},
            "oldest_open_job": None if oldest is None else oldest.astimezone(UTC).isoformat(timespec="seconds"),
            "updates": {"unread": backlog.unread_updates, "parked": stats.parked_updates},
        }
