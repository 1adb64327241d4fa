"""One job, from its delivery to its outcome. Each step may run twice and gives the same result.

    whose bucket?  another bot's: the worker ends, the job goes back as it came
    JobStarted → archive → metadata.json → JobCompleted → ack          what happens, in this order
    transient      JobRetrying(transient) → queued again with retry_count + 1, after max_retries dead-lettered
    told to wait   JobRetrying(transient) → queued again unchanged, for when Telegram wants to be asked again
    permanent      JobFailed → dead letter
    over the limit JobFailed(user) → ack                               skipped by rule: nothing there to mend
    our own house  JobRetrying(system)    → queued again unchanged, after a pause that grows to a minute
    taken back     JobRetrying(system)    → nothing: the queue has it already
    cancelled      JobCancelled → ack; nothing is left in the bucket

An event goes out before the queue lets go of the job: whoever dies in between leaves a job that runs again,
never one that nobody reports.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from teltubby_core.archiving import Archived, Target, archive_item
from teltubby_core.documents import JSON_TYPE, encode
from teltubby_core.domain import keys
from teltubby_core.domain.jobs import (
    MAX_REDELIVERIES,
    CancelOrder,
    JobCancelled,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobRetrying,
    JobStarted,
    retry_delay,
)
from teltubby_core.domain.media import content_type
from teltubby_core.domain.routing import Route, over_limit
from teltubby_core.domain.sidecar import METADATA_JSON, metadata_document
from teltubby_core.errors import (
    ConfigurationError,
    InfrastructureError,
    OverLimitError,
    PermanentError,
    TeltubbyError,
    TransientError,
    UserError,
)
from teltubby_core.logs import tracing
from teltubby_core.observability import Metrics
from teltubby_core.ports import Clock, Delivery, Events, JobQueue, ObjectStore
from teltubby_worker.interruption import Attempt, Attempts, JobCancelledError
from teltubby_worker.ports import Telegram
from teltubby_worker.progress import Progress
from teltubby_worker.tracing import label, trace, utc

log = logging.getLogger(__name__)

PAUSE_CEILING = 60.0  # seconds between two tries while our own house is not in order
_PAUSE_BASE = 1.0


@dataclass(frozen=True)
class Surroundings:
    """What a job is done with.

    ``ensure_bucket`` raises InfrastructureError while it is not known whose bucket and index these are, and
    ConfigurationError when they are another bot's. ``stall_timeout``: seconds without a byte that end a transfer,
    floods included. Files over ``max_file_bytes`` are refused, None takes all.
    """

    queue: JobQueue
    events: Events
    store: ObjectStore
    telegram: Telegram
    clock: Clock
    worker: str
    ensure_bucket: Callable[[], Awaitable[None]]
    stall_timeout: float
    max_file_bytes: int | None = None
    metrics: Metrics = field(default_factory=lambda: Metrics("worker"))


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures of our own house in a row."""
    return min(_PAUSE_BASE * 2.0 ** min(failures, 16), PAUSE_CEILING)


