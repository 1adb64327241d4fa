"""One connection to one data centre with one key: connect, call, notice silence, close.

It never reconnects by itself. Who calls decides whether and when to open a new one, so that every retry is counted
in one place and no request hangs in a queue that nobody empties.
"""

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol

from telethon.crypto import AuthKey
from telethon.network import ConnectionTcpAbridged, MTProtoSender
from telethon.tl.alltlobjects import LAYER
from telethon.tl.functions import (
    InitConnectionRequest,
    InvokeWithLayerRequest,
    InvokeWithoutUpdatesRequest,
    PingRequest,
)
from telethon.tl.functions.upload import GetFileRequest

from teltubby_core.domain.keyring import DataCentre
from teltubby_core.errors import TeltubbyError
from teltubby_worker.mtproto.errors import ConnectionLostError, telethon_errors

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10
_OPEN_SECONDS = 40  # connecting, making a key (three round trips and some arithmetic), first answer
_PING_SECONDS = 15.0
_MOST_SILENCES = 5  # after so many an answer counts as lost, however busy the connection is with others
_SYSTEM = platform.system() or "unknown"
_VERSION = version("teltubby-worker")


class Connection(Protocol):
    """A connection as ``Link`` is one."""

    centre: DataCentre

    @property
    def key(self) -> bytes: ...

    @property
    def is_open(self) -> bool: ...

    async def open(self, query: Any) -> Any: ...

    async def call(self, request: Any) -> Any: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


Connect = Callable[[DataCentre, bytes | None], Connection]
"""Makes a connection, not open yet, with a key or (None) a new one."""


class _Loggers(dict[str, logging.Logger]):
    """Telethon asks for its loggers in a mapping by module name."""

    def __missing__(self, name: str) -> logging.Logger:
        return logging.getLogger(name)


class _NoUpdates:
    """Stands where updates would queue up: the Bot API delivers them, here they are dropped."""

    def put_nowait(self, update: object) -> None:
        """Drop it."""


def _not_our_news(record: logging.LogRecord) -> bool:
    # Telethon calls it an error that it does not reconnect; here that is meant, and callers log what follows.
    return not record.getMessage().startswith("Automatic reconnection failed")


def quiet_telethon() -> None:
    """Keep Telethon's log at warnings: below, it writes whole packets."""
    logging.getLogger("telethon").setLevel(logging.WARNING)
    logging.getLogger("telethon.network.mtprotosender").addFilter(_not_our_news)


class _Fenced(ConnectionTcpAbridged):
    """Asks before each packet whether it may still be sent."""

    def __init__(self, centre: DataCentre, may_send: Callable[[], bool]) -> None:
        super().__init__(centre.host, centre.port, centre.dc_id, loggers=_Loggers())
        self._may_send = may_send

    def _send(self, data: bytes) -> None:
        # Nothing is awaited between the question and the system call: a process that was suspended asks again.
        if not self._may_send():
            raise ConnectionError("the session's lease ran out")
        super()._send(data)


