"""How the session in our hands is: noted at its slot, and told to whoever wants to know."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.ports import SessionLease

Tell = Callable[[str, SessionNotes, bool], None]
"""Told the session's name, how it is, and whether we have it; at each change and every ten seconds. Must not wait."""

WORTH_TELLING = 60.0
"""Seconds: shorter floods are a part of every transfer."""

_NOTE_EVERY = timedelta(seconds=10)


def _utc() -> datetime:
    return datetime.now(UTC)


class Standing:
    """Follows one session after the other, each from its lease's beginning to its end."""

    def __init__(
        self,
        kind: SessionKind,
        tell: Tell = lambda *_: None,
        now: Callable[[], datetime] = _utc,
        busy: Callable[[], bool | None] = lambda: None,
    ) -> None:
        """``busy`` says whether we have a job in hand."""
        self._kind = kind
        self._tell = tell
        self._busy = busy
        self._now = now
        self._lease: SessionLease | None = None
        self._notes = SessionNotes()
        self._noted = SessionNotes()
        self._noted_at = datetime.min.replace(tzinfo=UTC)

    def begin(self, lease: SessionLease) -> None:
        """Follow the session of this lease."""
        self._lease = lease
        self._notes = self._noted = lease.sight.notes
        self._change(kind=self._kind)

    def ready(self, dc_id: int) -> None:
        """We are in, at this data centre."""
        self._change(dc_id=dc_id, used_at=self._now())
        if not self._notes.filled or self._notes.logged_in_at is None:
            self._change(logged_in_at=self._now())
        if not self._wait:
            self._change(state=SessionState.READY, flood_until=None, reason=None)

    def used(self) -> None:
        """Telegram answered."""
        self._change(used_at=self._now())
        if self._notes.state is SessionState.FLOODED and not self._wait:
            self._change(state=SessionState.READY, flood_until=None, reason=None)

    def flooded(self, seconds: float) -> None:
        """Telegram asked to wait so long."""
        until = self._now() + timedelta(seconds=seconds)
        if seconds < WORTH_TELLING or (self._notes.flood_until and until <= self._notes.flood_until):
            return
        reason = f"Telegram asked to wait {seconds:.0f} s"
        self._change(state=SessionState.FLOODED, flood_until=until.replace(microsecond=0), reason=reason)

    def barred(self, seconds: float) -> None:
        """Nobody is logged in, and Telegram asked to wait so long before somebody may be."""
        until = (self._now() + timedelta(seconds=seconds)).replace(microsecond=0)
        self._change(flood_until=until, reason=f"Telegram asked to wait {seconds:.0f} s with a login")

    def lost(self, reason: str) -> None:
        """Telegram does not know the login any more."""
        self._change(state=SessionState.LOST, flood_until=None, reason=reason)
        self._noted = self._notes  # a login that is made anew at once is news again
        self._told()

    def emptied(self) -> None:
        """It was logged out."""
        self._change(state=SessionState.EMPTY, dc_id=None, logged_in_at=None, flood_until=None, reason=None)

    async def settle(self) -> None:
        """Have noted what is not noted yet; what changes only now and then at most every ten seconds."""
        lease, now = self._lease, self._now()
        if lease is None:
            return
        self._change(busy=self._busy())
        changed = _lasting(self._notes) != _lasting(self._noted)
        if changed or now - self._noted_at >= _NOTE_EVERY:
            self._noted, self._noted_at = self._notes, now
            self._told()
            await lease.note(self._notes)

    async def end(self) -> None:
        """It is about to be given back."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._change(busy=None)
            await lease.note(self._notes)
            self._tell(lease.name, self._notes, False)

    @property
    def _wait(self) -> bool:
        return self._notes.flooded_at(self._now())

    def _change(self, **changes: object) -> None:
        self._notes = self._notes.model_copy(update=changes)

    def _told(self) -> None:
        if self._lease is not None:
            self._tell(self._lease.name, self._notes, True)


def _lasting(notes: SessionNotes) -> SessionNotes:
    return notes.model_copy(update={"used_at": None})
