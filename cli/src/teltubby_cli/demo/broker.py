"""Removes from a broker what a demo declared there, with plain aio-pika."""

import asyncio
import ssl

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError

from teltubby_cli.bootstrap_tools import names_at_broker
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings

_SECONDS = 20  # for all of it


def remove_from_broker(settings: RabbitSettings) -> None:
    """Delete the queues and exchanges that these settings name; none of them need be there.

    Raises:
        BrokerUnavailableError: some stay.
    """
    try:
        asyncio.run(_remove(settings))
    except (AMQPError, OSError) as error:
        name = settings.job_queue_name
        raise BrokerUnavailableError(f"{name} and what belongs to it could not be removed: {error}") from error


async def _remove(settings: RabbitSettings) -> None:
    queues, exchanges = names_at_broker(settings)
    async with asyncio.timeout(_SECONDS), await _connected(settings) as connection, connection.channel() as channel:
        for queue in queues:
            await channel.queue_delete(queue)
        for exchange in exchanges:
            await channel.exchange_delete(exchange)


async def _connected(settings: RabbitSettings) -> AbstractConnection:
    trust = await asyncio.to_thread(_trust, settings) if settings.rabbitmq_tls else None
    return await aio_pika.connect(
        host=settings.rabbitmq_host,
        port=settings.rabbitmq_port or (5671 if settings.rabbitmq_tls else 5672),
        login=settings.rabbitmq_username,
        password=settings.rabbitmq_password.get_secret_value(),
        virtualhost=settings.rabbitmq_vhost,
        ssl=settings.rabbitmq_tls,
        ssl_context=trust,
    )


def _trust(settings: RabbitSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.rabbitmq_ca_file)
    if not settings.rabbitmq_verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
