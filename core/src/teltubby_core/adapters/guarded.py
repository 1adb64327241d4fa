"""The ports on network services with a ``Breaker`` before them: a dependency that is down is not asked by everybody.

Contracts stay as they are. What ends work that is under way goes through whatever the circuit's state: acknowledging a
job or giving it back, the rest of an upload. Nothing is gained by keeping it waiting, and work could be lost.
One breaker serves all ports on the same dependency. It knows no SDK.
"""

from collections.abc import Mapping

from teltubby_core.breaker import Breaker, CircuitState
from teltubby_core.domain.jobs import CancelOrder, JobMessage, News, Report
from teltubby_core.ownership import OWNER_KEY
from teltubby_core.ports import (
    Control,
    Delivery,
    EventDelivery,
    Events,
    JobQueue,
    ObjectHead,
    ObjectStore,
    QueueDepth,
    Upload,
)

_PROBE_WAIT = 1.0
"""Seconds that a wait for news takes when it is the probe: while it lasts, nobody knows that the broker is back."""


class GuardedStore:
    """An ObjectStore behind a breaker."""

    def __init__(self, store: ObjectStore, breaker: Breaker) -> None:
        self._store = store
        self._breaker = breaker

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self._store.bucket

    async def begin(self, key: str, content_type: str, metadata: Mapping[str, str]) -> Upload:
        """Start an object.

        A store may keep the first bytes to itself, so that this proves nothing: while the circuit is not closed,
        another question comes first.
        """
        if self._breaker.state is not CircuitState.CLOSED:
            await self.head(OWNER_KEY)
        with self._breaker.watched(always=True, proves=False):
            upload = await self._store.begin(key, content_type, metadata)
        return _GuardedUpload(upload, self._breaker)

    async def put(self, key: str, body: bytes, content_type: str) -> None:
        """Store a small object."""
        with self._breaker.watched():
            await self._store.put(key, body, content_type)

    async def put_if_absent(self, key: str, body: bytes, content_type: str) -> bool:
        """Store a small object unless the key is taken."""
        with self._breaker.watched():
            return await self._store.put_if_absent(key, body, content_type)

    async def get(self, key: str) -> bytes | None:
        """Read a small object."""
        with self._breaker.watched():
            return await self._store.get(key)

    async def read(self, key: str, start: int, size: int) -> bytes | None:
        """Read a part of an object."""
        with self._breaker.watched():
            return await self._store.read(key, start, size)

    async def head(self, key: str) -> ObjectHead | None:
        """Look at an object."""
        with self._breaker.watched():
            return await self._store.head(key)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        with self._breaker.watched():
            await self._store.delete(key)

    async def sweep(self) -> int:
        """Remove what dead uploads left behind."""
        with self._breaker.watched():
            return await self._store.sweep()


class _GuardedUpload:
    """An upload under way: its failures count, and it goes on."""

    def __init__(self, upload: Upload, breaker: Breaker) -> None:
        self._upload = upload
        self._breaker = breaker

    async def write(self, chunk: bytes) -> None:
        with self._breaker.watched(always=True, proves=False):
            await self._upload.write(chunk)

    async def commit(self, late: Mapping[str, str] | None = None) -> None:
        with self._breaker.watched(always=True):
            await self._upload.commit(late)

    async def abort(self) -> None:
        await self._upload.abort()  # after a commit it asks nobody: it shows nothing


class GuardedQueue:
    """A JobQueue behind a breaker."""

    def __init__(self, queue: JobQueue, breaker: Breaker) -> None:
        self._queue = queue
        self._breaker = breaker

    async def publish(self, job: JobMessage) -> None:
        """Queue a job."""
        with self._breaker.watched():
            await self._queue.publish(job)

    async def fetch(self, timeout: float) -> Delivery | None:
        """Wait for a job; that none came is an answer too."""
        with self._breaker.watched() as probe:
            return await self._queue.fetch(min(timeout, _PROBE_WAIT) if probe else timeout)

    async def ack(self, delivery: Delivery) -> None:
        """The job has its outcome."""
        with self._breaker.watched(always=True):
            await self._queue.ack(delivery)

    async def retry(self, delivery: Delivery, job: JobMessage, delay: float) -> None:
        """Queue ``job`` in place of the delivered one."""
        with self._breaker.watched(always=True):
            await self._queue.retry(delivery, job, delay)

    async def give_back(self, delivery: Delivery) -> None:
        """Queue it again unchanged."""
        with self._breaker.watched(always=True):
            await self._queue.give_back(delivery)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put it aside."""
        with self._breaker.watched(always=True):
            await self._queue.dead_letter(delivery, reason)

    async def stop_fetching(self) -> None:
        """No fetch follows."""
        with self._breaker.watched(always=True, proves=False):
            await self._queue.stop_fetching()

    async def depth(self) -> QueueDepth:
        """Count."""
        with self._breaker.watched():
            return await self._queue.depth()


class GuardedEvents:
    """Events behind a breaker."""

    def __init__(self, events: Events, breaker: Breaker) -> None:
        self._events = events
        self._breaker = breaker

    async def publish(self, event: Report) -> None:
        """Report."""
        with self._breaker.watched():
            await self._events.publish(event)

    async def announce(self, news: News) -> None:
        """Tell whoever listens."""
        with self._breaker.watched():
            await self._events.announce(news)

    async def next(self, timeout: float) -> EventDelivery | None:
        """Wait for an event; that none came is an answer too."""
        with self._breaker.watched() as probe:
            return await self._events.next(min(timeout, _PROBE_WAIT) if probe else timeout)

    async def ack(self, delivery: EventDelivery) -> None:
        """Its effect is in the index."""
        with self._breaker.watched(always=True):
            await self._events.ack(delivery)


class GuardedControl:
    """Control behind a breaker."""

    def __init__(self, control: Control, breaker: Breaker) -> None:
        self._control = control
        self._breaker = breaker

    async def cancel(self, order: CancelOrder) -> None:
        """Tell every worker to stop a job."""
        with self._breaker.watched():
            await self._control.cancel(order)

    async def next(self, timeout: float) -> CancelOrder | None:
        """Wait for an order; that none came is an answer too."""
        with self._breaker.watched() as probe:
            return await self._control.next(min(timeout, _PROBE_WAIT) if probe else timeout)
