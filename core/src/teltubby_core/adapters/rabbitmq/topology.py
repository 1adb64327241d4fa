"""What lies at the broker: exchanges, queues and bindings. Both ends declare all of it, so neither must come first.

Only what RabbitMQ 3.10 and 4.x both accept: queues are durable, classic (only these had priorities before 4.0) and
say so, whatever the virtual host's default is. Arguments can't be changed later: a queue declared otherwise is an
error that names it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from aio_pika.abc import AbstractChannel, AbstractQueue, ExchangeType
from aiormq.exceptions import ChannelPreconditionFailed

from teltubby_core.domain.jobs import JobEvent, JobProgress
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings

DELAYS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600)
"""Seconds. One queue a step: with a time to live per message, a short one would wait behind a long one."""

PROGRESS_KEY = "job.progress"
REPORT_KEYS = (
    *(kind.model_fields["kind"].default for kind in get_args(get_args(JobEvent)[0]) if kind is not JobProgress),
    "session.*",
)
"""Routing keys of what the bot must not miss: the kinds of all reports but progress."""

_PRIORITIES = 10
_MOST_REPORTS = 1_000_000
"""Reports that wait for a bot that is away. One more is refused, and whoever sends it tries again: none is lost."""
_PROGRESS_TTL_MS = 30_000
_MOST_PROGRESS = 1000
_ORDER_TTL_MS = 60_000
_MOST_ORDERS = 1000


@dataclass(frozen=True)
class QueueSpec:
    """A queue. ``setting``: the one that gives it its name."""

    name: str
    setting: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        """Declare it, durable; what waits in it is counted in the answer."""
        arguments = {"x-queue-type": "classic", **self.arguments}
        try:
            return await channel.declare_queue(self.name, durable=True, arguments=arguments)
        except ChannelPreconditionFailed as error:
            raise _otherwise("queue", self.name, self.setting) from error


@dataclass(frozen=True)
class ExchangeSpec:
    """An exchange. ``setting``: the one that gives it its name."""

    name: str
    kind: ExchangeType
    setting: str

    async def declare(self, channel: AbstractChannel) -> None:
        """Declare it, durable."""
        try:
            await channel.declare_exchange(self.name, self.kind, durable=True)
        except ChannelPreconditionFailed as error:
            raise _otherwise("exchange", self.name, self.setting) from error


def _otherwise(what: str, name: str, setting: str) -> BrokerUnavailableError:
    return BrokerUnavailableError(
        f"{what} '{name}' at the broker was declared otherwise than teltubby needs it: delete it there when it is not "
        f"needed, or choose another name in {setting}"
    )


class Topology:
    """The names, and what stands behind them."""

    def __init__(self, settings: RabbitSettings) -> None:
        self.jobs = settings.job_queue_name
        self.dead = settings.job_dead_letter_queue
        self.exchange = settings.job_exchange
        self.dead_exchange = settings.job_dlx_exchange
        self.events = settings.event_exchange
        self.reports = f"{self.events}.bot"
        self.progress = f"{self.events}.progress"
        self.orders = f"{self.jobs}.control"

    @property
    def exchanges(self) -> tuple[ExchangeSpec, ...]:
        """All exchanges."""
        return (
            ExchangeSpec(self.exchange, ExchangeType.DIRECT, "JOB_EXCHANGE"),
            ExchangeSpec(self.dead_exchange, ExchangeType.DIRECT, "JOB_DLX_EXCHANGE"),
            ExchangeSpec(self.events, ExchangeType.TOPIC, "EVENT_EXCHANGE"),
            ExchangeSpec(self.orders, ExchangeType.FANOUT, "JOB_QUEUE_NAME"),
        )

    @property
    def job_queue(self) -> QueueSpec:
        """Where jobs wait."""
        dead = {"x-dead-letter-exchange": self.dead_exchange, "x-dead-letter-routing-key": self.dead}
        return QueueSpec(self.jobs, "JOB_QUEUE_NAME", {"x-max-priority": _PRIORITIES, **dead})

    @property
    def dead_queue(self) -> QueueSpec:
        """Where dead letters lie."""
        return QueueSpec(self.dead, "JOB_DEAD_LETTER_QUEUE")

    @property
    def delay_queues(self) -> tuple[QueueSpec, ...]:
        """Where jobs wait for their time, shortest delay first."""
        back = {"x-dead-letter-exchange": self.exchange, "x-dead-letter-routing-key": self.jobs}
        return tuple(
            QueueSpec(self._delayed(seconds), "JOB_QUEUE_NAME", {"x-message-ttl": seconds * 1000, **back})
            for seconds in DELAYS
        )

    @property
    def event_queues(self) -> tuple[QueueSpec, QueueSpec]:
        """Where reports and progress wait for the bot."""
        return (
            QueueSpec(self.reports, "EVENT_EXCHANGE", {"x-max-length": _MOST_REPORTS, "x-overflow": "reject-publish"}),
            QueueSpec(
                self.progress, "EVENT_EXCHANGE", {"x-message-ttl": _PROGRESS_TTL_MS, "x-max-length": _MOST_PROGRESS}
            ),
        )

    @property
    def bindings(self) -> tuple[tuple[str, str, str], ...]:
        """Queue, exchange and routing key of each."""
        delayed = ((spec.name, self.exchange, spec.name) for spec in self.delay_queues)
        reported = ((self.reports, self.events, key) for key in REPORT_KEYS)
        return (
            (self.jobs, self.exchange, self.jobs),
            (self.dead, self.dead_exchange, self.dead),
            (self.progress, self.events, PROGRESS_KEY),
            *delayed,
            *reported,
        )

    def key_for(self, delay: float) -> str:
        """Return the routing key of a job that is to wait ``delay`` seconds, rounded up to a step."""
        if delay <= 0:
            return self.jobs
        return self._delayed(DELAYS[min(bisect_left(DELAYS, delay), len(DELAYS) - 1)])

    async def declare(self, channel: AbstractChannel) -> None:
        """Declare all of it; nothing changes where it is there already.

        Raises:
            BrokerUnavailableError: something was declared otherwise.
        """
        for exchange in self.exchanges:
            await exchange.declare(channel)
        queues = {}
        for spec in (self.job_queue, self.dead_queue, *self.delay_queues, *self.event_queues):
            queues[spec.name] = await spec.declare(channel)
        for queue, source, key in self.bindings:
            await queues[queue].bind(source, key)

    async def listen_for_orders(self, channel: AbstractChannel) -> AbstractQueue:
        """Declare and bind a queue of this connection's own, which goes with it."""
        queue = await channel.declare_queue(
            exclusive=True,
            arguments={"x-queue-type": "classic", "x-message-ttl": _ORDER_TTL_MS, "x-max-length": _MOST_ORDERS},
        )
        await queue.bind(self.orders)
        return queue

    def _delayed(self, seconds: int) -> str:
        return f"{self.jobs}.delay.{seconds}s"
