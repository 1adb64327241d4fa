"""HTTP to the Bot API: for python-telegram-bot a transport of ours, and for downloads a stream.

With aiohttp the whole bot needs a quarter less CPU than with the library's own transport (httpx). What is no answer of
the Bot API is told without its content: the library would put it into its error's text, and log it.
"""

import json
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import httpx
from telegram.error import NetworkError
from telegram.request import BaseRequest, RequestData
from yarl import URL

from teltubby_bot.botapi.errors import ConnectionFailedError, NoSuchPageError

_CONNECTING = 5.0  # seconds for a connection, once there is room for one
_UPLOADING = 15 * 60.0  # seconds for a whole upload: 50 MB at half a megabit a second
_LONGEST = 200  # characters of another program's words in a text of ours
_IN_QUOTES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""What a form's header can't have inside quotes; https://html.spec.whatwg.org/#multipart-form-data"""


class Connections:
    """A pool of connections. Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, authorities from SSL_CERT_FILE."""

    def __init__(self, number: int, timeout: float) -> None:
        """Have at most ``number`` at once; ``timeout`` in seconds limits the wait for a free one and each read."""
        self._number = number
        self.timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready; no connection is made before the first request."""
        if self._session is None:
            # httpx's choice of authorities: certifi's, where the environment names none
            connector = aiohttp.TCPConnector(limit=self._number, ssl=httpx.create_ssl_context())
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=True)

    async def close(self) -> None:
        """Close all connections; open() begins anew."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def ask(
        self, method: str, url: str, *, read_timeout: float | None = None, total: float | None = None, **request: Any
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Send a request and give its answer, whose body is there to read inside.

        Raises:
            ConnectionFailedError: no whole answer came; it names the host alone, as paths have the token in them.
        """
        assert self._session is not None, "open() comes first"
        where = URL(url, encoded=True)
        timeout = aiohttp.ClientTimeout(
            total=total,
            connect=self.timeout + _CONNECTING,
            sock_connect=_CONNECTING,
            sock_read=read_timeout or self.timeout,
        )
        try:
            async with self._session.request(
                method, where, timeout=timeout, allow_redirects=False, **request
            ) as response:
                yield response
        except TimeoutError as error:
            raise ConnectionFailedError(f"{where.host_port_subcomponent} did not answer in time") from error
        except aiohttp.ClientError as error:
            said = f"{where.host_port_subcomponent} can't be reached: {_cause(error)}"
            raise ConnectionFailedError(said) from error


class BotApiRequest(BaseRequest):
    """The library's requests. 404 is told from 401, which the library takes it for."""

    def __init__(self, connections: int, timeout: float) -> None:
        """See Connections."""
        self._connections = Connections(connections, timeout)

    @property
    def read_timeout(self) -> float | None:
        """See BaseRequest."""
        return self._connections.timeout

    async def initialize(self) -> None:
        """See BaseRequest."""
        await self._connections.open()

    async def shutdown(self) -> None:
        """See BaseRequest."""
        await self._connections.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        *_: Any,
        **__: Any,
    ) -> tuple[int, bytes]:
        """See BaseRequest; of its timeouts the one for reading counts, the others are Connections' own.

        Raises:
            NoSuchPageError: HTTP 404.
            ConnectionFailedError: no whole answer came.
            telegram.error.NetworkError: what should be a result is none.
        """
        reading = self._connections.timeout if read_timeout is BaseRequest.DEFAULT_NONE else read_timeout
        sending = _UPLOADING if request_data is not None and request_data.contains_files else self._connections.timeout
        async with self._connections.ask(
            method,
            url,
            read_timeout=reading,
            total=self._connections.timeout + _CONNECTING + sending + reading,
            headers={"User-Agent": self.USER_AGENT},
            data=_form(request_data) if request_data else None,
        ) as response:
            return _answer(response.status, await response.read())


def _answer(code: int, payload: bytes) -> tuple[int, bytes]:
    if code == 404:
        raise NoSuchPageError("404 Not Found")
    answer = _object(payload)
    if not 200 <= code < 300:
        return code, payload if answer is not None else b"{}"
    if answer is None or "result" not in answer:
        raise NetworkError(f"it answers HTTP {code}, but not as the Bot API does")
    return code, payload


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(payload.decode("utf-8", "replace"))
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _form(data: RequestData) -> Mapping[str, str] | aiohttp.FormData:
    if not data.contains_files:
        return data.json_parameters
    form = aiohttp.FormData(quote_fields=False)  # names as they are, in UTF-8
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (file_name, content, kind) in data.multipart_data.items():
        body = BytesIO(content) if isinstance(content, bytes) else content  # sent in pieces
        form.add_field(name, body, filename=file_name.translate(_IN_QUOTES), content_type=kind)
    return form


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, the innermost last."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _cause(error: Exception) -> str:
    """Name what is behind a failed request: the system's words, else the library's class."""
    for system in reversed(list(_chain(error))):
        if isinstance(system, OSError) and system.errno is not None:
            # strerror of a failed connect is asyncio's own; TLS and the resolver have numbers of their own
            plain = system.errno > 0 and not isinstance(system, ssl.SSLError | socket.gaierror)
            return os.strerror(system.errno) if plain else f"{type(system).__name__}: {system.strerror}"[:_LONGEST]
    return type(error).__name__
