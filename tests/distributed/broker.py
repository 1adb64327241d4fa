"""The broker of a stage as somebody else sees it: what lies in its queues, and what others may put there or delete."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel

from testbed.rabbitmq import AmqpAddress

_SECONDS = 60.0


def _names() -> dict[str, str]:
    mark = uuid4().hex[:8]
    names = {
        "JOB_QUEUE_NAME": "large_files",
        "JOB_DEAD_LETTER_QUEUE": "failed_jobs",
        "JOB_EXCHANGE": "exchange",
        "JOB_DLX_EXCHANGE": "dlx",
        "EVENT_EXCHANGE": "events",
    }
    return {setting: f"teltubby-{mark}.{name}" for setting, name in names.items()}


@dataclass(frozen=True)
class Letter:
    """A dead letter. ``headers`` as text."""

    reason: str
    body: bytes
    headers: str

    @property
    def job(self) -> dict[str, Any]:
        """The job that it was."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class BrokerView:
    """A broker, under names of a stage's own, so that stages share one without meeting. ``names`` by setting."""

    address: AmqpAddress
    names: Mapping[str, str] = field(default_factory=_names)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead there."""
        return {**self.names, **self.address.environment}

    def elsewhere(self, address: AmqpAddress) -> "BrokerView":
        """Return the same names at another broker."""
        return BrokerView(address, self.names)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Give a channel."""
        connection = await aio_pika.connect(
            host=self.address.host,
            port=self.address.port,
            login=self.address.username,
            password=self.address.password,
            virtualhost=self.address.vhost,
        )
        async with connection:
            yield await connection.channel()

    async def count(self, setting: str) -> int:
        """Return how many messages lie ready in the queue that the setting names."""
        async with self.channel() as channel:
            declared = await channel.declare_queue(self.names[setting], passive=True)
            return int(declared.declaration_result.message_count or 0)

    def count_now(self, setting: str) -> int:
        """Return the same, in the midst of another's work: nothing else goes on here meanwhile."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, self.count(setting)).result(_SECONDS)

    async def send(self, body: bytes, **how: Any) -> None:
        """Put anything into the queue of jobs."""
        async with self.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(body, **how), self.names["JOB_QUEUE_NAME"])

    async def send_dead(self, body: bytes) -> None:
        """Put anything among the dead letters."""
        async with self.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(body), self.names["JOB_DEAD_LETTER_QUEUE"])

    async def delete_jobs(self) -> None:
        """Delete the queue of jobs with all that is in it."""
        async with self.channel() as channel:
            await channel.queue_delete(self.names["JOB_QUEUE_NAME"])

    async def dead_letters(self) -> list[Letter]:
        """Look at the dead letters; they stay."""
        found = []
        async with self.channel() as channel:
            queue = await channel.declare_queue(self.names["JOB_DEAD_LETTER_QUEUE"], passive=True)
            while message := await queue.get(fail=False):
                reason = str(message.headers.get("x-dead-reason", ""))
                found.append(Letter(reason, message.body, str(message.headers)))
        return found
