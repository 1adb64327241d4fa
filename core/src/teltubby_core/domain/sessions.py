"""Logins at Telegram: of what kind they are, how they are, and what is known of each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class SessionKind(StrEnum):
    """Whose login it is."""

    BOT = "bot"  # the bot's own: its token repeats it
    USER = "user"  # a person's: only they can repeat it


class SessionState(StrEnum):
    """How a login is."""

    EMPTY = "empty"  # nobody has logged in yet
    READY = "ready"
    FLOODED = "flooded"  # Telegram asked it to wait
    LOST = "lost"  # Telegram does not know it any more


class SessionNotes(BaseModel):
    """What its latest holder noted about a session, for people and for the next holder. Never its content."""

    model_config = ConfigDict(frozen=True)

    state: SessionState = SessionState.EMPTY
    kind: SessionKind | None = None
    dc_id: int | None = None
    """Number of its data centre."""
    logged_in_at: datetime | None = None
    """Since when it has this login."""
    used_at: datetime | None = None
    flood_until: datetime | None = None
    """Until when Telegram asked it to wait; it means nothing once that is past."""
    reason: str | None = None
    """Why it is lost or flooded."""
    busy: bool | None = None
    """Whether its holder has a job in hand; None when it does not say."""

    def flooded_at(self, now: datetime) -> bool:
        """Whether it is to wait still."""
        return self.flood_until is not None and self.flood_until > now

    @property
    def filled(self) -> bool:
        """Whether somebody is logged in with it."""
        return self.state in {SessionState.READY, SessionState.FLOODED}


@dataclass(frozen=True)
class SessionSight:
    """A slot as it was seen from outside.

    ``holder`` is whoever has it now, as far as one can see. One that is ``retiring`` is to be logged out, and stays
    empty.
    """

    name: str
    notes: SessionNotes
    holder: str | None = None
    retiring: bool = False
