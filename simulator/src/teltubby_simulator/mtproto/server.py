"""The MTProto door: two data centres, each listening at a main and at a media-only address."""

import asyncio
import itertools
import logging
import socket
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from telethon.tl import types

from teltubby_simulator.mtproto.authorizations import Exports
from teltubby_simulator.mtproto.connection import Connection
from teltubby_simulator.mtproto.crypto import ServerKey
from teltubby_simulator.mtproto.hub import Hub
from teltubby_simulator.mtproto.lanes import Lane
from teltubby_simulator.mtproto.rpc import Site
from teltubby_simulator.mtproto.transports import Inbound, Stream
from teltubby_simulator.world import World

log = logging.getLogger(__name__)

DATA_CENTRES = (2, 4)
_STOP_TIMEOUT = 5  # seconds until connections that do not end are given up
_READ_LIMIT = 64 << 10  # bytes a client may send ahead of what has been seen to


class Ports(NamedTuple):
    """Where a data centre listens; 0 takes a free port at the first start and keeps it."""

    main: int = 0
    media: int = 0


class DataCentre:
    """One data centre: its keys, and its addresses by "media only"."""

    def __init__(self, hub: Hub, ports: Ports) -> None:
        self.hub = hub
        self.ports = {False: ports.main, True: ports.media}

    @property
    def dc_id(self) -> int:
        return self.hub.site.dc_id

    def options(self, host: str) -> list[types.DcOption]:
        """Return both addresses as help.getConfig tells them, the main one first."""
        return [
            types.DcOption(self.dc_id, host, port, ipv6=":" in host, media_only=media)
            for media, port in self.ports.items()
        ]


class MtprotoServer:
    """Data centres 2 and 4 on one world. ``dc_id`` is the one that ``port`` and ``media_port`` speak of.

    Keys agreed on with clients live as long as this object, so a session survives ``stop`` and ``start``. What goes
    wrong is ordered at ``world.faults``.
    """

    def __init__(
        self,
        world: World,
        host: str = "127.0.0.1",
        ports: Mapping[int, Ports] | None = None,
        *,
        dc_id: int = DATA_CENTRES[0],
        advertised_host: str | None = None,
        private_key: bytes | None = None,
    ) -> None:
        """``private_key``: see ServerKey, which raises ValueError for what can't be one."""
        self.world = world
        self.dc_id = dc_id
        self._host = host
        self._advertised_host = advertised_host or host
        self._key = ServerKey(private_key)
        self._numbers = itertools.count(1)
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        exports, lanes = Exports(world.clock), defaultdict[int, Lane](Lane)
        self._centres = {
            each: DataCentre(
                Hub(Site(world, each, exports, self._options), self._key, lanes), (ports or {}).get(each, Ports())
            )
            for each in DATA_CENTRES
        }

    @property
    def host(self) -> str:
        return self._host

    @property
    def advertised_host(self) -> str:
        """Where clients are told to find it."""
        return self._advertised_host

    @property
    def port(self) -> int:
        """The main address's port, known once started."""
        return self.port_of(self.dc_id)

    @property
    def media_port(self) -> int:
        """The port of the media-only address."""
        return self.port_of(self.dc_id, media=True)

    def port_of(self, dc_id: int, *, media: bool = False) -> int:
        """Return the port of a data centre's address. Raises KeyError for an unknown data centre."""
        return self._centres[dc_id].ports[media]

    @property
    def public_key_pem(self) -> str:
        """The RSA key of all data centres as clients want it (PKCS#1)."""
        return self._key.pem

    @property
    def public_key_fingerprint(self) -> int:
        """What clients know that key by: 64 bits, signed."""
        return self._key.fingerprint

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen. Raises OSError if an address is taken."""
        try:
            for centre in self._centres.values():
                for media in centre.ports:
                    await self._listen(centre, media=media)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and close every connection, with a limit on the time it takes."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        await asyncio.sleep(0.01)  # who was accepted just before is welcomed now, and ended like the others
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

    def close_connections(self, media: bool | None = None, dc_id: int | None = None) -> None:
        """Close connections, as Telegram now and then does; None: whatever it is. Clients may come back at once."""
        for connection in self._connections:
            if media in (None, connection.media) and dc_id in (None, connection.hub.site.dc_id):
                connection.close()

    def forget_keys(self, dc_id: int | None = None) -> None:
        """Forget the keys of a data centre, or all keys, as when sessions are revoked."""
        for centre in self._centres.values():
            if dc_id in (None, centre.dc_id):
                centre.hub.keys.clear()

    async def _listen(self, centre: DataCentre, *, media: bool) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = Inbound(limit=_READ_LIMIT, loop=loop)
            return asyncio.StreamReaderProtocol(
                reader, lambda _, writer: self._welcome(centre, Stream(reader, writer), media=media), loop=loop
            )

        listener = await loop.create_server(protocol, self._host, centre.ports[media])
        self._listeners.append(listener)
        centre.ports[media] = listener.sockets[0].getsockname()[1]

    def _welcome(self, centre: DataCentre, stream: Stream, *, media: bool) -> None:
        stream.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(centre.hub, stream, next(self._numbers), media=media)
        task = asyncio.create_task(connection.serve(), name=f"mtproto-connection-{connection.number}")
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection, None))

    def _options(self) -> list[types.DcOption]:
        return [option for centre in self._centres.values() for option in centre.options(self._advertised_host)]
