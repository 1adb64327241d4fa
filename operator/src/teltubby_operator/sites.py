"""Which archives share a broker, and what was last read of each queue there."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from teltubby_core.errors import TeltubbyError
from teltubby_operator.archive import Archive, Key
from teltubby_operator.broker import Access, Management, News
from teltubby_operator.conditions import Trouble
from teltubby_operator.scaling import Backlog
from teltubby_operator.troubles import TroubleError

log = logging.getLogger(__name__)

_TOLERATED_POLLS, _TOLERATED_SECONDS = 3, 10.0
"""So many polls in a row, over so long, may fail before a queue counts as unreadable: one that was just declared is not
in the broker's list yet."""
_GATHER_SECONDS = 0.1
"""News that come together are answered by one question."""
_MOST_SINGLY = 16
"""So many queues are asked for one by one; of more the management API tells sooner."""
_ALL_EVERY = 0.5
"""Seconds between two such questions."""


@dataclass(frozen=True)
class Reading:
    """What is known of a queue. Both are None for a moment in which nothing is to be decided."""

    backlog: Backlog | None = None
    trouble: Trouble | None = None


class Site:
    """A broker's virtual host, for all archives that have their queue there.

    ``evaluate`` is told an archive's key when there is something to decide.
    """

    def __init__(self, access: Access, management: Management, evaluate: Callable[[Key], None]) -> None:
        self._access = access
        self._management = management
        self._evaluate = evaluate
        self._archives: dict[Key, Archive] = {}
        self._readings: dict[Key, Reading] = {}
        self._failures: dict[Key, tuple[int, float]] = {}
        self._news = News(access, management.tls, self._exchanges, self._heard)
        self._dirty: set[str] = set()
        self._woken = asyncio.Event()
        self._again = asyncio.Event()
        self._fresh: set[Key] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.polled_at = time.monotonic()
        """When the last poll ended."""

    def start(self) -> None:
        """Begin to poll and to listen."""
        loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("poll", self._poll),
            ("news", self._news.run),
            ("answer news", self._answer),
        ]
        self._tasks = [asyncio.create_task(_forever(loop), name=name) for name, loop in loops]

    async def stop(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def serve(self, archives: dict[Key, Archive]) -> None:
        """Be there for these archives from now on."""
        for key, archive in archives.items():
            before = self._archives.get(key)
            if before is None or before.spec.queue != archive.spec.queue:
                self._fresh.add(key)
                self._readings.pop(key, None)
        self._archives = archives
        for key in self._readings.keys() - archives.keys():
            self._readings.pop(key)
            self._failures.pop(key, None)
        self._news.exchanges_changed()
        if self._fresh:
            self._again.set()

    def reading(self, key: Key) -> Reading:
        """Return what is known of an archive's queue."""
        return self._readings.get(key, Reading())

    @property
    def every(self) -> int:
        """Seconds between two polls: the shortest that an archive asks for."""
        return min((each.spec.scaling.poll_seconds for each in self._archives.values()), default=30)

    async def _poll(self) -> None:
        due = time.monotonic()
        while True:
            self._again.clear()
            fresh, self._fresh = self._fresh, set()
            await self._ask()
            self.polled_at = time.monotonic()
            if self.polled_at >= due:
                due, fresh = self.polled_at + self.every, set(self._archives)
            due = min(due, self.polled_at + self.every)
            for key in fresh:  # one that came between two polls must not make all others be looked at
                self._evaluate(key)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(due - time.monotonic(), 0.0)):
                    await self._again.wait()

    async def _ask(self) -> None:
        try:
            found = await self._management.backlogs(self._access)
        except TroubleError as error:
            for key in self._archives:
                self._failed(key, Trouble(error.reason, str(error)))
            return
        for key, archive in self._archives.items():
            name = archive.spec.queue.name
            backlog = found.get(name)
            if backlog is not None:
                self._failures.pop(key, None)
                self._readings[key] = Reading(backlog)
            elif name in found:
                sentence = (
                    f"the broker has no statistics of queue {name}: it has just started, or its management "
                    "statistics are switched off (management_agent.disable_metrics_collector)"
                )
                self._failed(key, Trouble("StatisticsMissing", sentence))
            else:
                sentence = f"the broker has no queue {name}; bot and workers declare it, or correct queue.name"
                self._failed(key, Trouble("QueueMissing", sentence))

    def _failed(self, key: Key, trouble: Trouble) -> None:
        count, since = self._failures.get(key, (0, time.monotonic()))
        self._failures[key] = count + 1, since
        lasting = count + 1 >= _TOLERATED_POLLS and time.monotonic() - since >= _TOLERATED_SECONDS
        # Until then nothing is decided, neither by an old number nor without one.
        self._readings[key] = Reading(trouble=trouble) if lasting else Reading()

    def _exchanges(self) -> set[str]:
        return {archive.spec.queue.events_exchange for archive in self._archives.values()}

    def _heard(self, exchange: str) -> None:
        self._dirty.add(exchange)
        self._woken.set()

    async def _answer(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._woken.clear()
            heard, self._dirty = self._dirty, set()
            concerned = [key for key, each in self._archives.items() if each.spec.queue.events_exchange in heard]
            queues = {self._archives[key].spec.queue.name for key in concerned}
            if len(queues) > _MOST_SINGLY:
                await self._ask_for_all()
                continue
            counts = {queue: await self._news.ready(queue) for queue in sorted(queues)}
            for key in concerned:
                if (archive := self._archives.get(key)) and self._learn(key, counts.get(archive.spec.queue.name)):
                    self._evaluate(key)

    async def _ask_for_all(self) -> None:
        before = dict(self._readings)
        await self._ask()
        for key in list(self._archives):
            if self._readings.get(key) != before.get(key):
                self._evaluate(key)
        await asyncio.sleep(_ALL_EVERY)

    def _learn(self, key: Key, ready: int | None) -> bool:
        """Note what AMQP tells: jobs that are there for certain, beside those that workers were last seen to have."""
        known = self._readings.get(key, Reading()).backlog
        if ready is None or known is None or ready <= known.ready:
            return False
        self._readings[key] = Reading(Backlog(ready, known.unacknowledged))
        return True


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except TeltubbyError as error:
            log.warning("%s; going on", error)
        except Exception:  # the loop's edge: one broker's trouble must not end the others'
            log.exception("a loop failed unexpectedly; going on")
        await asyncio.sleep(1.0)
