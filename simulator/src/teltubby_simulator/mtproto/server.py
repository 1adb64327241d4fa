"""The listening MTProto server of one data centre."""

import asyncio
import logging
import socket
from contextlib import suppress

from telethon.tl import types

from teltubby_simulator.mtproto.connection import Connection
from teltubby_simulator.mtproto.crypto import ServerKey
from teltubby_simulator.mtproto.faults import Faults
from teltubby_simulator.mtproto.hub import Hub
from teltubby_simulator.mtproto.rpc import Site
from teltubby_simulator.mtproto.transports import Inbound, Stream
from teltubby_simulator.world import World

log = logging.getLogger(__name__)

_STOP_TIMEOUT = 5  # seconds until connections that do not end are given up
_READ_LIMIT = 64 << 10  # bytes a client may send ahead of what has been seen to


class MtprotoServer:
    """A data centre with two addresses: the main one, and a media-only one where connections may be parallel.

    Keys agreed on with clients live as long as this object, so a session survives ``stop`` and ``start``.
    """

    def __init__(
        self,
        world: World,
        host: str = "127.0.0.1",
        port: int = 0,
        dc_id: int = 2,
        *,
        media_port: int = 0,
        advertised_host: str | None = None,
    ) -> None:
        self.dc_id = dc_id
        self.faults = Faults()
        self._host = host
        self._advertised_host = advertised_host or host
        self._ports = {False: port, True: media_port}  # by "media only"; 0 until one is given
        self._hub = Hub(Site(world, self.faults, dc_id, self._dc_options), ServerKey())
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int:
        """The main address's port, known once started."""
        return self._ports[False]

    @property
    def media_port(self) -> int:
        """The port of the media-only address."""
        return self._ports[True]

    @property
    def public_key_pem(self) -> str:
        """The server's RSA key as clients want it (PKCS#1)."""
        return self._hub.server_key.pem

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen. Raises OSError if an address is taken."""
        try:
            for media in (False, True):
                await self._listen(media=media)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and close every connection, with a limit on the time it takes."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        tasks = set(self._connections.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_TIMEOUT)
            if late:
                log.warning("%d connections did not end in time", len(late))
        for listener in listeners:
            with suppress(TimeoutError):
                await asyncio.wait_for(listener.wait_closed(), _STOP_TIMEOUT)

    def close_connections(self) -> None:
        """Close every connection, as Telegram now and then does; clients may come back at once."""
        for connection in self._connections:
            connection.close()

    async def _listen(self, *, media: bool) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = Inbound(limit=_READ_LIMIT, loop=loop)
            return asyncio.StreamReaderProtocol(
                reader, lambda _, writer: self._welcome(Stream(reader, writer), media=media), loop=loop
            )

        listener = await loop.create_server(protocol, self._host, self._ports[media])
        self._listeners.append(listener)
        self._ports[media] = listener.sockets[0].getsockname()[1]

    def _welcome(self, stream: Stream, *, media: bool) -> None:
        stream.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self._hub, stream, media=media)
        task = asyncio.create_task(connection.serve(), name="mtproto-connection")
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection, None))

    def _dc_options(self) -> list[types.DcOption]:
        return [
            types.DcOption(
                self.dc_id,
                self._advertised_host,
                port,
                ipv6=":" in self._advertised_host,
                media_only=media,
            )
            for media, port in self._ports.items()
        ]
