"""One connection to RabbitMQ, made when it is first needed and again when it is lost. Knows nothing of jobs.

aio-pika's own "robust" connection is not used: it restores consumers behind our back, and a job that is still being
worked on would count twice. Here whoever needs a channel asks for one, and gets a live one or an error.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aiormq.exceptions import ChannelNotFoundEntity, PublishError
from pamqp.common import FieldTable

from teltubby_core.adapters.rabbitmq.backoff import Backoff
from teltubby_core.adapters.rabbitmq.errors import Site, rabbit_errors
from teltubby_core.adapters.rabbitmq.tolerance import tolerate_foreign_properties
from teltubby_core.adapters.rabbitmq.topology import Topology
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings

log = logging.getLogger(__name__)

_LIMIT = 10.0
"""Seconds for one exchange with the broker. A publish waits for the disk of the broker; half a minute is too long."""
_HEARTBEAT = 20
"""Seconds. A peer that is silent for about three of them is given up; an intermediary that drops idle connections
after a minute sees traffic."""
_CLOSE_LIMIT = 5.0


class Broker:
    """The connection that queue, events, control and dead letters of one process share.

    Every method raises BrokerUnavailableError, whose text says what is wrong and which setting it hangs on.
    """

    def __init__(self, settings: RabbitSettings, service: str, *, limit: float = _LIMIT) -> None:
        """``service`` is how the broker's own lists name the connection; ``limit``: seconds for one exchange."""
        tolerate_foreign_properties()
        self.topology = Topology(settings)
        port = settings.rabbitmq_port or (5671 if settings.rabbitmq_tls else 5672)
        self.site = Site(settings.rabbitmq_host, port, settings.rabbitmq_username, settings.rabbitmq_vhost)
        self._settings = settings
        self._service = service
        self._limit = limit
        self._backoff = Backoff()
        self._connection: AbstractConnection | None = None
        self._declared = False
        self._connecting = asyncio.Lock()
        # One publish at a time: aiormq matches a message that comes back by its id, and the copies of a job share one.
        self._publishing = asyncio.Lock()
        self._publisher: AbstractChannel | None = None

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Give what happens inside a limit, and its errors our words."""
        with rabbit_errors(self.site):
            async with asyncio.timeout(self._limit):
                yield

    async def open_channel(self) -> AbstractChannel:
        """Return a new channel; everything of ours is declared."""
        connection = await self.ready()
        async with self.bounded():
            channel = connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize()
            return channel

    @asynccontextmanager
    async def scratch_channel(self) -> AsyncIterator[AbstractChannel]:
        """Give a channel for one purpose. Closing it puts what was taken and not acked back in its place."""
        channel = await self.open_channel()
        try:
            yield channel
        finally:
            with suppress(BrokerUnavailableError):
                async with self.bounded():
                    await channel.close()

    async def publish(
        self, exchange: str, routing_key: str, message: aio_pika.Message, *, mandatory: bool = True
    ) -> None:
        """Return once the broker has confirmed the message, on disk if it is persistent.

        Raises:
            BrokerUnavailableError: it did not in time, refused it or, when ``mandatory``, has no queue for it.
        """
        async with self._publishing:
            await self.ready()
            if self._publisher is None or self._publisher.is_closed:
                self._publisher = await self.open_channel()
            try:
                async with self.bounded():
                    target = await self._publisher.get_exchange(exchange, ensure=False)
                    await target.publish(message, routing_key, mandatory=mandatory)
            except BrokerUnavailableError as error:
                if isinstance(error.__cause__, PublishError | ChannelNotFoundEntity):
                    self.declare_again()
                raise

    def declare_again(self) -> None:
        """Something of ours is gone: declare everything anew before anything else is done."""
        self._declared = False

    async def check(self) -> None:
        """Have the broker answer."""
        async with self.scratch_channel() as channel, self.bounded():
            await self.topology.job_queue.declare(channel)

    async def close(self) -> None:
        """End the connection. What was delivered on it and not acked is for others."""
        async with self._connecting:
            await self._drop()

    async def ready(self) -> AbstractConnection:
        """Return the connection, live, with everything of ours declared."""
        async with self._connecting:
            connection = self._connection
            if connection is not None and not _is_live(connection):
                self._backoff.lost(BrokerUnavailableError(f"the connection to {self.site} broke a moment ago"))
                await self._drop()
            if self._connection is not None and self._declared:
                return self._connection
            self._backoff.check()
            try:
                return await self._prepare()
            except BrokerUnavailableError as error:
                self._backoff.failed(error)
                raise

    async def _prepare(self) -> AbstractConnection:
        """Connect if need be, and declare."""
        if self._connection is None:
            self._connection = await self._connect()
            self._backoff.connected()
            log.info("connected to %s", self.site)
        async with self.bounded():
            channel = self._connection.channel()
            await channel.initialize()
            await self.topology.declare(channel)
            await channel.close()
        self._declared = True
        return self._connection

    async def _connect(self) -> AbstractConnection:
        settings = self._settings
        with rabbit_errors(self.site):
            trust = await asyncio.to_thread(self._trust) if settings.rabbitmq_tls else None
        url = make_url(
            host=self.site.host,
            port=self.site.port,
            login=self.site.username,
            password=settings.rabbitmq_password.get_secret_value(),
            virtualhost=self.site.vhost,
            ssl=settings.rabbitmq_tls,
            heartbeat=_HEARTBEAT,
        )
        name: FieldTable = {"connection_name": f"teltubby {self._service}"}
        connection = aio_pika.Connection(url, ssl_context=trust, client_properties=name)
        try:
            async with self.bounded():
                await connection.connect()
        except BaseException:
            await connection.close()
            raise
        return connection

    def _trust(self) -> ssl.SSLContext:
        settings = self._settings
        try:
            context = ssl.create_default_context(cafile=settings.rabbitmq_ca_file)
        except OSError as error:
            raise BrokerUnavailableError(
                f"RABBITMQ_CA_FILE: {settings.rabbitmq_ca_file} holds no certificate to trust ({error.strerror})"
            ) from error
        if not settings.rabbitmq_verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._publisher, self._declared = None, False
        if connection is None:
            return
        with suppress(BrokerUnavailableError), rabbit_errors(self.site):
            async with asyncio.timeout(_CLOSE_LIMIT):
                await connection.close()


def _is_live(connection: AbstractConnection) -> bool:
    return connection.transport is not None and connection.transport.connection.is_opened
