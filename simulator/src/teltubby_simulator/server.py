"""The whole simulator as one async context manager: three listeners on one world."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from teltubby_simulator.botapi import BotApi
from teltubby_simulator.control import Control
from teltubby_simulator.mtproto.server import MtprotoServer, Ports
from teltubby_simulator.world import World

_SHUTDOWN_TIMEOUT = 1.0  # seconds for answers under way
_LARGEST_BODY = 64 * 1024 * 1024  # bytes; above the 50 MB that bots may upload


class TelegramSimulator:
    """A running Telegram. Port 0 takes a free one; ``mtproto=False`` leaves the MTProto door closed.

    ``mtproto_ports`` are those of its data centres 2 and 4; ``mtproto_advertised_host`` is where MTProto clients are
    told to find them, when that is not ``host``.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        host: str = "127.0.0.1",
        bot_api_port: int = 0,
        mtproto_ports: Mapping[int, Ports] | None = None,
        mtproto_advertised_host: str | None = None,
        mtproto: bool = True,
        mtproto_private_key: bytes | None = None,
    ) -> None:
        """``mtproto_private_key``: an RSA key of 2048 bits in PEM, so that clients know it after a restart.

        Raises:
            ValueError: it is none.
        """
        self.world = World() if world is None else world
        self._host = host
        self._bot_api_port = bot_api_port
        self._bot_api = BotApi(self.world)
        self._runner: web.AppRunner | None = None
        self._mtproto: MtprotoServer | None = None
        if mtproto:
            self._mtproto = MtprotoServer(
                self.world,
                host,
                mtproto_ports,
                advertised_host=mtproto_advertised_host,
                private_key=mtproto_private_key,
            )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open both doors. When the second one fails, the first is closed again."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.add_routes(self._bot_api.routes())
        app.add_routes(Control(self.world, self._mtproto).routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._bot_api_port).start()
            self._bot_api_port = self._runner.addresses[0][1]
            if self._mtproto is not None:
                await self._mtproto.start()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """End long polls, let answers under way finish, close both doors."""
        self._bot_api.close()
        try:
            if self._mtproto is not None:
                await self._mtproto.stop()
        finally:
            if self._runner is not None:
                await self._runner.cleanup()

    @property
    def bot_api_url(self) -> str:
        """The root: clients use ``<root>/bot<token>/…`` and ``<root>/file/bot<token>/…``."""
        return f"http://{self._host}:{self._bot_api_port}"

    @property
    def control_url(self) -> str:
        """Where the control API lives."""
        return f"{self.bot_api_url}/control"

    @property
    def mtproto(self) -> MtprotoServer:
        """The MTProto door itself: its addresses and connections."""
        if self._mtproto is None:
            raise RuntimeError("this simulator was started without the MTProto door")
        return self._mtproto

    @property
    def mtproto_address(self) -> tuple[str, int]:
        """Host and port of the home DC."""
        return self._host, self.mtproto.port

    @property
    def mtproto_dc_id(self) -> int:
        """The number of the home DC."""
        return self.mtproto.dc_id

    @property
    def mtproto_public_key(self) -> str:
        """The RSA key of all data centres in PEM, which clients must be told."""
        return self.mtproto.public_key_pem
