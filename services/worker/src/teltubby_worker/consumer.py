"""The worker's loop: fetch jobs, do them, and stop without losing one."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from teltubby_core.errors import ConfigurationError, TeltubbyError
from teltubby_core.observability import Metrics
from teltubby_core.ports import Clock, Control, Delivery, Events, JobQueue, ObjectStore
from teltubby_worker.handling import JobHandler, Surroundings, pause_after
from teltubby_worker.ports import Telegram
from teltubby_worker.tracing import label, trace

log = logging.getLogger(__name__)

_FETCH_SECONDS = 0.5
"""A fetch is never cancelled, for a job could get lost on its way; so a stop may take this long to be seen."""
_LISTEN_SECONDS = 5.0
_HAND_BACK_SECONDS = 5.0
_CLOSE_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_UNHEARD_SECONDS = 60.0
"""So long a worker that is to stop goes on telling what became of its jobs while broker or database take nothing."""


class Worker:
    """Does jobs until it is told to stop. Opens nothing before the first job."""

    def __init__(
        self,
        queue: JobQueue,
        events: Events,
        control: Control,
        store: ObjectStore,
        telegram: Telegram,
        clock: Clock,
        name: str,
        *,
        ensure_bucket: Callable[[], Awaitable[None]],
        stall_timeout: float,
        max_file_bytes: int | None = None,
        concurrency: int = 1,
        grace: float = 10.0,
        metrics: Metrics | None = None,
    ) -> None:
        """``stall_timeout`` and ``grace`` (how long running jobs may take to finish after a stop) in seconds.

        ``ensure_bucket``, ``stall_timeout`` and ``max_file_bytes`` as in ``handling.Surroundings``.
        """
        self._queue = queue
        self._control = control
        self._telegram = telegram
        self._handler = JobHandler(
            Surroundings(
                queue,
                events,
                store,
                telegram,
                clock,
                name,
                ensure_bucket,
                stall_timeout,
                max_file_bytes,
                metrics or Metrics("worker"),
            )
        )
        self._concurrency = concurrency
        self._grace = grace

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then finish within the grace, cancel and give back what is left, disconnect.

        Raises:
            ConfigurationError: the bucket is another bot's; nothing more is written to it, not even what runs.
        """
        self._telegram.start()
        slots = [
            asyncio.create_task(self._serve(stop), name=f"worker slot {number}") for number in range(self._concurrency)
        ]
        stopping = asyncio.create_task(stop.wait(), name="worker stop")
        listening = asyncio.create_task(self._listen(), name="worker control")
        try:
            await asyncio.wait([stopping, *slots], return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await self._finish(slots)
        finally:
            await asyncio.shield(self._end([stopping, listening, *slots]))
        for slot in slots:
            if not slot.cancelled():
                slot.result()

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs in our hands."""
        return self._handler.jobs

    async def _finish(self, slots: list[asyncio.Task[None]]) -> None:
        """Let what runs come to its end; what was fetched ahead is for others at once."""
        try:
            async with asyncio.timeout(_HAND_BACK_SECONDS):
                await self._queue.stop_fetching()
        except (TeltubbyError, TimeoutError) as error:
            log.warning("what was fetched ahead comes as a redelivery: %s", str(error) or "it took too long")
        until = asyncio.get_running_loop().time() + self._grace
        while not all(slot.done() for slot in slots) and asyncio.get_running_loop().time() < until:
            if self._handler.unheard > _UNHEARD_SECONDS:
                log.warning("nobody takes what became of the running jobs: they come as redeliveries")
                return
            await asyncio.wait(slots, timeout=min(_LOOK_SECONDS, self._grace))

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                order = await self._control.next(_LISTEN_SECONDS)
            except Exception as error:  # the loop's edge: cancels wait for the broker; the bot repeats them
                known = isinstance(error, TeltubbyError)
                log.warning("can't hear of cancelled jobs: %s", error, exc_info=None if known else error)
                await asyncio.sleep(pause_after(failures))
                failures += 1
                continue
            failures = 0
            if order is not None:
                self._handler.cancel(order)

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._telegram.close()
        except (TeltubbyError, TimeoutError) as error:
            log.warning("did not disconnect cleanly: %s", str(error) or "it took too long")

    async def _serve(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                delivery = await self._fetch()
            except Exception as error:  # the loop's edge: without a queue a worker waits for it to come back
                known = isinstance(error, TeltubbyError)
                log.warning("can't fetch jobs: %s", error, exc_info=None if known else error)
                await _rest(stop, pause_after(failures))
                failures += 1
                continue
            failures = 0
            if delivery:
                await _rest(stop, await self._work(delivery))

    async def _fetch(self) -> Delivery | None:
        fetching = asyncio.create_task(self._queue.fetch(_FETCH_SECONDS), name="fetch a job")
        try:
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            await asyncio.shield(self._return_late(fetching))
            raise

    async def _return_late(self, fetching: asyncio.Task[Delivery | None]) -> None:
        await asyncio.wait([fetching])  # it has a limit of its own
        if not fetching.cancelled() and not fetching.exception() and (delivery := fetching.result()):
            await self._hand_back(delivery)

    async def _work(self, delivery: Delivery) -> float:
        try:
            return await self._handler.handle(delivery)
        except asyncio.CancelledError:
            await asyncio.shield(self._hand_back(delivery))
            raise
        except ConfigurationError:  # only of a bucket that is another bot's
            await asyncio.shield(self._hand_back(delivery))
            raise
        except Exception:  # the loop's edge: the outcome could not be told, so the job has to come again
            log.exception("%s: its outcome was not recorded", label(delivery.job), extra=trace(delivery.job))
            await self._hand_back(delivery)
            return pause_after(1)

    async def _hand_back(self, delivery: Delivery) -> None:
        job = delivery.job
        try:
            async with asyncio.timeout(_HAND_BACK_SECONDS):
                await self._queue.give_back(delivery)
        except (TeltubbyError, TimeoutError) as error:
            log.warning(
                "%s: not given back (%s), it will return as a redelivery",
                label(job),
                str(error) or "it took too long",
                extra=trace(job),
            )
        else:
            log.info("%s: given back for whoever comes next", label(job), extra=trace(job))


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
