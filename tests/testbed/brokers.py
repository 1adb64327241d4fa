"""Brokers of the product on servers of the test-bed: knows the product's settings. Each set of names is used once."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import aio_pika
from aiormq.exceptions import AMQPError

from teltubby_core.adapters.rabbitmq.topology import Topology
from teltubby_core.settings import RabbitSettings
from testbed.rabbitmq import AmqpAddress

_made: list[RabbitSettings] = []


def rabbit_settings(address: AmqpAddress, **changed: Any) -> RabbitSettings:
    """Return how the product reaches that broker, under names that nobody else uses there."""
    mark = uuid4().hex[:8]
    names = {
        "job_queue_name": f"jobs-{mark}",
        "job_dead_letter_queue": f"dead-{mark}",
        "job_exchange": f"exchange-{mark}",
        "job_dlx_exchange": f"dlx-{mark}",
        "event_exchange": f"events-{mark}",
    }
    who = {
        "rabbitmq_host": address.host,
        "rabbitmq_port": address.port,
        "rabbitmq_username": address.username,
        "rabbitmq_password": address.password,
        "rabbitmq_vhost": address.vhost,
    }
    trust = {"rabbitmq_tls": True, "rabbitmq_ca_file": address.ca_file} if address.ca_file else {}
    settings = RabbitSettings(**{**names, **who, **trust, **changed})
    _made.append(settings)
    return settings


async def remove_all(address: AmqpAddress) -> None:
    """Remove from a broker, which is somebody else's, what tests declared there."""
    connection = await aio_pika.connect(
        host=address.host,
        port=address.port,
        login=address.username,
        password=address.password,
        virtualhost=address.vhost,
        timeout=10,
    )
    async with connection, connection.channel() as channel:
        for settings in _made:
            topology = Topology(settings)
            queues = [topology.job_queue, topology.dead_queue, *topology.delay_queues, *topology.event_queues]
            with suppress(AMQPError):
                for queue in queues:
                    await channel.queue_delete(queue.name)
                for exchange in topology.exchanges:
                    await channel.exchange_delete(exchange.name)
