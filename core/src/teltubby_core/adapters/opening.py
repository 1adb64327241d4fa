"""The network services, opened from settings: what bot, worker and command line do alike.

Nothing is asked of a server here. One that is away is found out by whoever needs it, and by the readiness checks.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from teltubby_core.adapters.guarded import GuardedControl, GuardedEvents, GuardedQueue, GuardedStore
from teltubby_core.adapters.rabbitmq import Broker, RabbitControl, RabbitDeadLetters, RabbitEvents, RabbitJobQueue
from teltubby_core.adapters.s3 import S3Options, S3Store
from teltubby_core.adapters.s3.probe import StoreProbe
from teltubby_core.adapters.sqlite.sessions import split_keys
from teltubby_core.breaker import Breaker
from teltubby_core.observability import Check
from teltubby_core.ports import SessionStore
from teltubby_core.settings import NetworkSettings, RabbitSettings, S3Settings, SessionStoreSettings

STORE, BROKER = "object_store", "broker"
"""Names of the dependencies, in checks, circuits and metrics."""


@dataclass(frozen=True)
class Network:
    """Store and broker, each behind a circuit breaker, and the same without."""

    s3: S3Store
    broker: Broker
    jobs: RabbitJobQueue
    store_circuit: Breaker = field(default_factory=lambda: Breaker(STORE))
    broker_circuit: Breaker = field(default_factory=lambda: Breaker(BROKER))

    @property
    def store(self) -> GuardedStore:
        """The bucket."""
        return GuardedStore(self.s3, self.store_circuit)

    @property
    def queue(self) -> GuardedQueue:
        """The jobs."""
        return GuardedQueue(self.jobs, self.broker_circuit)

    def events(self) -> GuardedEvents:
        """Return the reports, with a reader of their own."""
        return GuardedEvents(RabbitEvents(self.broker), self.broker_circuit)

    def control(self) -> GuardedControl:
        """Return the orders, with a listener of their own."""
        return GuardedControl(RabbitControl(self.broker), self.broker_circuit)

    def dead_letters(self) -> RabbitDeadLetters:
        """Return what was put aside; for people, who wait for the real answer."""
        return RabbitDeadLetters(self.broker)

    @property
    def circuits(self) -> list[Breaker]:
        """Both."""
        return [self.store_circuit, self.broker_circuit]

    def checks(self) -> list[Check]:
        """Return how to find out whether they answer."""
        return [
            Check(STORE, StoreProbe(self.s3), circuit=self.store_circuit),
            Check(BROKER, self.broker.check, circuit=self.broker_circuit),
        ]


@asynccontextmanager
async def open_network(settings: NetworkSettings, service: str, *, prefetch: int = 1) -> AsyncIterator[Network]:
    """Open both, and close them at the end. ``service`` names the connection; ``prefetch``: jobs at a time.

    Raises:
        ConfigurationError: a setting can't be used.
    """
    async with open_store(settings, settings.io_timeout_seconds) as store, open_broker(settings, service) as broker:
        jobs = RabbitJobQueue(broker, prefetch)
        try:
            yield Network(store, broker, jobs)
        finally:
            await jobs.close()


@asynccontextmanager
async def open_store(settings: S3Settings, io_timeout: float) -> AsyncIterator[S3Store]:
    """Open the bucket. ``io_timeout``: seconds that its server may be silent."""
    async with S3Store(S3Options.of(settings, io_timeout)) as store:
        yield store


@asynccontextmanager
async def open_broker(settings: RabbitSettings, service: str) -> AsyncIterator[Broker]:
    """Open the broker. ``service`` names the connection in its lists."""
    broker = Broker(settings, service)
    try:
        yield broker
    finally:
        await broker.close()


@asynccontextmanager
async def open_shared_sessions(settings: SessionStoreSettings) -> AsyncIterator[SessionStore]:
    """Open the sessions that services share in Kubernetes, as the pod that this is.

    Raises:
        ConfigurationError: this is no pod with a service account, or a key is malformed.
    """
    # only here: the library costs a process of another kind some ten MB
    from teltubby_core.adapters.kubernetes.opening import open_sessions  # noqa: PLC0415

    assert settings.session_encryption_keys is not None, "its settings see to that"
    keys = split_keys(settings.session_encryption_keys)
    async with open_sessions(
        keys, settings.session_names, settings.pod_name, settings.pod_uid, settings.session_takeover_seconds
    ) as sessions:
        yield sessions
