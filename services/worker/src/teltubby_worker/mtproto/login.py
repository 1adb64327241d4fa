"""How the bot gets in: with the session that is kept, or by logging in anew where that is not known any more.

Repeated logins earn floods (2 838 s were seen), so there are few: one is kept and used until Telegram drops it, and
one that is dropped again and again is not replaced for ever.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from telethon.tl.functions.auth import ImportBotAuthorizationRequest
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types import InputUserSelf

from teltubby_core.domain import keyring
from teltubby_core.domain.keyring import DataCentre, Keyring
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import InfrastructureError, SessionGoneError, TeltubbyError, TransientError
from teltubby_core.ports import SessionLease
from teltubby_worker.mtproto.addresses import Addresses
from teltubby_worker.mtproto.errors import AccountEndedError, SessionLostError, WrongDataCentreError
from teltubby_worker.mtproto.link import Connect, Connection
from teltubby_worker.mtproto.ration import Ration

log = logging.getLogger(__name__)

_UNREADABLE = "nobody is logged in with it, or no key of SESSION_ENCRYPTION_KEYS opens it"
_HOPS = 3  # a login is sent on to the account's own data centre once; more is a server gone wrong
_MOST_LOGINS = 3
_LOGIN_PERIOD = 3600.0
"""So many logins in so many seconds are borne: more means that something keeps killing the session, such as
a second program with the same one, and logging in yet again would only earn a flood."""


class LoginLostError(InfrastructureError):
    """A person's login is over; only they can log in again."""


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


class Login:
    """Opens the connection to the home data centre of who is logged in.

    Attributes:
        addresses: those of all data centres, as the latest connection was told.
    """

    def __init__(
        self,
        bot: BotLogin,
        entry: DataCentre,
        connect: Connect,
        kind: SessionKind = SessionKind.BOT,
        on_lost: Callable[[str], None] = lambda _: None,
        on_barred: Callable[[float], None] = lambda _: None,
    ) -> None:
        """``entry``: the data centre to start at when nobody has logged in yet. ``on_lost`` is told why a login is,
        ``on_barred`` for how many seconds none may be tried.
        """
        self._bot = bot
        self._kind = kind
        self._on_lost = on_lost
        self._on_barred = on_barred
        self._entry = entry
        self._connect = connect
        self._barred_until = 0.0
        self._logins = Ration(_MOST_LOGINS, _LOGIN_PERIOD)
        self.addresses = Addresses()

    async def enter(self, lease: SessionLease) -> tuple[Connection, Keyring]:
        """Return a connection where somebody is logged in, and the keys that ``lease`` holds now.

        Raises:
            LoginLostError: a person's login is over, or there is none.
            InfrastructureError: not now: Telegram refuses the login, or there were too many.
            TransientError: Telegram can't be reached, or has problems.
        """
        try:
            kept = keyring.read(await lease.load())
        except SessionGoneError as error:
            self._on_lost(str(error))
            raise
        if kept:
            try:
                return await self._resume(kept), kept
            except (SessionLostError, AccountEndedError) as error:
                if self._kind is SessionKind.BOT and isinstance(error, AccountEndedError):
                    raise
                log.warning("session %s: %s", lease.name, error)
                self._on_lost(str(error))
                await self._forget(lease)
                if self._kind is SessionKind.USER:
                    raise LoginLostError(str(error)) from error
        if self._kind is SessionKind.USER:
            self._on_lost(_UNREADABLE)  # or it would be taken again and again
            raise LoginLostError(_UNREADABLE)
        link = await self._log_in()
        fresh = Keyring(link.centre, link.key, account=self._bot.bot_id)
        async with _closed_on_error(link):
            await lease.save(fresh.text())
        log.info("session %s: the bot is logged in at data centre %d", lease.name, link.centre.dc_id)
        return link, fresh

    async def _forget(self, lease: SessionLease) -> None:
        """Empty the slot: what it held opens nothing any more."""
        try:
            await lease.clear()
        except TeltubbyError as error:
            log.warning("session %s: the lost login could not be removed: %s", lease.name, error)

    async def _resume(self, kept: Keyring) -> Connection:
        # The entry's address comes from the settings and may have moved since.
        centre = self._entry if kept.home.dc_id == self._entry.dc_id else kept.home
        link = self._connect(centre, kept.key)
        await self._configure(link)
        async with _closed_on_error(link):
            (me,) = await link.call(GetUsersRequest([InputUserSelf()]))
            if self._kind is SessionKind.BOT and me.id != self._bot.bot_id:
                raise SessionLostError("the stored session is another bot's")
        return link

    async def _configure(self, link: Connection) -> None:
        config = await link.open(GetConfigRequest())
        self.addresses = Addresses(config.dc_options)

    async def _log_in(self) -> Connection:
        self._check_bar()
        centre = self._entry
        for _ in range(_HOPS):
            try:
                return await self._log_in_at(centre)
            except WrongDataCentreError as error:
                centre = self.addresses.main(error.dc_id)
            except TransientError as error:
                if error.retry_after is None:
                    raise
                # Asking again would only lengthen it, so until then nobody does.
                self._barred_until = _now() + error.retry_after
                self._on_barred(error.retry_after)
                raise InfrastructureError(f"the bot's login must wait: {error}") from error
        raise TransientError("Telegram sends the login from one data centre to another")

    def _check_bar(self) -> None:
        now = _now()
        if (left := self._barred_until - now) > 0:
            raise InfrastructureError(f"Telegram asks to wait {left:.0f} s more before the bot may log in again")
        if (left := self._logins.wait(now)) > 0:
            raise InfrastructureError(
                f"Telegram dropped the bot's session {_MOST_LOGINS} times within the hour, as it does when a session is"
                f" used from two places; the next login is in {left:.0f} s"
            )

    async def _log_in_at(self, centre: DataCentre) -> Connection:
        link = self._connect(centre, None)
        await self._configure(link)
        async with _closed_on_error(link):
            await link.call(
                ImportBotAuthorizationRequest(
                    flags=0,
                    api_id=self._bot.api_id,
                    api_hash=self._bot.api_hash,
                    bot_auth_token=self._bot.token,
                )
            )
        self._logins.take(_now())
        return link


@contextlib.asynccontextmanager
async def _closed_on_error(link: Connection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await link.close()
        raise


def _now() -> float:
    return asyncio.get_running_loop().time()
