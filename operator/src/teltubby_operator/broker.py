"""One broker: how many jobs its queues hold, asked of its management API, and news of jobs over AMQP.

The management API tells of all queues at once. It is asked for bare totals, which queues keep up to date: the counts
among its statistics lag by seconds. AMQP tells of one queue without waiting for a poll, but not what workers have.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aio_pika
import aiohttp
import yarl
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from teltubby_core.errors import ConfigurationError
from teltubby_operator.scaling import Backlog
from teltubby_operator.troubles import TroubleError

log = logging.getLogger(__name__)

_LIMIT = 10.0  # seconds for one exchange
_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds between two attempts to connect
_MOST_NEWS = 1000
_NEWS = "job.queued"
_TOTALS = {
    "disable_stats": "true",
    "enable_queue_totals": "true",
    "columns": "name,messages_ready,messages_unacknowledged",
}
"""rabbitmq.com/docs/management, "HTTP API"; since 3.8.10."""


@dataclass(frozen=True)
class Access:
    """A broker's virtual host and who we are there: equal ones share one connection and one question."""

    amqp_url: str
    management_url: str
    vhost: str
    username: str
    password: str = field(repr=False)


class Management:
    """The management API, over one HTTP session. ``tls``: whom to trust, there and over AMQP."""

    def __init__(self, http: aiohttp.ClientSession, tls: ssl.SSLContext) -> None:
        self._http = http
        self.tls = tls

    async def backlogs(self, access: Access) -> dict[str, Backlog | None]:
        """Return the backlog of each queue in the virtual host, by one request; None where statistics are missing.

        Raises:
            TroubleError: it does not tell.
        """
        login = base64.b64encode(f"{access.username}:{access.password}".encode()).decode()
        limit = aiohttp.ClientTimeout(total=_LIMIT)
        try:
            url = yarl.URL(f"{access.management_url}/api/queues/{quote(access.vhost, safe='')}", encoded=True)
            async with self._http.get(
                url.with_query(_TOTALS),
                headers={"Authorization": f"Basic {login}"},
                timeout=limit,
                allow_redirects=False,
            ) as answer:
                _check(answer.status, access)
                told = await answer.json()
        except TimeoutError as error:
            sentence = f"{access.management_url} did not answer within {_LIMIT:g} s; see the broker's log"
            raise TroubleError("BrokerSlow", sentence) from error
        except aiohttp.ClientConnectorCertificateError as error:
            sentence = (
                f"the certificate of {access.management_url} is not trusted; name its authority in RABBITMQ_CA_FILE "
                "(rabbitmq.caConfigMap of the release that has the operator)"
            )
            raise TroubleError("BrokerUnreachable", sentence) from error
        except (aiohttp.ClientError, OSError) as error:
            sentence = (
                f"{access.management_url} can't be reached ({type(error).__name__}); is the broker up, its management "
                "plugin on, and queue.managementUrl right?"
            )
            raise TroubleError("BrokerUnreachable", sentence) from error
        except ValueError as error:
            sentence = f"{access.management_url} is no management API of RabbitMQ; correct queue.managementUrl"
            raise TroubleError("BrokerUnreadable", sentence) from error
        return _read(told, access)


def _check(status: int, access: Access) -> None:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise TroubleError(
            "BrokerRefused",
            f"{access.management_url} refuses user '{access.username}': correct queue.secretName's Secret, and give "
            "the user the tag 'management'",
        )
    if status == HTTPStatus.NOT_FOUND:
        raise TroubleError("VhostMissing", f"the broker has no virtual host '{access.vhost}'; correct queue.vhost")
    if status != HTTPStatus.OK:
        raise TroubleError("BrokerUnreadable", f"{access.management_url} answers {status}; see the broker's log")


def _read(told: Any, access: Access) -> dict[str, Backlog | None]:
    if not isinstance(told, list) or not all(isinstance(each, dict) and "name" in each for each in told):
        sentence = f"{access.management_url} does not list queues; correct queue.managementUrl"
        raise TroubleError("BrokerUnreadable", sentence)
    return {str(each["name"]): _backlog(each) for each in told}


