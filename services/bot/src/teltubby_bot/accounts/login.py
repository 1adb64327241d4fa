"""One person's login at Telegram, with an unmodified Telethon client: by code or by QR picture, and with 2FA."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.errors import SessionPasswordNeededError
from telethon.network import ConnectionTcpAbridged
from telethon.sessions import MemorySession
from telethon.tl.functions.auth import SendCodeRequest
from telethon.tl.types import CodeSettings
from telethon.tl.types.auth import SentCode, SentCodeTypeSetUpEmailRequired
from telethon.utils import get_peer_id

from teltubby_bot.accounts.errors import telethon_errors
from teltubby_bot.catalogue import say
from teltubby_bot.login_dialogue import LoginFailedError
from teltubby_core.domain.keyring import DataCentre, Keyring
from teltubby_core.errors import ConfigurationError

log = logging.getLogger(__name__)

_SECONDS = 45.0  # for one question to Telegram, connecting and making a key included
_LOG_OUT_SECONDS = 10.0
_DIALOGS = 2000  # chats in which the relay channel is looked for
_LEAST_PICTURE, _MOST_PICTURE = 15.0, 60.0
"""Seconds that a QR picture is waited for, whatever our clock makes of its end. Telegram's are good for 30."""


@dataclass(frozen=True)
class Access:
    """Where Telegram is and as which app we come. The hash is a secret."""

    api_id: int
    api_hash: str = field(repr=False)
    entry: DataCentre
    public_key: bytes | None = None
    """Of a server of one's own, in PEM; None: Telegram's."""


class TelethonLogin:
    """Use it once: connect by asking, end with ``close``. Every method raises what ``telethon_errors`` does."""

    def __init__(self, access: Access) -> None:
        """Open nothing yet.

        Raises:
            ConfigurationError: the server's key is none.
        """
        if access.public_key is not None:
            try:
                rsa.add_key(access.public_key, old=False)
            except ValueError as error:
                raise ConfigurationError(["MTPROTO_PUBLIC_KEY_FILE: holds no RSA key in PKCS#1 PEM form"]) from error
        logging.getLogger("telethon").setLevel(logging.WARNING)  # below, it writes whole packets
        # Not reconnecting is meant, and what goes wrong is raised.
        logging.getLogger("telethon.network.mtprotosender").setLevel(logging.CRITICAL)
        self._access = access
        self._opened: Any = None
        self._phone = self._code_hash = ""
        self._qr: Any = None
        self._account: int | None = None

    async def ask_code(self, phone: str) -> None:
        """Have Telegram send a code to the account with this number; a second time, another one."""
        self._open(updates=False)
        access = self._access
        # Not the client's own way: it has the second code resent, which is refused where there is no way but the app.
        question = SendCodeRequest(phone, access.api_id, access.api_hash, CodeSettings())
        sent = await self._ask(lambda: self._client(question))
        if not isinstance(sent, SentCode):
            raise LoginFailedError(say("refused-no-code"))
        if isinstance(sent.type, SentCodeTypeSetUpEmailRequired):
            raise LoginFailedError(say("refused-email"))
        self._phone, self._code_hash = phone, sent.phone_code_hash

    async def give_code(self, code: str) -> bool:
        """Log in with it; False when the 2FA password is needed too."""
        return await self._enter(lambda: self._client.sign_in(self._phone, code, phone_code_hash=self._code_hash))

    async def give_password(self, password: str) -> None:
        """Give the 2FA password."""
        await self._enter(lambda: self._client.sign_in(password=password))

    async def qr(self) -> str:
        """Return the link for a QR picture, good for half a minute or so."""
        self._open(updates=True)  # one of them tells that it was scanned
        self._qr = await self._ask(self._client.qr_login)
        return str(self._qr.url)

    async def scanned(self) -> bool | None:
        """Wait until the picture is used: True: in, False: the 2FA password is needed, None: it is too old now."""
        left = (self._qr.expires - datetime.now(UTC)).total_seconds()
        seconds = min(max(left, _LEAST_PICTURE), _MOST_PICTURE)
        try:
            with telethon_errors():
                try:
                    async with asyncio.timeout(seconds + _SECONDS):
                        await self._qr.wait(seconds)
                except SessionPasswordNeededError:
                    return False
                except TimeoutError:
                    return None
        finally:
            self._qr = None
        return await self._enter(None)

    async def _enter(self, sign_in: Callable[[], Awaitable[Any]] | None) -> bool:
        async def entered() -> Any:
            try:
                if sign_in is not None:
                    await sign_in()
                return await self._client.get_me()
            except SessionPasswordNeededError:
                return None

        me = await self._ask(entered)
        if me is None:
            return False
        self._account = int(me.id)
        return True

    async def sees(self, channel_id: int) -> bool:
        """Whether the account is in this channel."""

        async def look() -> bool:
            async for dialog in self._client.iter_dialogs(limit=_DIALOGS):
                if get_peer_id(dialog.entity) == channel_id:
                    return True
            return False

        return bool(await self._ask(look))

    def keyring(self) -> Keyring:
        """Return the login's keys: whoever has them is logged in."""
        session = self._client.session
        home = DataCentre(session.dc_id, session.server_address, session.port)
        return Keyring(home, bytes(session.auth_key.key), account=self._account)

    async def close(self, *, log_out: bool) -> None:
        """Disconnect; with ``log_out`` end a login that nobody will use. Never fails, and ends soon."""
        if self._opened is None:
            return
        for step in ([self._log_out] if log_out else []) + [self._client.disconnect]:
            try:
                async with asyncio.timeout(_LOG_OUT_SECONDS):
                    await step()
            except Exception as error:  # noqa: BLE001 - there is nothing more to be done about it
                # Its name alone: the text may hold what was sent.
                log.warning("a login did not end cleanly: %s", type(error).__name__)

    async def _log_out(self) -> None:
        if not self._client.is_connected():
            await self._client.connect()
        if await self._client.is_user_authorized():
            await self._client.log_out()

    async def _ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        with telethon_errors():
            async with asyncio.timeout(_SECONDS):
                if not self._client.is_connected():
                    await self._client.connect()
                return await question()

    @property
    def _client(self) -> Any:
        assert self._opened is not None, "a code or picture is asked for first"
        return self._opened

    def _open(self, *, updates: bool) -> None:
        if self._opened is not None:
            return
        access = self._access
        session = MemorySession()
        session.set_dc(access.entry.dc_id, access.entry.host, access.entry.port)
        self._opened = _client_class()(
            session,
            access.api_id,
            access.api_hash,
            connection=ConnectionTcpAbridged,
            connection_retries=1,
            request_retries=3,  # a login is sent on to the account's own data centre, which counts
            auto_reconnect=False,
            flood_sleep_threshold=0,
            raise_last_call_error=True,
            receive_updates=updates,
            device_model="teltubby",
        )


def _client_class() -> type[TelegramClient]:
    """Return a class of its own: Telethon keeps what a server said about its data centres at the class."""
    return type("TelegramClient", (TelegramClient,), {"_config": None})
