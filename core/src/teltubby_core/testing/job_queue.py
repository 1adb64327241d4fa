"""A job queue in memory."""

from dataclasses import dataclass, replace
from itertools import count

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import Clock, Delivery, QueueDepth
from teltubby_core.wakeup import Wakeup


@dataclass(frozen=True)
class _Entry:
    tag: int  # also its age
    job: JobMessage
    available_at: float
    redeliveries: int = 0
    held: bool = False
    dead_reason: str | None = None

    @property
    def ready(self) -> bool:
        return not self.held and self.dead_reason is None

    @property
    def rank(self) -> tuple[int, int]:
        return (-self.job.job_metadata.priority.level, self.tag)


class MemoryJobQueue:
    """Keeps jobs in a dict.

    Attributes:
        fail_with: when set, every call raises it, as when the broker is down.
    """

    def __init__(self, clock: Clock) -> None:
        self.fail_with: TeltubbyError | None = None
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._tags = count(1)
        self._wakeup = Wakeup()

    @property
    def dead_letters(self) -> dict[str, str]:
        """The reason for each dead letter, by job_id."""
        return {job_id: e.dead_reason for job_id, e in self._entries.items() if e.dead_reason is not None}

    async def recover(self) -> int:
        """Free every job in somebody's hands, as if all holders had died; return how many."""
        self._fail()
        held = [entry for entry in self._entries.values() if entry.held]
        for entry in held:
            self._set(replace(entry, held=False, redeliveries=entry.redeliveries + 1))
        return len(held)

    async def publish(self, job: JobMessage) -> None:
        """Queue a job unless it waits or runs in this generation or a later one."""
        self._fail()
        entry = self._entries.get(job.job_id)
        if entry is None or entry.dead_reason is not None or entry.job.generation < job.generation:
            self._set(_Entry(next(self._tags), job, self._clock.now()))

    async def fetch(self, timeout: float) -> Delivery | None:
        """Wait for a job."""
        return await self._wakeup.poll(self._claim, timeout)

    async def ack(self, delivery: Delivery) -> None:
        """Forget the job."""
        if self._held(delivery):
            del self._entries[delivery.job.job_id]

    async def retry(self, delivery: Delivery, job: JobMessage, delay: float) -> None:
        """Queue ``job`` in place of the delivered one."""
        if entry := self._held(delivery):
            self._set(_Entry(next(self._tags), job, self._clock.now() + delay, entry.redeliveries))

    async def give_back(self, delivery: Delivery) -> None:
        """Queue it again unchanged."""
        if entry := self._held(delivery):
            self._set(replace(entry, tag=next(self._tags), held=False))

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put it aside."""
        if entry := self._held(delivery):
            self._set(replace(entry, held=False, dead_reason=reason))

    async def stop_fetching(self) -> None:
        """Nothing is brought here ahead of a fetch."""

    async def depth(self) -> QueueDepth:
        """Count."""
        self._fail()
        entries = self._entries.values()
        held, dead = sum(e.held for e in entries), len(self.dead_letters)
        return QueueDepth(ready=len(entries) - held - dead, unacknowledged=held, dead=dead)

    async def _claim(self) -> tuple[Delivery | None, float | None]:
        self._fail()
        now = self._clock.now()
        ready = [entry for entry in self._entries.values() if entry.ready]
        due = [entry for entry in ready if entry.available_at <= now]
        if not due:
            return None, min((entry.available_at - now for entry in ready), default=None)
        first = min(due, key=lambda entry: entry.rank)
        self._entries[first.job.job_id] = replace(first, held=True)
        return Delivery(first.job, first.redeliveries, first.tag), None

    def _held(self, delivery: Delivery) -> _Entry | None:
        self._fail()
        entry = self._entries.get(delivery.job.job_id)
        return entry if entry and entry.held and entry.tag == delivery.tag else None

    def _set(self, entry: _Entry) -> None:
        self._entries[entry.job.job_id] = entry
        self._wakeup.notify()

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with