class Link:
    """A connection that is opened once, used by many callers side by side, and closed once.

    ``silence`` is how many seconds calls wait while no answer at all comes on this connection; then it counts as
    dead and is closed, which ends every call in flight. ``may_send`` is asked right before each packet; at the first
    no the connection closes.
    """

    def __init__(
        self,
        centre: DataCentre,
        api_id: int,
        key: bytes | None,
        silence: float,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self.centre = centre
        self._may_send = may_send
        self._api_id = api_id
        self._silence = silence
        self._waiting: dict[asyncio.Timeout, float] = {}  # each with its last moment
        self._closing: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._sender = MTProtoSender(
            AuthKey(key),
            loggers=_Loggers(),
            retries=1,  # on connecting only: of the keys that it agrees on, one in 256 is too short for Telethon
            delay=0,
            auto_reconnect=False,
            connect_timeout=_CONNECT_SECONDS,
            updates_queue=_NoUpdates(),
        )

    @property
    def key(self) -> bytes:
        """The authorization key, a secret: whoever has it is logged in as we are."""
        return bytes(self._sender.auth_key.key)

    @property
    def is_open(self) -> bool:
        """Whether a call has a chance."""
        return self._lost is not None and not self._lost.done()

    async def open(self, query: Any) -> Any:
        """Connect, make a key if there is none, say who we are, and return the answer to ``query``.

        Raises:
            ConnectionLostError: it can't be reached or did not answer.
            SessionLostError: it does not know the key.
            TransientError, PermanentError, InfrastructureError: the answer to ``query``, in our words.
        """
        try:
            with telethon_errors():
                async with asyncio.timeout(_OPEN_SECONDS):
                    await self._connect()
                    return await self._answer(self._introduced(query))
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> None:
        await self._sender.connect(_Fenced(self.centre, self._allowed))
        self._lost = asyncio.ensure_future(self._sender.disconnected)
        self._lost.add_done_callback(_look)

    def _introduced(self, query: Any) -> Any:
        hello = InitConnectionRequest(
            api_id=self._api_id,
            device_model="teltubby worker",
            system_version=_SYSTEM,
            app_version=_VERSION,
            system_lang_code="en",
            lang_pack="",
            lang_code="en",
            query=query,
        )
        return InvokeWithLayerRequest(LAYER, InvokeWithoutUpdatesRequest(hello))

    async def call(self, request: Any) -> Any:
        """Send ``request`` and return its answer. Raises what ``open`` raises."""
        # Parts of files never subscribe to updates; anything else would, and the Bot API might miss some.
        quiet = request if isinstance(request, GetFileRequest) else InvokeWithoutUpdatesRequest(request)
        with telethon_errors():
            return await self._answer(quiet)

    async def ping(self) -> None:
        """Keep the connection alive; close it when no answer comes."""
        try:
            with telethon_errors():
                async with asyncio.timeout(_PING_SECONDS):
                    await self._answer(PingRequest(ping_id=id(self)), counts=False)
        except TeltubbyError as error:
            log.info("data centre %d: %s; closing the connection", self.centre.dc_id, error)
            await self.close()

    async def _answer(self, request: Any, *, counts: bool = True) -> Any:
        if not self.is_open:
            raise ConnectionLostError("the connection to Telegram is closed")
        future: asyncio.Future[Any] = self._sender.send(request)
        try:
            await self._heard_of(future)
        finally:
            future.cancel()  # does nothing to one that is done
        if counts:  # a server that answers pings and nothing else is silent all the same
            self._put_off_silence()
        return future.result()

    async def _heard_of(self, future: asyncio.Future[Any]) -> None:
        assert self._lost is not None
        patience = asyncio.timeout(self._silence)
        try:
            async with patience:
                self._waiting[patience] = asyncio.get_running_loop().time() + _MOST_SILENCES * self._silence
                await asyncio.wait({future, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            await self.close()
            raise ConnectionLostError(f"no answer from Telegram for {self._silence:g} s") from None
        finally:
            self._waiting.pop(patience, None)
        # Telethon cancels what was in flight when a connection closes: that must not look like our own cancellation.
        if not future.done() or future.cancelled():
            raise self._reason()

    def _reason(self) -> BaseException:
        lost = self._lost
        error = lost.exception() if lost is not None and lost.done() and not lost.cancelled() else None
        return error or ConnectionLostError("the connection to Telegram closed")

    def _put_off_silence(self) -> None:
        until = asyncio.get_running_loop().time() + self._silence
        for patience, last in self._waiting.items():
            if not patience.expired():  # its caller may not have woken up to it yet
                patience.reschedule(min(until, last))

    async def close(self) -> None:
        """Disconnect cleanly; calls in flight end with ConnectionLostError. Safe to call twice."""
        await asyncio.shield(self._begin_closing())

    def _begin_closing(self) -> asyncio.Task[None]:
        # In a task of its own: a caller that is cancelled must not leave a connection that is neither open nor closed.
        if self._closing is None:
            self._closing = asyncio.create_task(self._disconnect(), name="disconnect from Telegram")
        return self._closing

    def _allowed(self) -> bool:
        if self._may_send():
            return True
        self._begin_closing()  # Telethon notices only what it receives
        return False

    async def _disconnect(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._sender.disconnect()


def _look(lost: asyncio.Future[None]) -> None:
    # The reason is told by the calls in flight; here it only must not count as never looked at.
    if not lost.cancelled():
        lost.exception()
