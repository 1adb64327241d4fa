"""A job's work that can be stopped from outside, until its object is about to appear.

Two things stop it: a user cancels the job, or the queue takes it back. Both come too late once the upload is being
committed: then the work goes on to its end, so that nobody has to guess whether there is an object.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from teltubby_core.domain.jobs import CancelOrder, JobMessage
from teltubby_core.errors import InfrastructureError, TeltubbyError
from teltubby_core.ports import Delivery

T = TypeVar("T")

_ORDERS_KEPT = 10_000
"""Cancel orders that are remembered: their jobs may still wait in the queue."""


class JobCancelledError(TeltubbyError):
    """A user does not want the file any more."""


class JobRevokedError(InfrastructureError):
    """The queue took the job back: it is for others now."""


class Attempt:
    """One attempt at a job."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._stopped: asyncio.Future[TeltubbyError] = asyncio.get_running_loop().create_future()
        self._committing = False
        self.completed = False
        """Whether it ended with the object."""

    def stop(self, reason: TeltubbyError) -> None:
        """Stop it; the first reason counts, and none once it commits."""
        if not self._committing and not self._stopped.done():
            self._stopped.set_result(reason)

    def begin_commit(self) -> None:
        """From here on nothing stops it any more.

        Raises:
            TeltubbyError: it is stopped already; nothing may appear.
        """
        if self._stopped.done():
            raise self._stopped.result()
        self._committing = True

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, or raise the reason for which it was stopped after the work has cleaned up behind itself."""
        task = asyncio.ensure_future(work)
        try:
            waits: list[asyncio.Future[Any]] = [task, self._stopped]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._stopped.done() and not task.done():
                await _cancelled(task)
                raise self._stopped.result()
            result = await task
            self.completed = True
            return result
        finally:
            await _cancelled(task)

    async def ended(self) -> None:
        """Wait until it is over."""
        await self._ended.wait()

    def end(self) -> None:
        """It is over."""
        self._ended.set()


async def _cancelled(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError, TeltubbyError):
            await task


class Attempts:
    """What this worker is at, and which jobs it was ordered to leave alone."""

    def __init__(self) -> None:
        self._running: defaultdict[str, list[tuple[int, Attempt]]] = defaultdict(list)
        self._orders: OrderedDict[str, int] = OrderedDict()

    def running(self, job: JobMessage) -> Attempt | None:
        """Return another attempt at the same job that runs here already, as after a lost connection to the queue."""
        return next((attempt for _, attempt in self._running.get(job.job_id, ())), None)

    def cancelled(self, job: JobMessage) -> bool:
        """Whether its cancel was heard of."""
        return self._orders.get(job.job_id, -1) >= job.generation

    def cancel(self, order: CancelOrder) -> None:
        """Stop the job, now or whenever it comes; a later generation of it is wanted again."""
        self._orders[order.job_id] = max(order.generation, self._orders.pop(order.job_id, -1))
        if len(self._orders) > _ORDERS_KEPT:
            self._orders.popitem(last=False)
        for generation, attempt in self._running.get(order.job_id, ()):
            if generation <= order.generation:
                attempt.stop(JobCancelledError("cancelled"))

    async def run(self, delivery: Delivery, attempt: Attempt, work: Coroutine[Any, Any, T]) -> T:
        """Do the work as ``attempt`` at the delivered job, for as long as nobody stops it.

        Raises:
            JobCancelledError: a user cancelled it.
            JobRevokedError: the queue took it back.
        """
        job = delivery.job
        entry = (job.generation, attempt)
        self._running[job.job_id].append(entry)
        watch = asyncio.create_task(_watch(delivery, attempt), name=f"watch {job.job_id}")
        try:
            return await attempt.run(work)
        finally:
            watch.cancel()
            self._running[job.job_id].remove(entry)
            if not self._running[job.job_id]:
                del self._running[job.job_id]
            attempt.end()


async def _watch(delivery: Delivery, attempt: Attempt) -> None:
    attempt.stop(JobRevokedError(await delivery.revocation.wait()))
