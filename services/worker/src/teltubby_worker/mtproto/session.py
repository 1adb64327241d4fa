"""One leased login of the bot, and the connections made with it: one to its home, one to each other data centre.

Nothing is opened before it is needed. A session is logged in once and kept: repeated logins earn floods, and so do
repeated exports to other data centres. Two connections with one key to one data centre would kill the key
(AUTH_KEY_DUPLICATED), so a connection is only replaced once it is closed.
"""

import asyncio
import binascii
import contextlib
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl.functions.auth import (
    ExportAuthorizationRequest,
    ImportAuthorizationRequest,
    ImportBotAuthorizationRequest,
)
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types import InputUserSelf

from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from teltubby_core.ports import SessionLease, SessionStore
from teltubby_worker.mtproto.errors import SessionLostError, WrongDataCentreError
from teltubby_worker.mtproto.link import DataCentre

log = logging.getLogger(__name__)

_LEASE_SECONDS = 30.0
_PING_EVERY = 60.0
_LOGIN_HOPS = 3  # a login is sent on to the account's own data centre once; more is a server gone wrong
_HOME = 0


@dataclass(frozen=True)
class BotLogin:
    """What the bot logs in with. Hash and token are secrets."""

    api_id: int
    api_hash: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def bot_id(self) -> int:
        """The bot's user id, the token's first part."""
        return int(self.token.partition(":")[0])


class Connection(Protocol):
    """A connection as ``link.Link`` makes it."""

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


