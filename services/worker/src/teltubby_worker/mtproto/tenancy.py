"""Having a session: which one is taken, how long it is ours, and when it is to be given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from datetime import UTC, datetime

from teltubby_core.domain.sessions import SessionKind, SessionSight
from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_core.ports import Fit, SessionLease, SessionStore
from teltubby_worker.mtproto.standing import Standing

log = logging.getLogger(__name__)

_LEASE_SECONDS = 30.0
_WATCH_EVERY = 0.5  # seconds between two looks whether the session is still ours; packets ask each time
_SURVEY_LEAST, _SURVEY_EACH = 20.0, 5.0
"""Seconds between two looks at all sessions: so many at least, and so many for each."""


class Tenancy:
    """At most one session of ours at a time.

    ``leave`` is awaited when it is not ours any more, ``retire`` again and again while it is to be logged out, or
    another one is that nobody has.
    """

    def __init__(
        self,
        sessions: SessionStore,
        kind: SessionKind,
        standing: Standing,
        *,
        leave: Callable[[], Awaitable[None]],
        retire: Callable[[], Awaitable[None]],
    ) -> None:
        self._sessions = sessions
        self._kind = kind
        self._standing = standing
        self._leave = leave
        self._retire = retire
        self._lease: SessionLease | None = None
        self._watching: asyncio.Task[None] | None = None
        self._survey_at = 0.0

    def start(self) -> None:
        """Watch, also before we have one."""
        if self._watching is None:
            # of no job: its log must not carry the ids of the first one
            self._watching = asyncio.create_task(self._watch(), name="watch the session", context=Context())

    @property
    def lease(self) -> SessionLease | None:
        """The session that we have, or had a moment ago."""
        return self._lease

    async def take(self) -> SessionLease:
        """Return our session, one that fits if we have none yet.

        Raises:
            InfrastructureError: there is none to be had; the text says what to do.
        """
        if self._lease is None:
            try:
                lease = await self._sessions.acquire(_LEASE_SECONDS, await self._wanted())
            except TransientError as error:
                raise InfrastructureError(await self._why_none(error)) from error
            self._begin(lease)
        assert self._lease is not None
        return self._lease

    async def take_retiring(self) -> SessionLease | None:
        """Return a session that nobody has and that is to be logged out; None when there is none or we have one."""
        if self._lease is None:
            with suppress(TransientError):
                self._begin(await self._sessions.acquire(0.0, self._is_to_be_logged_out))
                return self._lease
        return None

    async def other_is_free(self) -> bool:
        """Whether there is another session to be had at once."""
        try:
            return any(sight.holder is None and self._fits(sight) for sight in await self._sessions.survey())
        except (TransientError, InfrastructureError):
            return False

    async def give_back(self) -> None:
        """Let the next one have it."""
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await self._standing.end()
            finally:
                await lease.release()

    async def close(self) -> None:
        """Watch no more."""
        watching, self._watching = self._watching, None
        if watching is not None and watching is not asyncio.current_task():
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def _begin(self, lease: SessionLease) -> None:
        self._lease = lease
        self._standing.begin(lease)
        self.start()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            try:
                if self._lease is not None:
                    await self._look(self._lease)
                await self._look_around()
            except Exception:  # the loop's edge: packets ask for themselves whether they may be sent
                log.exception("watching sessions failed")

    async def _look(self, lease: SessionLease) -> None:
        if not lease.held:
            log.warning("session %s is not ours any more; disconnecting", lease.name)
            await self._leave()  # the next call asks for a session again
            return
        await self._standing.settle()
        if lease.sight.retiring:
            await self._retire()

    async def _look_around(self) -> None:
        """Have a session logged out that retires and that nobody has."""
        now = asyncio.get_running_loop().time()
        if now < self._survey_at:
            return
        self._survey_at = now + _SURVEY_LEAST
        try:
            sights = await self._sessions.survey()
        except (TransientError, InfrastructureError) as error:
            log.debug("sessions can't be seen: %s", error)  # whoever needs one tells it
            return
        self._survey_at = now + max(_SURVEY_LEAST, _SURVEY_EACH * len(sights))
        if any(sight.holder is None and self._is_to_be_logged_out(sight) for sight in sights):
            await self._retire()

    async def _wanted(self) -> Fit:
        """Return what says whether a session will do. While Telegram lets the bot not log in, an empty one won't."""
        if self._kind is SessionKind.BOT and any(map(_login_must_wait, await self._sessions.survey())):
            return lambda sight: sight.notes.filled and self._fits(sight)
        return self._fits

    def _fits(self, sight: SessionSight) -> bool:
        notes = sight.notes
        if sight.retiring:
            return False
        if self._kind is SessionKind.USER:
            return notes.filled and notes.kind is not SessionKind.BOT and not notes.flooded_at(datetime.now(UTC))
        return notes.kind is not SessionKind.USER or not notes.filled

    def _is_to_be_logged_out(self, sight: SessionSight) -> bool:
        return sight.retiring and sight.notes.filled

    async def _why_none(self, error: TransientError) -> str:
        """Say what keeps us from having a session, as far as one can see."""
        try:
            sights = await self._sessions.survey()
        except (TransientError, InfrastructureError):
            return str(error)
        filled = [sight for sight in sights if sight.notes.filled and not sight.retiring]
        if self._kind is SessionKind.USER and not filled:
            return "no user account is logged in for large files; an admin of the bot can do that: /mtstatus"
        now = datetime.now(UTC)
        if logins := [sight.notes.flood_until for sight in sights if _login_must_wait(sight)]:
            return (
                f"Telegram asks to wait until {max(filter(None, logins)):%H:%M:%S} UTC before the bot may log in again"
            )
        waits = [sight.notes.flood_until for sight in filled if sight.notes.flooded_at(now)]
        if filled and len(waits) == len(filled):
            first = min(wait for wait in waits if wait)
            return f"Telegram asked every session to wait, the first one until {first:%H:%M:%S} UTC"
        return str(error)


def _login_must_wait(sight: SessionSight) -> bool:
    """Whether a login for it was answered with a flood: that one is the account's, so it counts for all sessions."""
    return not sight.notes.filled and sight.notes.flooded_at(datetime.now(UTC))
