"""Between the index and the workers: jobs go out to the queue, reports come in."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from teltubby_bot.catalogue import Text
from teltubby_bot.placement import key_of_worker
from teltubby_bot.relay import Relay
from teltubby_bot.texts import short_id
from teltubby_bot.twins import known_and_there, still_there
from teltubby_core.domain import keys
from teltubby_core.domain.jobs import (
    CancelOrder,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobProgress,
    JobReplayed,
    SessionReport,
)
from teltubby_core.domain.records import DedupReason, Effect, Stored
from teltubby_core.domain.sidecar import METADATA_JSON, MetadataDocument
from teltubby_core.errors import ErrorCategory, InfrastructureError, PermanentError, TeltubbyError, TransientError
from teltubby_core.observability import Metrics, SkipReason
from teltubby_core.ports import ArchiveIndex, Control, EventDelivery, Events, JobQueue, ObjectStore

log = logging.getLogger(__name__)

_BATCH = 50
_EVENT_WAIT = 5.0  # seconds


class JobPublisher:
    """Brings recorded jobs to the queue. Publishing twice is harmless, forgetting is not."""

    def __init__(
        self,
        index: ArchiveIndex,
        queue: JobQueue,
        *,
        on_published: Callable[[JobMessage], None],
        on_failed: Callable[[JobFailed], None] = lambda _: None,
        relay: Relay | None = None,
    ) -> None:
        """With ``relay``, workers find the files in its channel; ``on_failed`` hears of jobs that can't get there."""
        self._index = index
        self._queue = queue
        self._relay = relay
        self._on_published = on_published
        self._on_failed = on_failed

    async def step(self) -> float | None:
        """Publish what is recorded. What can't be relayed now keeps nobody behind it from it.

        Raises:
            InfrastructureError, TransientError: some or all could not be published yet.
        """
        jobs = await self._index.unpublished_jobs(_BATCH)
        trouble: InfrastructureError | TransientError | None = None
        for job in jobs:
            try:
                ready = await self._relay.carry(job) if self._relay else job
            except PermanentError as error:
                await self._fail(job, str(error))
                continue
            except (InfrastructureError, TransientError) as error:
                trouble = trouble or error
                if _concerns_all(error):
                    break
                continue
            await self._publish(ready)
        if trouble is not None:
            raise trouble
        return 0.0 if len(jobs) == _BATCH else None

    async def _publish(self, job: JobMessage) -> None:
        await self._queue.publish(job)
        await self._index.job_published(job)
        self._on_published(job)
        log.info("%s: job %s published", job.correlation_id, job.job_id, extra=_trace(job))

    async def _fail(self, job: JobMessage, reason: str) -> None:
        log.warning("%s: job %s: %s", job.correlation_id, job.job_id, reason, extra=_trace(job))
        failed = JobFailed(
            job_id=job.job_id,
            generation=job.generation,
            at=datetime.now(UTC),
            error=reason,
            category=ErrorCategory.PERMANENT,
        )
        await self._index.apply(failed)
        self._on_failed(failed)


def _concerns_all(error: InfrastructureError | TransientError) -> bool:
    """Whether the next job would fare no better: the channel is closed, or Telegram asked to wait."""
    return isinstance(error, InfrastructureError) or error.retry_after is not None


def _trace(job: JobMessage) -> dict[str, str]:
    return {"correlation_id": job.correlation_id, "job_id": job.job_id}


@dataclass(frozen=True)
class Listeners:
    """Who is told what of reports. None of them may wait.

    Attributes:
        listened: reports can be read, whether there were any or not.
        heard: a report came, before it is taken in.
        progress: the message's record, and how far its job is.
        changed: the index has changed.
        stored: an object is new in the archive.
        alert: a kind and a text for admins.
        session: how a worker's login at Telegram is.
    """

    listened: Callable[[], None]
    heard: Callable[[JobEvent], None]
    progress: Callable[[int, JobProgress], None]
    changed: Callable[[], None]
    stored: Callable[[Stored], None]
    alert: Callable[[str, str], None]
    session: Callable[[SessionReport], None] = lambda _: None
    metrics: Metrics = field(default_factory=lambda: Metrics("bot"))


class EventReader:
    """Takes what workers report into the index, then acknowledges it."""

    def __init__(
        self, index: ArchiveIndex, events: Events, control: Control, store: ObjectStore, listeners: Listeners
    ) -> None:
        self._index = index
        self._events = events
        self._control = control
        self._store = store
        self._tell = listeners

    async def step(self) -> float:
        """Wait for one report and take it in."""
        delivery = await self._events.next(_EVENT_WAIT)
        if delivery is not None:
            await self._take(delivery)
        self._tell.listened()
        return 0.0

    async def _take(self, delivery: EventDelivery) -> None:
        if isinstance(delivery.event, SessionReport):
            if await self._index.session_reported(delivery.event):
                self._tell.session(delivery.event)
            await self._events.ack(delivery)
            return
        self._tell.heard(delivery.event)
        event = await self._seen_to(delivery.event)
        effect = await self._index.apply(event)
        await self._events.ack(delivery)
        if effect.stop is not None:
            await self._order(effect.stop)
        if effect.message is None:
            return
        if isinstance(event, JobProgress):
            self._tell.progress(effect.message, event)
            return
        await self._tell_of(event, effect)

    async def _tell_of(self, event: JobEvent, effect: Effect) -> None:
        item = await self._index.job_item(event.job_id)
        name = item.correlation_id if item else "?"
        trace = {"correlation_id": name, "job_id": event.job_id}
        log.info("%s: job %s: %s", name, event.job_id, event.kind, extra=trace)
        if effect.stored is not None:
            self._tell.stored(effect.stored)
        elif isinstance(event, JobCompleted):
            self._tell.metrics.dedup_hit(DedupReason.SHA256)
        if isinstance(event, JobFailed):
            self._count_failed(event)
        if isinstance(event, JobFailed) and event.category is not ErrorCategory.USER:
            short = short_id(event.job_id)
            self._tell.alert("dead letter", Text("alert-dead-letter", job=short, error=event.error))
        self._tell.changed()

    def _count_failed(self, event: JobFailed) -> None:
        if event.category is ErrorCategory.USER:
            self._tell.metrics.skipped(SkipReason.OVER_LIMIT)
        else:
            self._tell.metrics.item_failed(event.category)

    async def _seen_to(self, event: JobEvent) -> JobEvent:
        """Look at the bucket for what a report does not tell."""
        if isinstance(event, JobFailed):
            event = await self._rescued(event) or event
        if isinstance(event, JobCompleted):
            await self._drop_missing_twin(event)
        if isinstance(event, JobReplayed) and (item := await self._index.job_item(event.job_id)):
            await known_and_there(self._store, self._index, item.media.file_unique_id)
        return event

    async def _order(self, order: CancelOrder) -> None:
        """Tell the workers once more. If they don't hear it, their next report brings us here again."""
        log.info("job %s is not wanted any more, but a worker is at it: told to stop", order.job_id)
        try:
            await self._control.cancel(order)
        except TeltubbyError as error:
            log.warning("job %s: its worker can't be told to stop: %s", order.job_id, error)

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
