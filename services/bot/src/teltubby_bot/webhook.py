"""The door at which Telegram hands updates in: an update is on disk before its delivery is answered with 200.

All that it knows is aiohttp and the inbox: what an update says is for others. It speaks plain HTTP on purpose: Telegram
speaks to whatever ends TLS before it, which also is what faces the internet.

What a delivery is answered with decides whether Telegram brings it again:

    200  it is on disk, or there is nothing that could be kept: no JSON, or no update_id to keep it under. Such a thing
         would be no better the next time, and meanwhile its chat's other messages would wait behind it. It is logged.
    401  the secret is wrong or missing; nothing else is said, nothing of the body is read.
    413  over 1 MiB, several times of what Telegram's largest updates take. It is not ours to throw away: while it waits
         at Telegram, a bot that polls (TELEGRAM_MODE) can still take it in.
    503  the database is unavailable or slow, or we are only just starting: again in a few seconds.
"""

import asyncio
import errno
import hmac
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from yarl import URL

from teltubby_bot.reception import InboxWriter, to_keep
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError

log = logging.getLogger(__name__)
_http_log = logging.getLogger(f"{__name__}.http")
_http_log.setLevel(logging.CRITICAL)  # aiohttp's own: a traceback for whatever nonsense a stranger sends

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - core.telegram.org/bots/api#setwebhook
_LARGEST = 1024 * 1024  # bytes of a body; a message and the one it replies to are 0.1 MiB at their largest
_MOST_CONNECTIONS = 100  # ten from Telegram, more from a proxy that keeps some open; each holds one body at most
_HEAD_SECONDS = 10.0  # for the first request of a connection to be there
_IDLE_SECONDS = 75.0  # for the next one
_REQUEST_SECONDS = 25.0  # for reading and storing one; Telegram gives up later
_CLOSING_SECONDS = 5.0  # that requests under way get at the end
_AGAIN_SECONDS = "5"  # until Telegram should try again
_QUIET_SECONDS = 60.0  # between two lines in the log about the same


@dataclass(frozen=True)
class WebhookOptions:
    """The address that Telegram is told (``url``), and where requests to it arrive (``host``, ``port``)."""

    url: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8080
    on_forged: Callable[[], None] = lambda: None
    """Told of each request without the right secret: a security event."""


class Receiver:
    """Listens, and stores what comes with the right secret.

    Attributes:
        registered: Telegram knows our secret. Before, a wrong one is no forgery: it may be the one of the last start.
    """

    def __init__(self, writer: InboxWriter, options: WebhookOptions) -> None:
        self.registered = False
        self._writer = writer
        self._options = options
        self._path = URL(options.url).raw_path
        self._secret = options.secret.encode()
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._silent: dict[object, asyncio.TimerHandle] = {}  # connections that have not sent a request yet
        self._forgeries = _Seldom("webhook: %d requests with a wrong or missing secret, the latest from %s")
        self._failures = _Seldom("webhook: %d updates not kept, Telegram is to bring them again: %s")

    async def open(self) -> None:
        """Listen. Does nothing when it listens already.

        Raises:
            ConfigurationError: the port is taken or not ours to take, or the host is none of this machine's.
        """
        if self._listening is not None:
            return
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_http_log,
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
            shutdown_timeout=_CLOSING_SECONDS,
        )
        self._runner = runner
        await runner.setup()
        host, port = self._options.host, self._options.port
        try:
            self._listening = await asyncio.get_running_loop().create_server(self._connection, host, port)
        except OSError as error:
            await self.close()
            raise _unusable(error, host, port) from error
        log.info("webhook: listens at %s:%d", host, port)

    async def close(self) -> None:
        """Stop listening, finish what is under way, close what is open. Safe to call at any time."""
        listening, self._listening = self._listening, None
        runner, self._runner = self._runner, None
        if listening is not None:
            listening.close()
        if runner is not None:
            await runner.cleanup()
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()

    def _connection(self) -> asyncio.Protocol:
        """Return what serves a new connection."""
        server = self._runner.server if self._runner else None
        if server is None or len(server.connections) >= _MOST_CONNECTIONS:
            return _Refusal()
        connection = server()
        self._silent[connection] = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._hang_up, connection)
        return connection

    def _hang_up(self, connection: web.RequestHandler) -> None:
        del self._silent[connection]
        connection.force_close()

    async def _answer(self, request: web.Request) -> web.Response:
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        if request.rel_url.raw_path != self._path:
            return _turned_away(404)
        if request.method != "POST":
            return _turned_away(405, Allow="POST")
        if not hmac.compare_digest(_given_secret(request), self._secret):
            return self._forged(request)
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                return await self._receive(request)
        except (TimeoutError, DatabaseUnavailableError) as error:
            self._failures.note(error if str(error) else "it took too long")
            return web.Response(status=503, headers={"Retry-After": _AGAIN_SECONDS})
        except Exception:  # the edge of this server: logged, and brought again by Telegram
            log.exception("webhook: unexpected error")
            return web.Response(status=500)

    def _forged(self, request: web.Request) -> web.Response:
        if not self.registered:
            return _turned_away(503, **{"Retry-After": _AGAIN_SECONDS})
        self._forgeries.note(request.remote)
        self._options.on_forged()
        return _turned_away(401)

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            log.error(
                "webhook: an update of over %d bytes is left at Telegram; TELEGRAM_MODE=polling takes it", _LARGEST
            )
            return _turned_away(413)
        except (OSError, web.RequestPayloadError):  # cut off: nobody hears this answer
            return _turned_away(400)
        update = to_keep(_parsed(body))
        if update is not None:
            await self._writer.store([update])
        return web.Response()


class _Refusal(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class _Seldom:
    """Logs how often something happened: the first time at once, then no more than once a minute."""

    def __init__(self, sentence: str) -> None:
        """``sentence`` has places for the number and for what ``note`` is given."""
        self._sentence = sentence
        self._count = 0
        self._next = 0.0

    def note(self, detail: object) -> None:
        self._count += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            log.warning(self._sentence, self._count, detail)
            self._count, self._next = 0, now + _QUIET_SECONDS


def _given_secret(request: web.Request) -> bytes:
    return request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")


def _turned_away(status: int, **headers: str) -> web.Response:
    """Answer somebody who is not Telegram, most likely, and close: their connections don't count against it."""
    response = web.Response(status=status, headers=headers)
    response.force_close()
    return response


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        log.error("webhook: a delivery with the right secret is no JSON: %s", type(error).__name__)
        return None


def _unusable(error: OSError, host: str, port: int) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError([f"WEBHOOK_PORT: {port} at {host} is taken by another program; name another one"])
    if error.errno == errno.EACCES:
        return ConfigurationError([f"WEBHOOK_PORT: {port} is not for this user; name one above 1023"])
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "there is no such host"
    return ConfigurationError([f"WEBHOOK_HOST: {host} can't be listened at: {reason}"])
