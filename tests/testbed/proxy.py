"""A way to a server on which things go wrong: answers get lost, bytes change, connections break, all gets slow.

Works on bytes of HTTP/1.1 without TLS; what a request is about, its first line tells.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_BLOCK = 64 * 1024


@dataclass
class Trouble:
    """What happens to the next ``times`` requests whose first line has ``about`` in it."""

    about: str
    times: int = 1
    lose_answer: bool = False
    """The server does it; whoever asked sees the connection end."""
    answer: bytes = b""
    """This comes back; the server never hears of it."""
    damage: bool = False
    """One byte of the body changes."""
    break_after: int | None = None
    """The connection ends after so many bytes."""
    met: int = 0


@dataclass
class Proxy:
    """Passes everything on, but what meets a trouble.

    Attributes:
        rate: bytes a second in each connection towards the server, None for all it can.
        requests: first lines of the requests so far.
        serving: one task a connection.
    """

    host: str
    port: int
    endpoint: str = ""
    rate: float | None = None
    troubles: list[Trouble] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    serving: set["asyncio.Task[None]"] = field(default_factory=set)

    def expect(self, trouble: Trouble) -> Trouble:
        """Let a trouble wait for its requests."""
        self.troubles.append(trouble)
        return trouble

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            # cancelled at the end of it all, and by nobody else: asyncio would complain of a handler that was
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                there, back = await asyncio.open_connection(self.host, self.port)
                async with _closing(back):
                    await _Connection(self, reader, writer, there, back).run()
        finally:
            async with _closing(writer):
                self.serving.discard(task)

    def trouble_of(self, first_line: str) -> Trouble | None:
        """Note a request and return the trouble that it meets."""
        self.requests.append(first_line)
        found = next((t for t in self.troubles if t.about in first_line and t.met < t.times), None)
        if found:
            found.met += 1
        return found


@asynccontextmanager
async def proxy_before(endpoint: str) -> AsyncIterator[Proxy]:
    """Open a proxy before the server at ``endpoint``."""
    parts = urlsplit(endpoint)
    proxy = Proxy(parts.hostname or "", parts.port or 80)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        serving = list(proxy.serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Connection:
    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._there, self._back = there, back
        self._lost = False  # the answer to the request that is under way

    async def run(self) -> None:
        pair = [
            asyncio.create_task(self._requests(), name="proxy: requests"),
            asyncio.create_task(self._answers(), name="proxy: answers"),
        ]
        try:
            await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pair:
                task.cancel()
            await asyncio.gather(*pair, return_exceptions=True)

    async def _requests(self) -> None:
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            trouble = self._proxy.trouble_of(head.partition(b"\r\n")[0].decode("latin-1"))
            if trouble and trouble.answer:
                self._writer.write(trouble.answer)
                await self._writer.drain()
                return
            self._lost = bool(trouble and trouble.lose_answer)
            self._back.write(head)
            await self._body(_length(head), trouble)

    async def _body(self, length: int, trouble: Trouble | None) -> None:
        sent = 0
        while sent < length:
            block = bytearray(await self._reader.read(min(_BLOCK, length - sent)))
            if not block:
                raise ConnectionError
            if trouble and trouble.damage and sent == 0:
                block[0] ^= 1
            sent += len(block)
            if trouble and trouble.break_after is not None and sent >= trouble.break_after:
                raise ConnectionError
            self._back.write(block)
            await self._back.drain()
            if self._proxy.rate:
                await asyncio.sleep(len(block) / self._proxy.rate)

    async def _answers(self) -> None:
        while block := await self._there.read(_BLOCK):
            if self._lost and not block.startswith(b"HTTP/1.1 100"):
                return
            self._writer.write(block)
            await self._writer.drain()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
