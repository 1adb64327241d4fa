"""What tests of the broker's adapters share: the broker as somebody else sees it, and jobs taken as a worker does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel

from teltubby_core.adapters.rabbitmq import RabbitJobQueue
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.ports import Delivery
from teltubby_core.settings import RabbitSettings
from testbed.rabbitmq import RabbitMq

SOON = 20.0
"""Seconds within which anything that is to happen has happened, a reconnection included."""


@asynccontextmanager
async def raw_channel(settings: RabbitSettings, **how: Any) -> AsyncIterator[AbstractChannel]:
    """Give a channel of somebody else's."""
    connection = await aio_pika.connect(
        host=settings.rabbitmq_host,
        port=settings.rabbitmq_port or 5672,
        login=settings.rabbitmq_username,
        password=settings.rabbitmq_password.get_secret_value(),
        virtualhost=settings.rabbitmq_vhost,
    )
    async with connection, connection.channel(**how) as channel:
        yield channel


async def send_raw(settings: RabbitSettings, body: bytes, exchange: str = "", key: str = "", **how: Any) -> None:
    """Publish anything, by default to the queue of jobs."""
    async with raw_channel(settings) as channel:
        found = await channel.get_exchange(exchange, ensure=False)
        await found.publish(aio_pika.Message(body, **how), key or settings.job_queue_name)


async def restart(broker: RabbitMq) -> None:
    """Start it again while our loop goes on."""
    broker.launch()
    await asyncio.to_thread(broker.wait_ready)


async def fetch_patiently(queue: RabbitJobQueue, limit: float = SOON) -> Delivery:
    """Take a job as a worker does, through whatever happens to the broker."""
    async with asyncio.timeout(limit):
        while True:
            try:
                if delivery := await queue.fetch(0.5):
                    return delivery
            except BrokerUnavailableError:
                await asyncio.sleep(0.05)  # a worker's pause
