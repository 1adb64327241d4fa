"""Finds jobs that the queue has lost and has them published again: the index is the truth, the queue only carries.

A job that is published and unfinished is heard of again and again: workers report while they hold it. One that has
been silent for too long is lost if nothing waits in the queue at all, or if a job that was queued behind it has been
started since. Nothing is concluded while queue or reports can't be read. To be wrong costs a second copy of a job, and
those give the same result.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from teltubby_bot.catalogue import Text
from teltubby_core.domain.jobs import HEARTBEAT_SECONDS, JobEvent, JobMessage, JobRetrying, JobStarted, JobState
from teltubby_core.domain.records import CarriedJob
from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_core.observability import Metrics
from teltubby_core.ports import ArchiveIndex, JobQueue, QueueDepth

log = logging.getLogger(__name__)

MAX_REPUBLISHED = 10
"""How often one generation of a job is published again before it FAILED."""


@dataclass(frozen=True)
class Patience:
    """Seconds of silence after which a job is suspicious, by its state; and between two looks.

    A job that retries may be silent for its delay in addition. ``reports``: without a successful look for reports for
    so long, silence means nothing.
    """

    pending: float = 60.0
    processing: float = 6 * HEARTBEAT_SECONDS
    retrying: float = 60.0
    look: float = 15.0
    reports: float = 30.0

    def of(self, state: JobState) -> float:
        """Return the seconds for an open job's state."""
        return {JobState.PROCESSING: self.processing, JobState.RETRYING: self.retrying}.get(state, self.pending)


@dataclass
class _Heard:
    """What is known of a job from hearing. Times are those of ``now``.

    Attributes:
        queued_at: its place in line: when it was queued last, or will be, if it waits for its time.
        heard_at: when something was heard of it last.
        overtaken: whether a job behind it in line has been started since.
    """

    priority: int
    queued_at: float
    heard_at: float
    overtaken: bool = False


class Reconciler:
    """Listens to what is told of jobs, and looks for those of which nothing is."""

    def __init__(
        self,
        index: ArchiveIndex,
        queue: JobQueue,
        *,
        alert: Callable[[str, str], None],
        on_change: Callable[[], None],
        patience: Patience | None = None,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``alert`` gets a kind and a text for admins; ``now`` returns seconds of a clock that nobody sets."""
        self._index = index
        self._queue = queue
        self._alert = alert
        self._on_change = on_change
        self._patience = patience or Patience()
        self._metrics = metrics or Metrics("bot")
        self._now = now
        self._jobs: dict[str, _Heard] = {}
        self._listened_at = now()

    def published(self, job: JobMessage) -> None:
        """The queue was given a job."""
        now = self._now()
        self._jobs[job.job_id] = _Heard(job.job_metadata.priority.level, now, now)

    def listened(self) -> None:
        """Reports could be read, whether there were any or not."""
        self._listened_at = self._now()

    def heard(self, event: JobEvent) -> None:
        """Somebody reported about a job."""
        job = self._jobs.get(event.job_id)
        if job is None:
            return
        job.heard_at, job.overtaken = self._now(), False
        if isinstance(event, JobRetrying):
            job.queued_at = job.heard_at + event.delay_seconds
        elif isinstance(event, JobStarted):
            for other in self._jobs.values():
                other.overtaken |= other.priority == job.priority and other.queued_at < job.queued_at

    async def step(self) -> float:
        """Look for lost jobs and have them published again."""
        if self._now() - self._listened_at > self._patience.reports:
            self._begin_anew("reports can't be read")
            return self._patience.look
        try:
            depth = await self._queue.depth()
        except (TransientError, InfrastructureError) as error:
            self._begin_anew(str(error))
            return self._patience.look
        for job, reason in await self._suspects(depth):
            await self._republish(job, reason)
        return self._patience.look

    def _begin_anew(self, reason: str) -> None:
        """Count everything as just heard of: what is silent now may have been told while nobody could listen."""
        log.debug("no look for lost jobs: %s", reason)
        self._jobs.clear()

    async def _suspects(self, depth: QueueDepth) -> list[tuple[CarriedJob, str]]:
        jobs = await self._index.carried_jobs()
        now = self._now()
        self._jobs = {
            job.id: self._jobs.get(job.id) or _Heard(job.priority, now + job.delay_seconds, now) for job in jobs
        }
        found = [(job, self._suspicion(job, depth, now)) for job in jobs]
        return [(job, reason) for job, reason in found if reason]

    def _suspicion(self, job: CarriedJob, depth: QueueDepth, now: float) -> str | None:
        heard = self._jobs[job.id]
        silence = now - max(heard.heard_at, heard.queued_at)
        if silence < self._patience.of(job.state):
            return None
        if depth.ready == 0:
            return f"silent for {silence:.0f} s while nothing waits in the queue"
        if heard.overtaken:
            return f"silent for {silence:.0f} s while a later job was started"
        return None

    async def _republish(self, job: CarriedJob, reason: str) -> None:
        state = await self._index.republish(job.id, reason, MAX_REPUBLISHED)
        self._jobs.pop(job.id, None)
        trace = {"correlation_id": job.correlation_id, "job_id": job.id}
        if state is JobState.FAILED:
            log.error("%s: job %s is given up: %s", job.correlation_id, job.id, reason, extra=trace)
            times = str(MAX_REPUBLISHED + 1)
            self._alert("lost job", Text("alert-lost-job", job=job.id, times=times, reason=reason))
        elif state is not None:
            self._metrics.job_republished()
            log.warning("%s: job %s is published again: %s", job.correlation_id, job.id, reason, extra=trace)
        if state is not None:
            self._on_change()
