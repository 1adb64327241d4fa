"""How much waits in the queues of a contender, read once a second from where it can be read."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aio_pika
import aiohttp
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError

from measuring.processes import BenchmarkError
from testbed.rabbitmq import AmqpAddress

_EVERY = 1.0  # seconds
_ANSWER_SECONDS = 5.0
_ADDRESS = "health and metrics at "  # in the log, before the address of the pages

Depths = Mapping[str, int]


class Probe(Protocol):
    """Something that tells how much waits."""

    async def depths(self) -> Depths:
        """Return counts by the name of what is counted."""
        ...


@dataclass(frozen=True)
class JobsPage:
    """Jobs by state, as the page /status of a bot counts them."""

    client: aiohttp.ClientSession
    url: str

    @classmethod
    def told_in(cls, client: aiohttp.ClientSession, log: Path) -> "JobsPage":
        """Find the address in the bot's log.

        Raises:
            BenchmarkError: it is not there.
        """
        for line in log.read_text("utf-8").splitlines():
            if _ADDRESS in line:
                return cls(client, line.partition(_ADDRESS)[2].strip() + "/status")
        raise BenchmarkError(f"{log.name} does not tell where the pages are")

    async def depths(self) -> Depths:
        """Return jobs that nobody has begun, and those that a worker holds."""
        async with self.client.get(self.url) as answer:
            page = await answer.json()
        jobs: dict[str, int] = page[page["service"]]["jobs"]
        return {"pending": jobs.get("PENDING", 0) + jobs.get("RETRYING", 0), "processing": jobs.get("PROCESSING", 0)}


@dataclass(frozen=True)
class BrokerQueue:
    """Messages that lie ready in a queue at RabbitMQ."""

    channel: AbstractChannel
    queue: str

    async def depths(self) -> Depths:
        """Return how many no worker has got."""
        declared = await self.channel.declare_queue(self.queue, passive=True)
        return {"ready": int(declared.declaration_result.message_count or 0)}


@asynccontextmanager
async def broker_queue(address: AmqpAddress, queue: str) -> AsyncIterator[BrokerQueue]:
    """Give a probe of a queue that was declared already."""
    connection = await aio_pika.connect(
        host=address.host,
        port=address.port,
        login=address.username,
        password=address.password,
        virtualhost=address.vhost,
        timeout=_ANSWER_SECONDS,
    )
    async with connection, connection.channel() as channel:
        yield BrokerQueue(channel, queue)


@dataclass
class Series:
    """Seconds since the first message was sent, and what each probe told then; what it did not tell is absent."""

    started_at: float  # Unix seconds
    samples: list[dict[str, float]] = field(default_factory=list)

    def peak(self, name: str) -> float | None:
        """Return the most of something, None when nobody told."""
        return max((sample[name] for sample in self.samples if name in sample), default=None)


@asynccontextmanager
async def watched(probes: Sequence[Probe]) -> AsyncIterator[Series]:
    """Read all probes once a second while this lasts."""
    series = Series(time.time())
    task = asyncio.create_task(_watch(series, probes), name="queue depth")
    try:
        yield series
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(series: Series, probes: Sequence[Probe]) -> None:
    while True:
        told = await asyncio.gather(*map(_ask, probes))
        sample: dict[str, float] = {"seconds": round(time.time() - series.started_at, 2)}
        for depths in told:
            sample |= depths
        series.samples.append(sample)
        await asyncio.sleep(_EVERY - (time.time() - series.started_at) % _EVERY)


async def _ask(probe: Probe) -> Depths:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await probe.depths()
    except (TimeoutError, aiohttp.ClientError, AMQPError):
        return {}
