"""How a person logs in with their account in the bot's chat: what is asked, what they send, and where the login goes.

One dialogue at a time, since it is a rare thing. Codes and passwords pass through and are kept nowhere.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from teltubby_bot import session_texts as texts
from teltubby_bot.catalogue import say
from teltubby_bot.telegram import Writer
from teltubby_core.domain.keyring import Keyring
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState
from teltubby_core.errors import TeltubbyError, TransientError, UserError
from teltubby_core.ports import SessionLease, SessionStore

log = logging.getLogger(__name__)

_MOST_WAITING = 8  # things that somebody sent before the ones before it were used
_FAREWELL_SECONDS = 5.0  # for telling who logs in that the bot stops


class LoginFailedError(UserError):
    """This login is over; the text says why, and what to do."""


class AskedAgainError(UserError):
    """What was given is not right; another may be given."""


class AccountLogin(Protocol):
    """One login at Telegram, as ``accounts.TelethonLogin`` is one. Errors: LoginFailed, AskedAgain."""

    async def ask_code(self, phone: str) -> None: ...

    async def give_code(self, code: str) -> bool: ...

    async def give_password(self, password: str) -> None: ...

    async def qr(self) -> str: ...

    async def scanned(self) -> bool | None: ...

    async def sees(self, channel_id: int) -> bool: ...

    def keyring(self) -> Keyring: ...

    async def close(self, *, log_out: bool) -> None: ...


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    dialogue: float = 600.0
    """A login that takes longer is given up."""

    qr: float = 300.0
    """So long new pictures are sent when old ones expire."""

    slot: float = 5.0
    """So long a free session is waited for."""


@dataclass(frozen=True)
class Given:
    """What somebody sent: a code or a password."""

    text: str = field(repr=False)
    is_code: bool


class LoginDialogue:
    """Logs one person in at a time, in a task of its own: nobody else's messages wait for it."""

    def __init__(
        self,
        sessions: SessionStore,
        telegram: Writer,
        new_login: Callable[[], AccountLogin],
        picture: Callable[[str], bytes],
        relay_channel_id: int,
        limits: Limits | None = None,
    ) -> None:
        """``picture`` makes a QR picture of a link, in PNG."""
        self._sessions = sessions
        self._telegram = telegram
        self._new_login = new_login
        self._picture = picture
        self._relay_channel_id = relay_channel_id
        self._limits = limits or Limits()
        self._chat_id = 0
        self._given: asyncio.Queue[Given] = asyncio.Queue(_MOST_WAITING)
        self._running: asyncio.Task[None] | None = None
        self._ending = False

    @property
    def chat_id(self) -> int | None:
        """The chat in which somebody is logging in, None when nobody is."""
        return self._chat_id if self._running else None

    def begin(self, chat_id: int, phone: str | None) -> None:
        """Log in by a code to this number, or (None) by a QR picture.

        Raises:
            UserError: somebody is at it already.
        """
        if self._running:
            same = say("login-still-ending") if self._ending else say("login-busy")
            raise UserError(same if chat_id == self._chat_id else say("login-busy-elsewhere"))
        self._chat_id = chat_id
        self._ending = False
        self._given = asyncio.Queue(_MOST_WAITING)
        self._running = asyncio.create_task(self._run(phone), name="log a person in")
        self._running.add_done_callback(self._ended)

    def give(self, chat_id: int, given: Given) -> None:
        """Go on with what somebody sent.

        Raises:
            UserError: nothing was asked of them.
        """
        if self.chat_id != chat_id:
            raise UserError(say("login-nothing-asked"))
        with suppress(asyncio.QueueFull):  # they have sent too many already, and get an answer to each
            self._given.put_nowait(given)

    def give_up(self, chat_id: int) -> bool:
        """Begin to end this chat's login, without waiting for it; False when there is none that can still be ended."""
        if self._running is None or self._ending or self._chat_id != chat_id:
            return False
        self._end()
        return True

    async def stop(self) -> None:
        """End the login that is under way, and tell who it is. What is nearly through is let through."""
        running = self._running
        if running is None:
            return
        told = self._ending
        if not told:
            self._end()
        await asyncio.wait([running])
        if running.cancelled() and not told:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._say(say("login-stopping"))

    def _end(self) -> None:
        # Once: another one would break off the logging out.
        assert self._running is not None
        self._ending = True
        self._running.cancel()

    async def _run(self, phone: str | None) -> None:
        try:
            async with asyncio.timeout(self._limits.dialogue):
                done = await self._with_slot(phone)
        except TimeoutError:
            done = say("login-took-too-long")
        except UserError as error:
            done = texts.failed(str(error))
        except TeltubbyError as error:
            log.warning("a login in the chat failed: %s", error)
            done = texts.failed(str(error))
        except Exception:  # the loop's edge: whoever logs in must hear that it came to nothing
            log.exception("a login in the chat failed")
            done = texts.failed(say("refused-defect"))
        await self._say(done)

    def _ended(self, _: object) -> None:
        # Not in the task itself: one that is cancelled before its first step does nothing at all.
        self._running = None

    async def _with_slot(self, phone: str | None) -> str:
        try:
            lease = await self._sessions.acquire(self._limits.slot, _is_free)
        except TransientError as error:
            raise await self._no_slot() from error
        try:
            return await self._with_login(lease, phone)
        finally:
            await lease.release()

    async def _with_login(self, lease: SessionLease, phone: str | None) -> str:
        login = self._new_login()
        kept = False
        try:
            if not await (self._by_code(login, phone) if phone else self._by_picture(login)):
                await self._password(login)
            keys = login.keyring()
            seen = await login.sees(self._relay_channel_id)
            self._ending = True  # too late to give it up: kept, but not noted, it would be written over
            await login.close(log_out=False)  # before anybody else can have it
            await lease.save(keys.text())
            kept = True
            await lease.note(_fresh(keys))
        finally:
            self._ending = True
            if not kept:
                await login.close(log_out=True)
        log.info("session %s: account %s is logged in at data centre %d", lease.name, keys.account, keys.home.dc_id)
        return texts.logged_in(lease.name, None if seen else self._relay_channel_id)

    async def _no_slot(self) -> TeltubbyError:
        """Say why there is none: whoever asks for an account's place should read which there are."""
        sights = await self._sessions.survey()
        if any(map(_is_free, sights)):
            return LoginFailedError(say("login-slot-taken"))
        return LoginFailedError(texts.no_slot([sight.name for sight in sights]))

    async def _by_code(self, login: AccountLogin, phone: str) -> bool:
        await login.ask_code(phone)
        await self._say(say("login-code-sent"))
        while True:
            given = await self._given.get()
            if not given.is_code:
                await self._say(say("login-code-first"))
                continue
            if given.text.isdecimal():  # Telegram has seen it, and blocked it
                await login.ask_code(phone)
                await self._say(say("login-code-blocked"))
                continue
            try:
                return await login.give_code("".join(filter(str.isdecimal, given.text)))
            except AskedAgainError as error:
                await self._say(texts.again(str(error)))

    async def _by_picture(self, login: AccountLogin) -> bool:
        until = time.monotonic() + self._limits.qr
        while time.monotonic() < until:
            png = self._picture(await login.qr())
            shown = await self._telegram.send_photo(self._chat_id, png, say("login-scan"))
            try:
                scanned = await login.scanned()
            finally:
                await self._delete(shown)
            if scanned is not None:
                return scanned
        raise LoginFailedError(say("login-not-scanned"))

    async def _password(self, login: AccountLogin) -> None:
        await self._say(say("login-password-wanted"))
        while True:
            given = await self._given.get()
            if given.is_code:
                await self._say(say("login-password-wanted"))
                continue
            try:
                await login.give_password(given.text)
            except AskedAgainError as error:
                await self._say(texts.again(str(error)))
            else:
                return

    async def _say(self, text: str) -> None:
        try:
            await self._telegram.send(self._chat_id, text, None)
        except TeltubbyError as error:
            log.warning("who logs in can't be told: %s", error)

    async def _delete(self, message_id: int) -> None:
        try:
            await self._telegram.delete(self._chat_id, message_id)
        except TeltubbyError as error:
            log.warning("the QR picture stays in the chat: %s", error)


def _fresh(keys: Keyring) -> SessionNotes:
    now = datetime.now(UTC)
    return SessionNotes(
        state=SessionState.READY, kind=SessionKind.USER, dc_id=keys.home.dc_id, logged_in_at=now, used_at=now
    )


def _is_free(sight: SessionSight) -> bool:
    return not sight.notes.filled and not sight.retiring