def _backlog(told: Mapping[str, Any]) -> Backlog | None:
    """Return it; None when a count is missing: that is not known, and by no means zero."""
    ready, unacknowledged = told.get("messages_ready"), told.get("messages_unacknowledged")
    if isinstance(ready, int) and isinstance(unacknowledged, int):
        return Backlog(ready, unacknowledged)
    return None


class News:
    """Hears of new jobs. ``heard`` is told the exchange of each piece of news; it must not wait."""

    def __init__(
        self,
        access: Access,
        tls: ssl.SSLContext,
        exchanges: Callable[[], set[str]],
        heard: Callable[[str], None],
    ) -> None:
        self._access = access
        self._tls = tls
        self._exchanges = exchanges
        self._heard = heard
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._bound: set[str] = set()
        self._rebind = asyncio.Event()

    def exchanges_changed(self) -> None:
        """Bind what is new."""
        self._rebind.set()

    async def run(self) -> None:
        """Listen, connecting again whenever the connection is lost. Polls go on without it."""
        attempt = 0
        while True:
            try:
                await self._listen()
                attempt = 0
            except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                    raise  # else aiormq's word for a connection that fell silent
                log.warning("no news of jobs from %s (%s): polls alone", self._access.amqp_url, type(error).__name__)
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1

    async def ready(self, queue: str) -> int | None:
        """Return how many jobs wait now; None while it can't be told."""
        connection = self._connection
        if connection is None or connection.is_closed:
            return None
        try:
            async with asyncio.timeout(_LIMIT):
                # of its own: a queue that is not there closes the channel
                channel = connection.channel()
                await channel.initialize()
                try:
                    declared = await channel.declare_queue(queue, passive=True)
                    return declared.declaration_result.message_count
                finally:
                    await channel.close()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError):
            return None

    async def _listen(self) -> None:
        access = self._access
        url = yarl.URL(access.amqp_url).with_user(access.username).with_password(access.password)
        url = yarl.URL(f"{url.with_path('')!s}/{quote(access.vhost, safe='')}?heartbeat=20", encoded=True)
        async with asyncio.timeout(_LIMIT):
            connection = await aio_pika.connect(
                url, ssl_context=self._tls, client_properties={"connection_name": "teltubby operator"}
            )
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        self._bound.clear()
        try:
            async with asyncio.timeout(_LIMIT):
                channel = await connection.channel()
                queue = await channel.declare_queue(exclusive=True, arguments={"x-max-length": _MOST_NEWS})
                await queue.consume(self._arrived, no_ack=True)
            self._connection = connection
            log.info("hearing of new jobs from %s", access.amqp_url)
            await self._keep_bound(connection, queue, lost)
        finally:
            self._connection = None
            await connection.close()

    async def _keep_bound(
        self, connection: aio_pika.abc.AbstractConnection, queue: aio_pika.abc.AbstractQueue, lost: asyncio.Event
    ) -> None:
        while not lost.is_set():
            self._rebind.clear()
            for exchange in self._exchanges() - self._bound:
                if await _exists(connection, exchange):
                    async with asyncio.timeout(_LIMIT):
                        await queue.bind(exchange, _NEWS)
                    self._bound.add(exchange)
                    self._heard(exchange)
            waits = [asyncio.create_task(each.wait()) for each in (lost, self._rebind)]
            # an exchange that bot and workers have still to declare is looked for again
            await asyncio.wait(waits, timeout=_PAUSES[2], return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._heard(message.exchange or "")


async def _exists(connection: aio_pika.abc.AbstractConnection, exchange: str) -> bool:
    async with asyncio.timeout(_LIMIT):
        channel: AbstractChannel = connection.channel()
        await channel.initialize()
        try:
            await channel.get_exchange(exchange)
        except aio_pika.exceptions.ChannelClosed:
            return False
        await channel.close()
        return True


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return what trusts the system's authorities, and those of ``ca_file``. Raises ConfigurationError for no PEM."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError as error:
            sentence = f"RABBITMQ_CA_FILE: {ca_file} holds no certificate to trust ({error.reason or error})"
            raise ConfigurationError([sentence]) from error
    return context


def open_http(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a session for the management API."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50, ssl=tls))
