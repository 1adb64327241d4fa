"""Between the index and the workers: jobs go out to the queue, reports come in."""

import logging
from collections.abc import Callable

from teltubby_bot.placement import key_of_worker
from teltubby_bot.twins import still_there
from teltubby_core.domain import keys
from teltubby_core.domain.jobs import JobCompleted, JobFailed, JobProgress
from teltubby_core.domain.sidecar import METADATA_JSON, MetadataDocument
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
        if isinstance(event, JobFailed):
            event = await self._rescued(event) or event
        if isinstance(event, JobCompleted):
            await self._drop_missing_twin(event)
        record_id = await self._index.apply(event)
        await self._events.ack(delivery)
        if record_id is None:
            return
        if isinstance(event, JobProgress):
            self._on_progress(record_id, event)
            return
        item = await self._index.job_item(event.job_id)
        log.info("%s: job %s: %s", item.correlation_id if item else "?", event.job_id, event.kind)
        self._on_change()

    async def _rescued(self, event: JobFailed) -> JobCompleted | None:
        """Return what a worker achieved that died before it could say so: metadata.json is written last.

        The next attempt may find the message deleted; the object is there and whole all the same.
        """
        item = await self._index.job_item(event.job_id)
        if item is None or item.filename is None:
            return None
        key = key_of_worker(item, item.filename)
        body = await self._store.get(keys.beside(key, METADATA_JSON))
        head = await self._store.head(key) if body else None
        if body is None or head is None:
            return None
        try:
            document = MetadataDocument.model_validate_json(body)
        except ValueError:
            return None
        if (document.job_id, document.file.size_bytes) != (event.job_id, head.size_bytes):
            return None
        log.warning("%s: job %s failed, but an earlier attempt had stored the file", item.correlation_id, event.job_id)
        return JobCompleted(
            job_id=event.job_id,
            generation=event.generation,
            at=event.at,
            key=key,
            sha256=document.file.sha256,
            size_bytes=head.size_bytes,
        )

    async def _drop_missing_twin(self, event: JobCompleted) -> None:
        """The new object becomes a duplicate only of one that is really there."""
        known = await self._index.known_hash(event.sha256)
        if known and known.key != event.key:
            await still_there(self._store, self._index, known)
