"""A file on the Bot API, as a stream: over HTTP or, of a server in local mode, from its folder."""

import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import ClientResponse

from teltubby_bot.botapi.errors import mapped
from teltubby_bot.botapi.http import Connections
from teltubby_bot.botapi.local_files import SETTING, LocalFiles
from teltubby_bot.botapi.raw import count, fields, text
from teltubby_core.errors import InfrastructureError, PermanentError, TransientError

log = logging.getLogger(__name__)

_BLOCK = 256 * 1024  # bytes of a downloaded chunk
_AS_IT_LIES = {"Accept-Encoding": "identity"}
"""Asks for the file's own bytes: what a proxy compresses on the way has another length."""
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]")


class FileServer:
    """Where the paths that getFile answers with lead to."""

    def __init__(self, connections: Connections, base_url: str, local: LocalFiles | None) -> None:
        """``base_url`` has the token in it, and no slash at its end."""
        self._connections = connections
        self._base = base_url
        self._local = local

    def open(self, path: str, on_length: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        """Return the bytes that lie at ``path``; ``on_length`` is told how many, if the server says so."""
        if not _ABSOLUTE.match(path):
            return self._get(path, on_length)
        if self._local is None:
            raise InfrastructureError(
                f"{SETTING}: not set, but the server at TELEGRAM_API_URL runs with --local and names files on its own"
                " disk; set it to the folder where they are seen here, or start the server without --local"
            )
        return self._local.read(path)

    async def _get(self, path: str, on_length: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        with mapped():
            async with self._connections.ask("GET", f"{self._base}/{quote(path)}", headers=_AS_IT_LIES) as response:
                _check(response)
                length = response.headers.get("Content-Length", "")
                if length.isdecimal():
                    on_length(int(length))
                async for chunk in response.content.iter_chunked(_BLOCK):
                    yield chunk


def _check(response: ClientResponse) -> None:
    if response.status != HTTPStatus.OK:
        raise TransientError(f"Telegram answers the download with HTTP {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TransientError("Telegram, or a proxy before it, sends the file in another encoding than asked for")


class FileSource:
    """A file on the Bot API (a MediaSource). Its path is asked for each time: it lives for an hour."""

    def __init__(self, get_file: Callable[[], Awaitable[Any]], server: FileServer) -> None:
        self._get_file = get_file
        self._server = server
        self._told: int | None = None

    def told_size(self) -> int | None:
        """Return the download's own length, until it is known what getFile says; see MediaSource.

        Both come from the server, but only the length is about the bytes on their way: HTTP itself tells when
        they end short of it.
        """
        return self._told

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See MediaSource."""
        file = fields(await self._get_file())
        path = text(file, "file_path")
        if not path:
            raise PermanentError("Telegram names no path for this file")
        self._told = count(file, "file_size")
        if self._told is not None:
            yield b""  # open, before any byte is asked for
        async with aclosing(self._server.open(path, self._hear)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _hear(self, length: int) -> None:
        if self._told is not None and self._told != length:
            log.warning("getFile speaks of %d bytes, the download of %d: the latter counts", self._told, length)
        self._told = length
