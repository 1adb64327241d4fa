"""Between the index and the workers: jobs go out to the queue, reports come in."""

import logging
from collections.abc import Callable

from teltubby_core.domain.jobs import JobCompleted, JobProgress
from teltubby_core.ports import ArchiveIndex, EventDelivery, Events, JobQueue, ObjectStore

log = logging.getLogger(__name__)

_BATCH = 50
_EVENT_WAIT = 5.0  # seconds


class JobPublisher:
    """Brings recorded jobs to the queue. Publishing twice is harmless, forgetting is not."""

    def __init__(self, index: ArchiveIndex, queue: JobQueue) -> None:
        self._index = index
        self._queue = queue

    async def step(self) -> float | None:
        """Publish what is recorded."""
        jobs = await self._index.unpublished_jobs(_BATCH)
        for job in jobs:
            await self._queue.publish(job)
            await self._index.job_published(job.job_id)
            log.info("%s: job %s published", job.correlation_id, job.job_id)
        return 0.0 if len(jobs) == _BATCH else None


class EventReader:
    """Takes what workers report into the index, then acknowledges it."""

    def __init__(
        self,
        index: ArchiveIndex,
        events: Events,
        store: ObjectStore,
        *,
        on_progress: Callable[[int, JobProgress], None],
        on_change: Callable[[], None],
    ) -> None:
        """Tell ``on_progress`` the message's record and the report."""
        self._index = index
        self._events = events
        self._store = store
        self._on_progress = on_progress
        self._on_change = on_change

    async def step(self) -> float:
        """Wait for one report and take it in."""
        delivery = await self._events.next(_EVENT_WAIT)
        if delivery is not None:
            await self._take(delivery)
        return 0.0

    async def _take(self, delivery: EventDelivery) -> None:
        event = delivery.event
        if isinstance(event, JobCompleted):
            await self._drop_missing_twin(event)
        record_id = await self._index.apply(event)
        await self._events.ack(delivery)
        if record_id is not None and isinstance(event, JobProgress):
            self._on_progress(record_id, event)
        elif record_id is not None:
            log.info("job %s: %s", event.job_id, event.kind)
            self._on_change()

    async def _drop_missing_twin(self, event: JobCompleted) -> None:
        """The new object becomes a duplicate only of one that is really there."""
        known = await self._index.known_hash(event.sha256)
        if known and known.key != event.key and await self._store.head(known.key) is None:
            log.error("object %s is gone from the bucket; %s takes its place", known.key, event.key)
            await self._index.forget_object(known.key)
