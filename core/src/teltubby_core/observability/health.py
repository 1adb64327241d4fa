"""The HTTP server that shows how a service is: /healthz, /readyz, /metrics and /status.

It answers from what is known already: no request waits for a dependency, and none can hold up the service. It has no
passwords, so it listens at localhost unless told otherwise, and it only ever shows.
"""

import asyncio
import errno
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from teltubby_core.errors import ConfigurationError
from teltubby_core.logs import redact
from teltubby_core.observability.metrics import Metrics
from teltubby_core.observability.readiness import Readiness
from teltubby_core.observability.status import Status

log = logging.getLogger(__name__)

_MAX_CONNECTIONS = 32
_CONNECTION_SECONDS = 10.0  # that a connection may live: an answer is small, and who reads slowly has to come again
_RENDER_SECONDS = 5.0
_STOP_SECONDS = 0.2  # for requests under way; aiohttp waits that long twice

_QUIET = logging.Logger("aiohttp", logging.CRITICAL + 1)  # noqa: LOG001  # outside of the tree: nobody sees it
"""aiohttp would log each malformed request with a traceback; what goes wrong in a page is logged here."""
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HealthServer:
    """Serves while entered as a context; runs the readiness checks too."""

    def __init__(self, host: str, port: int, *, metrics: Metrics, readiness: Readiness, status: Status) -> None:
        """Listen at ``host``, an address or a name of this machine; port 0 takes a free one."""
        self._host = host
        self._port = port
        self._metrics = metrics
        self._readiness = readiness
        self._status = status
        self._rendering = ThreadPoolExecutor(1, "metrics")  # of its own: the usual threads may all wait for a dead disk
        self._sockets: list[tuple[str, int]] = []
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Root of the server, once it listens."""
        host, port = self._sockets[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def __aenter__(self) -> Self:
        """Listen and begin the checks.

        Raises:
            ConfigurationError: HEALTH_PORT is taken or not allowed, or HEALTH_HOST is no address of this machine.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self._rendering.shutdown, wait=False, cancel_futures=True)
            runner = web.AppRunner(self._application(), access_log=None, logger=_QUIET, shutdown_timeout=_STOP_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            assert runner.server is not None
            listening = await self._listen(_Entrance(runner.server))
            stack.callback(listening.close)
            await stack.enter_async_context(self._readiness)
            self._stack = stack.pop_all()
        log.info("health and metrics at %s", self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _listen(self, entrance: "_Entrance") -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(entrance, self._host, self._port, backlog=_MAX_CONNECTIONS)
        except OSError as error:
            raise ConfigurationError([_why_not(error, self._host, self._port)]) from error
        self._sockets = [each.getsockname()[:2] for each in server.sockets]
        return server

    # Pages

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_once])
        pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._show, "/status": self._report}
        for path, page in pages.items():
            application.router.add_get(path, page)  # HEAD too
        return application

    async def _healthz(self, _: web.Request) -> web.Response:
        return _json(*self._status.alive())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _json(*self._status.ready())

    async def _report(self, _: web.Request) -> web.Response:
        return _json(True, await self._status.report())

    async def _show(self, request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        accept = request.headers.get("Accept", "")
        rendering = loop.run_in_executor(self._rendering, self._metrics.render, accept)
        try:
            async with asyncio.timeout(_RENDER_SECONDS):
                body, content_type = await rendering
        except TimeoutError:
            return web.Response(status=503, text="the metrics can't be read right now\n")
        return web.Response(body=body, headers={"Content-Type": content_type})


class _Entrance:
    """Lets a bounded number of connections in, each for a bounded time."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> asyncio.Protocol:
        if len(self._server.connections) >= _MAX_CONNECTIONS:
            return _Refusal()
        connection = self._server()
        asyncio.get_running_loop().call_later(_CONNECTION_SECONDS, _cut, connection)
        return connection


class _Refusal(asyncio.Protocol):
    """What the one too many gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_FULL)
        transport.close()


def _cut(connection: web.RequestHandler) -> None:
    transport = connection.transport
    if transport is not None:  # still there
        transport.abort()


@web.middleware
async def _once(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer once a connection: those that wait for a next request would use up the bound."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        error.force_close()
        raise
    except Exception:  # the edge of a request: a page with a defect must not look like a dead service
        log.exception("%s can't be shown", request.path)
        response = web.Response(status=500, text="a defect; the log has it in full\n")
    response.force_close()
    return response


def _json(well: bool, body: dict[str, Any]) -> web.Response:
    text = redact(json.dumps(body, ensure_ascii=False, indent=2, default=str))
    encoded = f"{text}\n".encode("utf-8", "backslashreplace")  # somebody's half of a surrogate pair has no encoding
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(status=200 if well else 503, body=encoded, headers=headers)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"HEALTH_PORT: {port} at {host} is in use by another program; stop that one or set HEALTH_PORT to a free"
            " port (0 takes any)"
        )
    if error.errno == errno.EACCES:
        return f"HEALTH_PORT: {port} may not be opened by this user; set HEALTH_PORT to one above 1023"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"HEALTH_HOST: {host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all"
    return f"HEALTH_HOST, HEALTH_PORT: can't listen at {host}, port {port}: {error.strerror}"