class JobHandler:
    """Does jobs, any number side by side."""

    def __init__(self, surroundings: Surroundings, jitter: Callable[[], float] = random.random) -> None:
        """``jitter`` returns numbers in 0–1, so that workers which failed together don't return together."""
        self._with = surroundings
        self._jitter = jitter
        self._house_failures = 0
        self._attempts = Attempts()
        self._in_hand: list[str] = []
        self._telling: dict[str, float] = {}

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs in our hands."""
        return list(self._in_hand)

    @property
    def unheard(self) -> float:
        """Seconds for which every job in our hands has only tried to tell what became of it; 0 while one works."""
        if not self._in_hand or len(self._telling) < len(self._in_hand):
            return 0.0
        return asyncio.get_running_loop().time() - max(self._telling.values())

    def cancel(self, order: CancelOrder) -> None:
        """Stop a job that runs here, or leave it alone when it comes."""
        self._attempts.cancel(order)

    async def handle(self, delivery: Delivery) -> float:
        """Bring a job to an outcome or put it back; return the seconds to rest before the next one.

        Whatever it raises (a cancellation, an outcome that could not be recorded), the job is then still ours.

        Raises:
            ConfigurationError: the bucket is another bot's; nothing was done or reported.
        """
        job = delivery.job
        self._take(job.job_id)
        try:
            with tracing(correlation_id=job.correlation_id, job_id=job.job_id):
                return await self._handle(delivery)
        finally:
            self._let_go(job.job_id)

    def _take(self, job_id: str) -> None:
        self._in_hand.append(job_id)
        self._with.metrics.transfers_active(len(self._in_hand))

    def _let_go(self, job_id: str) -> None:
        self._in_hand.remove(job_id)
        self._with.metrics.transfers_active(len(self._in_hand))

    async def _handle(self, delivery: Delivery) -> float:
        job = delivery.job
        if delivery.redeliveries:
            self._with.metrics.job_redelivered()
        if await self._done_here_meanwhile(delivery):
            return 0.0
        if self._attempts.cancelled(job):
            return await self._react(delivery, JobCancelledError("cancelled"))
        if doubt := await self._bucket_in_doubt():
            return await self._react(delivery, doubt)
        attempt, began = Attempt(), asyncio.get_running_loop().time()
        try:
            archived = await self._attempts.run(delivery, attempt, self._archive(delivery, attempt))
        except TeltubbyError as error:
            return await self._react(delivery, error)
        except Exception as error:  # the loop's edge: a defect must neither end the worker nor lose the job
            log.exception("%s: unexpected error", label(job), extra=trace(job))
            surprise = TransientError(f"unexpected error ({type(error).__name__}); the worker's log has it in full")
            return await self._react(delivery, surprise)
        self._house_failures = 0
        await self._complete(delivery, archived)
        self._with.metrics.job_completed()
        self._with.metrics.bytes_ingested(archived.size_bytes, Route.MTPROTO)
        self._with.metrics.processing(asyncio.get_running_loop().time() - began, Route.MTPROTO)
        return 0.0

    async def _done_here_meanwhile(self, delivery: Delivery) -> bool:
        """Wait for another attempt at the same job that still runs here; tell whether it brought the file."""
        while other := self._attempts.running(delivery.job):
            await other.ended()
            if other.completed:
                await self._insist(lambda: self._with.queue.ack(delivery), "ack", delivery.job)
                return True
        return False

    async def _bucket_in_doubt(self) -> InfrastructureError | None:
        try:
            await self._with.ensure_bucket()
        except ConfigurationError:
            raise
        except InfrastructureError as error:
            return error
        except TeltubbyError as error:  # no fault of the job's, whatever it is
            return InfrastructureError(str(error))
        return None

    async def _archive(self, delivery: Delivery, attempt: Attempt) -> Archived:
        job, here = delivery.job, self._with
        if delivery.redeliveries > MAX_REDELIVERIES:
            raise PermanentError(
                f"given up: it came back {delivery.redeliveries} times from a worker that died while it had this job,"
                " or held it for longer than the broker's consumer_timeout"
            )
        _check_limit(job, here.max_file_bytes)
        await self._report(
            job,
            JobStarted(
                job_id=job.job_id,
                generation=job.generation,
                at=utc(here.clock),
                worker=here.worker,
                attempt=job.job_metadata.retry_count + 1,
            ),
        )
        source = here.telegram.source(job)
        progress = Progress(job, source, here.events, here.clock)
        async with progress.beating():
            archived = await archive_item(
                source,
                here.store,
                _target(job, here.max_file_bytes),
                stall_timeout=here.stall_timeout,
                already_stored=partial(_not_known_here, attempt),
                on_progress=progress,
            )
            await self._document(delivery, archived)
        return archived

    async def _document(self, delivery: Delivery, archived: Archived) -> None:
        job, here = delivery.job, self._with
        document = metadata_document(
            job,
            bucket=here.store.bucket,
            sha256=archived.sha256,
            size_bytes=archived.size_bytes,
            archived_at=here.clock.now(),
            worker=here.worker,
            redeliveries=delivery.redeliveries,
        )
        folder = job.key.rpartition("/")[0]
        await here.store.put(keys.join(folder, METADATA_JSON), encode(document), JSON_TYPE)

    # Outcomes

    async def _complete(self, delivery: Delivery, archived: Archived) -> None:
        job = delivery.job
        await self._report(
            job,
            JobCompleted(
                job_id=job.job_id,
                generation=job.generation,
                at=utc(self._with.clock),
                key=job.key,
                sha256=archived.sha256,
                size_bytes=archived.size_bytes,
            ),
        )
        await self._insist(lambda: self._with.queue.ack(delivery), "ack", job)
        log.info("%s: stored %d bytes", label(job), archived.size_bytes, extra=trace(job))

    async def _react(self, delivery: Delivery, error: TeltubbyError) -> float:
        job = delivery.job
        if isinstance(error, JobCancelledError):
            return await self._end_cancelled(delivery)
        log.warning("%s: %s: %s", label(job), error.category, error, extra=trace(job))
        self._with.metrics.error(error, "jobs")
        if isinstance(error, InfrastructureError):
            return await self._wait_for_house(delivery, error)
        if isinstance(error, TransientError):
            await self._try_again(delivery, error)
        elif isinstance(error, UserError):
            await self._end(delivery, error)
        else:
            await self._fail(delivery, error, str(error))
        return 0.0

    async def _end_cancelled(self, delivery: Delivery) -> float:
        job, here = delivery.job, self._with
        event = JobCancelled(job_id=job.job_id, generation=job.generation, at=utc(here.clock), worker=here.worker)
        await self._report(job, event)
        await self._insist(lambda: here.queue.ack(delivery), "ack", job)
        here.metrics.job_cancelled()
        log.info("%s: cancelled", label(job), extra=trace(job))
        return 0.0

    async def _wait_for_house(self, delivery: Delivery, error: InfrastructureError) -> float:
        pause = pause_after(self._house_failures)
        self._house_failures += 1
        await self._requeue(delivery, delivery.job, error, pause)
        return pause

    async def _try_again(self, delivery: Delivery, error: TransientError) -> None:
        job, meta = delivery.job, delivery.job.job_metadata
        if error.retry_after is not None:
            self._with.metrics.flood_wait(error.retry_after, Route.MTPROTO)
            await self._requeue(delivery, job, error, max(error.retry_after, _PAUSE_BASE))
        elif meta.retry_count < meta.max_retries:
            await self._requeue(delivery, job.retried(), error, retry_delay(meta.retry_count, self._jitter()))
        else:
            attempts = f"{meta.retry_count + 1} attempt{'s' if meta.retry_count else ''}"
            await self._fail(delivery, error, f"{error}; given up after {attempts}; send it again")

    async def _requeue(self, delivery: Delivery, job: JobMessage, error: TeltubbyError, delay: float) -> None:
        self._with.metrics.job_retried(error.category)
        await self._report(
            job,
            JobRetrying(
                job_id=job.job_id,
                generation=job.generation,
                at=utc(self._with.clock),
                error=str(error),
                category=error.category,
                retry_count=job.job_metadata.retry_count,
                delay_seconds=delay,
            ),
        )
        await self._insist(lambda: self._with.queue.retry(delivery, job, delay), "queue again", job)

    async def _fail(self, delivery: Delivery, error: TeltubbyError, reason: str) -> None:
        job = delivery.job
        await self._report_failure(job, error, reason)
        await self._insist(lambda: self._with.queue.dead_letter(delivery, reason), "dead-letter", job)

    async def _end(self, delivery: Delivery, error: UserError) -> None:
        job = delivery.job
        await self._report_failure(job, error, str(error))
        await self._insist(lambda: self._with.queue.ack(delivery), "ack", job)

    async def _report_failure(self, job: JobMessage, error: TeltubbyError, reason: str) -> None:
        self._with.metrics.job_failed(error.category)
        await self._report(
            job,
            JobFailed(
                job_id=job.job_id,
                generation=job.generation,
                at=utc(self._with.clock),
                error=reason,
                category=error.category,
            ),
        )

    async def _report(self, job: JobMessage, event: JobEvent) -> None:
        await self._insist(lambda: self._with.events.publish(event), f"report {event.kind}", job)

    async def _insist(self, action: Callable[[], Awaitable[None]], what: str, job: JobMessage) -> None:
        self._telling[job.job_id] = asyncio.get_running_loop().time()
        try:
            await insist(action, what, job)
        finally:
            self._telling.pop(job.job_id, None)


async def _not_known_here(attempt: Attempt, _sha256: str, _size: int) -> bool:
    """A worker has no index to find these bytes in; but from here on the object appears, whoever wants it stopped."""
    attempt.begin_commit()
    return False


def _check_limit(job: JobMessage, limit: int | None) -> None:
    size = job.file_info.file_size
    if limit is not None and size is not None and size > limit:
        raise OverLimitError(over_limit(limit))


def _target(job: JobMessage, limit: int | None) -> Target:
    info = job.file_info
    return Target(
        key=job.key,
        content_type=content_type(info.mime_type),
        limit=limit,
        expected_size=info.file_size,
        metadata={
            "chat-id": str(job.chat_id),
            "message-id": str(job.message_id),
            "file-unique-id": info.file_unique_id,
            "job-id": job.job_id,
        },
    )


async def insist(action: Callable[[], Awaitable[None]], what: str, job: JobMessage) -> None:
    """Do what must not be left out, again and again while queue or database are out of order.

    It ends with success, with an error that no waiting mends, or when the worker's stop cancels it; the job is then
    still ours and comes back as a redelivery.
    """
    failures = 0
    while True:
        try:
            await action()
        except (InfrastructureError, TransientError) as error:
            pause = pause_after(failures)
            failures += 1
            log.warning("%s: can't %s: %s; again in %g s", label(job), what, error, pause, extra=trace(job))
            await asyncio.sleep(pause)
        else:
            return
