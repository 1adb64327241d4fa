"""The queue of updates that Telegram keeps for each bot, by the rules of getUpdates."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from teltubby_simulator.model import Message, User

UpdateKind = Literal["message", "edited_message", "channel_post", "edited_channel_post", "my_chat_member"]
MemberStatus = Literal["member", "kicked"]

RETENTION = 24 * 3600  # seconds that an unconfirmed update is kept
_QUIET_WEEK = 7 * 24 * 3600  # seconds without an update after which numbering starts anew
_TOLERATED_LEAD = 10  # how far ahead of the queue an offset is still taken seriously
_ID_RANGE = (10_000_000, 999_999_999)


@dataclass(frozen=True)
class MembershipChange:
    """A user blocked the bot in their private chat (``kicked``) or let it in again (``member``)."""

    user: User
    date: int
    old: MemberStatus
    new: MemberStatus


@dataclass(frozen=True)
class Update:
    """Something that happened, as it looked at that moment: later edits do not change ``subject``."""

    update_id: int
    kind: UpdateKind
    subject: Message | MembershipChange
    created: float


class UpdateQueue:
    """Updates of one bot that wait for their confirmation, in the order of their ids."""

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._next_id = rng.randint(*_ID_RANGE)
        self._last_added = clock()
        self._waiting: list[Update] = []
        self.allowed: frozenset[str] | None = None  # None: every kind; else only these are queued

    def add(self, kind: UpdateKind, subject: Message | MembershipChange) -> Update | None:
        """Queue an update and return it, or None when the bot does not want this kind."""
        if self.allowed is not None and kind not in self.allowed:
            return None
        now = self._clock()
        if now - self._last_added > _QUIET_WEEK:
            self._next_id = self._rng.randint(*_ID_RANGE)
        update = Update(self._next_id, kind, subject, now)
        self._next_id += 1
        self._last_added = now
        self._waiting.append(update)
        return update

    def pending(self) -> list[Update]:
        """Return what waits; what waited for longer than a day is gone."""
        oldest = self._clock() - RETENTION
        self._waiting = [update for update in self._waiting if update.created >= oldest]
        return list(self._waiting)

    def after(self, offset: int, limit: int) -> list[Update]:
        """Confirm everything before ``offset`` and return up to ``limit`` of the rest.

        A negative offset counts from the end of the queue. 0 confirms nothing, and neither does an offset far
        ahead of the queue: it is one that a client remembered from before the numbering started anew.
        """
        waiting = self.pending()
        if offset > self._next_id + _TOLERATED_LEAD:
            return waiting[:limit]
        if offset < 0:
            waiting = waiting[offset:]
            self._waiting = list(waiting)
        elif offset > 0:
            waiting = [update for update in waiting if update.update_id >= offset]
            self._waiting = list(waiting)
        return waiting[:limit]

    def drop(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
