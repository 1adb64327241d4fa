"""One leased login, and every connection made with it.

    home     one connection to the main address of the account's data centre: messages, exported logins
    pools    for each data centre that files come from, the connections to its media addresses, with the home's key
             or the one that the login was exported for

Nothing is opened before it is needed. With one key, only one connection may send to a main address, or Telegram
kills the key (AUTH_KEY_DUPLICATED); so the home connection is only replaced once it is closed. A key for another
data centre is made at its main address, because media addresses take no logins; that connection is closed before the
first one to a media address is opened. Where there is no media address, one connection to the main one carries
the files: at home, the home connection itself.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from telethon.tl.functions.auth import LogOutRequest
from telethon.tl.functions.help import GetConfigRequest

from teltubby_core.domain.keyring import DataCentre, Keyring
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import InfrastructureError, PermanentError, TeltubbyError, TransientError
from teltubby_core.ports import SessionLease, SessionStore
from teltubby_worker.mtproto.errors import (
    AccountEndedError,
    ConnectionLostError,
    SessionChangedError,
    SessionLostError,
)
from teltubby_worker.mtproto.exports import EXPORT_PERIOD, Exports
from teltubby_worker.mtproto.link import Connect, Connection
from teltubby_worker.mtproto.login import BotLogin, Login, LoginLostError
from teltubby_worker.mtproto.pace import Pace
from teltubby_worker.mtproto.pool import Pool
from teltubby_worker.mtproto.standing import Standing, Tell
from teltubby_worker.mtproto.tenancy import Tenancy

log = logging.getLogger(__name__)

__all__ = ["BotLogin", "Eagerness", "Session"]

_PING_EVERY = 60.0
_MOST_LOST = 5  # sessions in a row that turn out to be lost, before whoever asked hears of it
_LONG_FLOOD = 300.0  # seconds that are worth going on with somebody else's account
_AT_REST = 5.0  # seconds without any request after which a session that retires is logged out
_IDLE_SECONDS = 300.0  # after which connections for files are closed; the next file opens them again
_REFUSALS = 3
"""How often in a row media addresses may fail before the main address alone serves the files: a firewall may hide
them, and no rule says that a key of the main address opens them."""


@dataclass(frozen=True)
class Eagerness:
    """The most that is asked of one data centre at a time, for all files together."""

    connections: int = 4
    """Connections to its media addresses. Others measured that two reach Telegram's ceiling for a bot, and that more
    than about eight are closed."""

    requests: int = 8
    """Requests of 1 MiB in flight."""


class Session:
    """A login at Telegram, used by many callers at a time."""

    def __init__(
        self,
        sessions: SessionStore,
        bot: BotLogin,
        entry: DataCentre,
        connect: Connect,
        eagerness: Eagerness | None = None,
        kind: SessionKind = SessionKind.BOT,
        tell: Tell = lambda *_: None,
        busy: Callable[[], bool | None] = lambda: None,
    ) -> None:
        """``entry`` is the data centre to start at when nobody has logged in yet; ``tell`` hears how the session is.

        ``busy`` says whether we have a job in hand.
        """
        self._connect = connect
        self._kind = kind
        self._standing = Standing(kind, tell, busy=busy)
        self._tenancy = Tenancy(sessions, kind, self._standing, leave=self._leave, retire=self._retire)
        self._login = Login(bot, entry, connect, kind, self._standing.lost, self._standing.barred)
        self._eagerness = eagerness or Eagerness()
        self._keys: Keyring | None = None
        self._home: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._changing = asyncio.Lock()  # of session
        self._in_use = 0
        self._used_at = 0.0
        self._pools: dict[int, Pool] = {}
        self._refusals: dict[int, int] = {}
        self._main_only: dict[int, float] = {}  # until when at least
        self._exports = Exports(self.call, connect)
        self._keepalive: asyncio.Task[None] | None = None

    def permit(self) -> Callable[[], bool]:
        """Return what a connection asks before each packet: whether the session that it is opened with is still ours.

        Bound to that one: a connection that is left over from it may not send because there is another one by now.
        """
        lease = self._tenancy.lease
        return lambda: lease is not None and lease.held

    @property
    def kind(self) -> SessionKind:
        """Whose login it is."""
        return self._kind

    @property
    def account(self) -> int | None:
        """User id of who is logged in. What one account learned about a file is worth nothing to another."""
        return self._keys.account if self._keys else None

    def start(self) -> None:
        """Begin to log out sessions that retire, whoever had them."""
        self._tenancy.start()

    async def ready(self) -> None:
        """Be connected and logged in.

        Raises:
            InfrastructureError: it can't be done now; the text names the setting when one is the cause.
        """
        try:
            await self._at_home()
        except TransientError as error:
            raise InfrastructureError(f"Telegram can't be reached for large files: {error}") from error

    async def call(self, request: Any) -> Any:
        """Send a request to the account's home, connecting first where needed.

        Raises:
            TransientError, PermanentError, InfrastructureError: Telegram's errors in our words.
        """
        async with self._used():
            home = await self._at_home()
            try:
                return await home.call(request)
            except (SessionLostError, AccountEndedError, ConnectionLostError):
                await home.close()  # the next call opens it again
                raise

    async def fetch(self, make: Callable[[], Any], dc_id: int) -> Any:
        """Send the upload.getFile that ``make`` returns to data centre ``dc_id``, when it is this one's turn.

        ``make`` as in ``Pool.fetch``. Raises what ``call`` raises, and what ``make`` raises.
        """
        async with self._used():
            pool = self._pools.get(dc_id) or await self._add_pool(dc_id)
            try:
                answer = await pool.fetch(make)
            except SessionLostError:
                await self._forget(dc_id, pool)
                raise
        self._refusals.pop(dc_id, None)
        return answer

    async def close(self) -> None:
        """Disconnect everywhere, then let the next one have the session."""
        await self._tenancy.close()
        await _cancel(task for task in (self._opening, self._keepalive) if task)
        self._keepalive = None
        await self._leave()

    async def _leave(self) -> None:
        home, self._home = self._home, None
        try:
            await self._close_pools()
            if home:
                await home.close()
        finally:
            await self._tenancy.give_back()

    @asynccontextmanager
    async def _used(self) -> AsyncIterator[None]:
        """Note how a request ends. After a long flood, another account goes on where there is one."""
        self._in_use += 1
        try:
            lease = self._tenancy.lease
            yield
            self._standing.used()
        except TransientError as error:
            if error.retry_after is not None:
                self._standing.flooded(error.retry_after)
                await self._go_elsewhere(lease, error)
            raise
        finally:
            self._in_use -= 1
            self._used_at = _now()

    async def _go_elsewhere(self, lease: SessionLease | None, error: TransientError) -> None:
        # Floods are an account's own: of a bot's sessions, one is as good as the other.
        if self._kind is SessionKind.BOT or (error.retry_after or 0.0) < _LONG_FLOOD or lease is None:
            return
        if lease is self._tenancy.lease and not await self._tenancy.other_is_free():
            return
        if lease is self._tenancy.lease:  # the first of its requests to notice
            log.warning("session %s: %s; another one goes on", lease.name, error)
            await self._leave()
        raise SessionChangedError("another account goes on") from error

    # Home

    async def _at_home(self) -> Connection:
        if self._home and self._home.is_open:
            return self._home
        if self._opening is None:
            # One opening for all who wait; it goes on when one of them gives up, and fails for all at once.
            self._opening = asyncio.create_task(self._open_home(), name="connect to Telegram")
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _opened(self, opening: asyncio.Task[Connection]) -> None:
        self._opening = None
        if opening.cancelled() or opening.exception():
            return
        self._home = opening.result()
        if self._keepalive is None:
            self._keepalive = asyncio.create_task(self._keep_alive(), name="ping Telegram")

    async def _open_home(self) -> Connection:
        async with self._changing:
            lease = self._tenancy.lease
            if lease is not None and not lease.held:
                await self._leave()
            if await self._tenancy.take_retiring():
                await self._log_out()
            home, keys = await self._enter()
            self._standing.ready(keys.home.dc_id)
            if self._keys and self._keys.key != keys.key:
                await self._close_pools()  # the old login's keys open nothing any more
            if self._keys is None or self._keys.key != keys.key:
                self._keys = keys
            return home

    async def _enter(self) -> tuple[Connection, Keyring]:
        for _ in range(_MOST_LOST):
            lease = await self._tenancy.take()
            try:
                with _no_fault_of_the_file():
                    return await self._login.enter(lease)
            except LoginLostError as error:
                log.warning("session %s: %s; asking for another one", lease.name, error)
                await self._leave()
        raise InfrastructureError("the logins of several user accounts are lost; /mtstatus tells why")

    async def _retire(self) -> None:
        """Log out the session that we have, or, giving that back, one that nobody has; once we are at rest."""
        if self._in_use or _now() - self._used_at < _AT_REST or self._changing.locked():
            return
        async with self._changing:
            lease = self._tenancy.lease
            if lease is not None and not lease.sight.retiring:
                await self._leave()
            if lease is None or not lease.sight.retiring:
                lease = await self._tenancy.take_retiring()
            if lease is not None:
                await self._log_out()

    async def _log_out(self) -> None:
        """End the login of the session that we have, and give it back empty."""
        lease, home = self._tenancy.lease, self._home
        if lease is None:
            return
        try:
            if home is None or not home.is_open:
                home, _ = await self._login.enter(lease)
            try:
                await home.call(LogOutRequest())
            finally:
                await home.close()
            await lease.clear()
            self._standing.emptied()
            log.info("session %s: logged out, as it retires", lease.name)
        except TeltubbyError as error:
            log.warning("session %s: it could not be logged out: %s", lease.name, error)
        await self._leave()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            try:
                await self._close_idle()
                await asyncio.gather(*(link.ping() for link in self._links()))
            except Exception:  # the loop's edge: without pings connections would die unnoticed
                log.exception("pinging Telegram failed")

    def _links(self) -> list[Connection]:
        home = [self._home] if self._home and self._home.is_open else []
        return home + [link for pool in self._pools.values() for link in pool.links() if link is not self._home]

    async def _close_idle(self) -> None:
        for dc_id, pool in list(self._pools.items()):
            if pool.idle_since is None or _now() - pool.idle_since < _IDLE_SECONDS:
                continue
            del self._pools[dc_id]
            self._try_media_again(dc_id)
            if self._home in pool.links():
                pool.retire()
            else:
                await pool.close()

    # Files

    async def _add_pool(self, dc_id: int) -> Pool:
        await self._at_home()  # it knows the addresses
        if dc_id not in self._pools:
            connections = self._eagerness.connections if self._media(dc_id) else 1
            pace = Pace(connections, self._eagerness.requests)
            self._pools[dc_id] = Pool(dc_id, lambda: self._open_for_files(dc_id), pace)
        return self._pools[dc_id]

    def _media(self, dc_id: int) -> list[DataCentre]:
        return [] if dc_id in self._main_only else list(self._login.addresses.media(dc_id))

    async def _open_for_files(self, dc_id: int) -> Connection:
        home = await self._at_home()
        media = self._media(dc_id)
        if not media:
            self._login.addresses.main(dc_id)  # a file that lies where no address leads is lost, not delayed
        with _no_fault_of_the_file():
            if home.centre.dc_id != dc_id:
                return await self._open_elsewhere(dc_id, media)
            return await self._open_media(media, home.key) if media else home

    async def _open_elsewhere(self, dc_id: int, media: list[DataCentre]) -> Connection:
        assert self._keys is not None  # home is open
        key = self._keys.others.get(dc_id)
        if key is None:
            lease = self._tenancy.lease
            assert lease is not None  # home is open
            main = await self._exports.make_known(dc_id, self._login.addresses.main(dc_id), self._keys, lease)
            if not media:
                return main
            await main.close()
            key = main.key
        if media:
            return await self._open_media(media, key)
        return await self._open_main(dc_id, key)

    async def _open_main(self, dc_id: int, key: bytes) -> Connection:
        link = self._connect(self._login.addresses.main(dc_id), key)
        try:
            await link.open(GetConfigRequest())
        except ConnectionLostError:
            self._try_media_again(dc_id)  # the main address is no better
            raise
        return link

    async def _open_media(self, media: list[DataCentre], key: bytes) -> Connection:
        dc_id = media[0].dc_id
        link = self._connect(media[self._refusals.get(dc_id, 0) % len(media)], key)
        try:
            await link.open(GetConfigRequest())
        except ConnectionLostError:  # a key that is refused is counted where it is forgotten
            await self._refused(dc_id)
            raise
        return link

    async def _refused(self, dc_id: int, *, key_refused: bool = False) -> bool:
        """Count that a media address served nothing; tell whether the main address is to be used from now on."""
        pool = self._pools.get(dc_id)
        if pool is None or pool.links() or not self._media(dc_id):
            return False
        self._refusals[dc_id] = self._refusals.get(dc_id, 0) + 1
        if self._refusals[dc_id] < _REFUSALS:
            return False
        await self.call(GetConfigRequest())  # raises when not the media address but all of Telegram is out of reach
        log.warning("data centre %d: no media address serves files; the main one alone does", dc_id)
        self._refusals.pop(dc_id, None)
        # A refused key is forgotten and made anew by an export: not again before the exports are all to be had again.
        self._main_only[dc_id] = _now() + (EXPORT_PERIOD if key_refused else 0.0)
        if self._pools.get(dc_id) is pool:
            del self._pools[dc_id]
        pool.retire()  # nothing in it is open
        return True

    def _try_media_again(self, dc_id: int) -> None:
        if dc_id in self._main_only and _now() >= self._main_only[dc_id]:
            del self._main_only[dc_id]

    async def _forget(self, dc_id: int, pool: Pool) -> None:
        """Let go of a key that Telegram does not know any more, and of what was opened with it."""
        if self._pools.get(dc_id) is not pool:
            return  # another request noticed before
        at_home = self._home is not None and self._home.centre.dc_id == dc_id
        try:
            if self._home and at_home:
                await self._home.close()  # opening it again shows whether the key is good, and replaces it if not
            await pool.close()
            if self._pools.get(dc_id) is not pool or await self._refused(dc_id, key_refused=True):
                return  # the key may be good, and only not be taken at the media address
            if self._keys and not at_home:
                self._keys.others.pop(dc_id, None)
        finally:
            if self._pools.get(dc_id) is pool:  # whatever came in between: a closed pool serves nobody
                del self._pools[dc_id]

    async def _close_pools(self) -> None:
        pools = list(self._pools.values())
        self._pools.clear()
        await asyncio.gather(*(pool.close() for pool in pools))


@contextmanager
def _no_fault_of_the_file() -> Iterator[None]:
    """What Telegram refuses while a connection is opened concerns every file, and fails none for good."""
    try:
        yield
    except PermanentError as error:
        raise InfrastructureError(f"Telegram refuses to let the worker in: {error}") from error


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
