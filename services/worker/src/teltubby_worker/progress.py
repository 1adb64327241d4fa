"""What a worker says about a job between its start and its end: how far it is, and that it still has it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from teltubby_core.domain.jobs import HEARTBEAT_SECONDS, JobMessage, JobProgress
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import Clock, Events, MediaSource
from teltubby_worker.tracing import label, trace, utc

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5  # between two reports of one job


class Progress:
    """Reports a job's bytes, at most twice a second, and at least every HEARTBEAT_SECONDS also when there are none.

    A report that can't be sent is lost: the next one says the same and more.
    """

    def __init__(self, job: JobMessage, source: MediaSource, events: Events, clock: Clock) -> None:
        self._job = job
        self._source = source
        self._events = events
        self._clock = clock
        self._done = 0
        self._due = 0.0  # loop time

    async def __call__(self, done: int) -> None:
        """So many bytes are there."""
        self._done = done
        if asyncio.get_running_loop().time() >= self._due:
            await self._report()

    @asynccontextmanager
    async def beating(self, every: float = HEARTBEAT_SECONDS) -> AsyncIterator[None]:
        """Let nobody think that the job is lost while the block runs: floods may be silent for long."""
        beat = asyncio.create_task(self._beat(every), name=f"heartbeat {self._job.job_id}")
        try:
            yield
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    async def _beat(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            await self._report()

    async def _report(self) -> None:
        self._due = asyncio.get_running_loop().time() + PROGRESS_SECONDS
        job, told = self._job, self._source.told_size()
        event = JobProgress(
            job_id=job.job_id,
            generation=job.generation,
            at=utc(self._clock),
            done_bytes=self._done,
            total_bytes=job.file_info.file_size if told is None else told,
        )
        try:
            await self._events.publish(event)
        except TeltubbyError as error:
            log.debug("%s: progress not reported: %s", label(job), error, extra=trace(job))