class Session:
    """The bot's login at Telegram, used by many callers at a time."""

    def __init__(self, sessions: SessionStore, login: BotLogin, entry: DataCentre, connect: Connect) -> None:
        """``entry`` is the data centre to start at when nobody has logged in yet."""
        self._sessions = sessions
        self._login = login
        self._entry = entry
        self._connect = connect
        self._lease: SessionLease | None = None
        self._links: dict[int, Connection] = {}
        self._openings: dict[int, asyncio.Task[Connection]] = {}
        self._foreign_keys: dict[int, bytes] = {}
        self._addresses: tuple[Any, ...] = ()
        self._login_after = 0.0
        self._keepalive: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Be connected and logged in.

        Raises:
            InfrastructureError: it can't be done now; the text names the setting when one is the cause.
        """
        try:
            await self._link(_HOME)
        except TransientError as error:
            raise InfrastructureError(f"Telegram can't be reached for large files: {error}") from error

    async def call(self, request: Any, dc_id: int | None = None) -> Any:
        """Send a request home or to another data centre, connecting first where needed.

        Raises:
            TransientError, PermanentError, InfrastructureError: Telegram's errors in our words.
        """
        place = self._place(dc_id)
        link = await self._link(place)
        try:
            return await link.call(request)
        except SessionLostError:
            self._foreign_keys.pop(place, None)
            await link.close()
            raise

    def _place(self, dc_id: int | None) -> int:
        home = self._links.get(_HOME)
        return _HOME if dc_id is None or (home and home.centre.dc_id == dc_id) else dc_id

    async def close(self) -> None:
        """Disconnect everywhere, then let the next one have the session."""
        await _cancel(self._openings.values())
        keepalive, self._keepalive = self._keepalive, None
        await _cancel([keepalive] if keepalive else [])
        links, lease = list(self._links.values()), self._lease
        self._links.clear()
        self._lease = None
        try:
            for link in links:
                await link.close()
        finally:
            if lease:
                await lease.release()

    # Connections

    async def _link(self, place: int) -> Connection:
        link = self._links.get(place)
        if link and link.is_open:
            return link
        if place not in self._openings:
            # One opening for all who wait; it goes on when one of them gives up, and fails for all at once.
            opening = asyncio.create_task(self._open(place), name=f"connect to data centre {place or 'home'}")
            opening.add_done_callback(lambda task: self._opened(place, task))
            self._openings[place] = opening
        return await asyncio.shield(self._openings[place])

    def _opened(self, place: int, opening: asyncio.Task[Connection]) -> None:
        del self._openings[place]
        if opening.cancelled() or opening.exception():
            return
        self._links[place] = opening.result()
        if self._keepalive is None:
            self._keepalive = asyncio.create_task(self._keep_alive(), name="ping Telegram")

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            for link in list(self._links.values()):
                if link.is_open:
                    await link.ping()

    async def _open(self, place: int) -> Connection:
        return await (self._open_home() if place == _HOME else self._open_foreign(place))

    async def _open_home(self) -> Connection:
        if self._lease is None:
            self._lease = await self._sessions.acquire(_LEASE_SECONDS)
        stored = self._read(await self._lease.load())
        if stored:
            try:
                return await self._resume(*stored)
            except SessionLostError as error:
                log.warning("session %s: %s; logging in again", self._lease.name, error)
        return await self._log_in(self._lease)

    async def _resume(self, centre: DataCentre, key: bytes) -> Connection:
        link = self._connect(centre, key)
        await self._configure(link)
        async with _closed_on_error(link):
            (me,) = await link.call(GetUsersRequest([InputUserSelf()]))
            if me.id != self._login.bot_id:
                raise SessionLostError("the stored session is another bot's")
        return link

    async def _configure(self, link: Connection) -> None:
        config = await link.open(GetConfigRequest())
        self._addresses = tuple(config.dc_options)

    # Logging in

    async def _log_in(self, lease: SessionLease) -> Connection:
        loop = asyncio.get_running_loop()
        if (left := self._login_after - loop.time()) > 0:
            raise InfrastructureError(f"Telegram asks to wait {left:.0f} s more before the bot may log in again")
        centre = self._entry
        for _ in range(_LOGIN_HOPS):
            try:
                return await self._log_in_at(centre, lease)
            except WrongDataCentreError as error:
                centre = self._address(error.dc_id)
            except TransientError as error:
                if error.retry_after is None:
                    raise
                # Asking again would only lengthen it, so until then nobody does.
                self._login_after = loop.time() + error.retry_after
                raise InfrastructureError(f"the bot's login must wait: {error}") from error
        raise TransientError("Telegram sends the login from one data centre to another")

    async def _log_in_at(self, centre: DataCentre, lease: SessionLease) -> Connection:
        link = self._connect(centre, None)
        await self._configure(link)
        async with _closed_on_error(link):
            login = self._login
            await link.call(
                ImportBotAuthorizationRequest(
                    flags=0, api_id=login.api_id, api_hash=login.api_hash, bot_auth_token=login.token
                )
            )
            await lease.save(await _write(link.centre, link.key))
        log.info("session %s: the bot is logged in at data centre %d", lease.name, centre.dc_id)
        return link

    def _read(self, content: str | None) -> tuple[DataCentre, bytes] | None:
        try:
            stored = StringSession(content or None)
        except (ValueError, struct.error, binascii.Error):
            log.warning("the stored session can't be read; logging in anew")
            return None
        if not stored.auth_key:
            return None
        centre = DataCentre(stored.dc_id, stored.server_address, stored.port)
        # The entry's address comes from the settings and may have moved since.
        return (self._entry if centre.dc_id == self._entry.dc_id else centre), stored.auth_key.key

    # Other data centres

    async def _open_foreign(self, dc_id: int) -> Connection:
        await self._link(_HOME)  # it knows the addresses
        centre = self._address(dc_id)
        key = self._foreign_keys.get(dc_id)
        if key:
            link = self._connect(centre, key)
            try:
                await link.open(GetConfigRequest())
            except SessionLostError:
                del self._foreign_keys[dc_id]
            else:
                return link
        exported = await self.call(ExportAuthorizationRequest(dc_id))
        link = self._connect(centre, None)
        await link.open(ImportAuthorizationRequest(id=exported.id, bytes=exported.bytes))
        self._foreign_keys[dc_id] = link.key
        return link

    def _address(self, dc_id: int) -> DataCentre:
        # Media-only and CDN addresses don't take logins; obfuscated-only ones don't take this transport.
        options = [
            option
            for option in self._addresses
            if option.id == dc_id and not (option.media_only or option.cdn or option.tcpo_only)
        ]
        if not options:
            raise PermanentError(f"Telegram names no address for its data centre {dc_id}")
        option = min(options, key=lambda each: bool(each.ipv6))
        return DataCentre(dc_id, option.ip_address, option.port)


async def _write(centre: DataCentre, key: bytes) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(centre.host, centre.port)
    except (OSError, ValueError, OverflowError) as error:
        raise TransientError(f"the name of data centre {centre.dc_id} can't be resolved") from error
    session = StringSession()
    session.set_dc(centre.dc_id, found[0][4][0], centre.port)  # this format holds addresses, no names
    session.auth_key = AuthKey(key)
    return str(session.save())


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)


@contextlib.asynccontextmanager
async def _closed_on_error(link: Connection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await link.close()
        raise
