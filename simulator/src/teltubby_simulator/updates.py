"""The queue of updates that Telegram keeps for each bot, by the rules of getUpdates."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from teltubby_simulator.model import CallbackQuery, Message, User

UpdateKind = Literal[
    "message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "my_chat_member"
]
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
    subject: "Subject"
    created: float

    @property
    def lane(self) -> tuple[str, int]:
        """Updates of one lane reach a webhook one after the other: those of a chat, and the presses of a user."""
        match self.subject:
            case CallbackQuery(sender=sender):
                return "presses", sender.id
            case MembershipChange(user=user):
                return "membership", user.id
            case Message(chat=chat):
                return "chat", chat.id


Subject = Message | MembershipChange | CallbackQuery


class UpdateQueue:
    """Updates of one bot that wait for their confirmation, in the order of their ids."""

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._next_id = rng.randint(*_ID_RANGE)
        self._last_added = clock()
        self._waiting: list[Update] = []
        self._held: list[tuple[UpdateKind, Subject]] | None = None  # None: nothing is held back
        self.allowed: frozenset[str] | None = None  # None: every kind; else only these are queued

    def add(self, kind: UpdateKind, subject: Subject) -> None:
        """Queue an update, unless the bot does not want this kind or updates are held back."""
        if self.allowed is not None and kind not in self.allowed:
            return
        if self._held is not None:
            self._held.append((kind, subject))
        else:
            self._queue(kind, subject)

    def hold(self) -> None:
        """Hold back what comes from now on; it gets its number when it is released."""
        if self._held is None:
            self._held = []

    def release(self, order: Sequence[int] | None = None) -> int:
        """Queue what was held back and return how much still is.

        Args:
            order: Positions among the held ones, in the order in which they are to come; the others stay held.
                None queues all as they happened and ends the holding.

        Raises:
            ValueError: a position is not there, or there twice.
        """
        held = self._held or []
        positions = range(len(held)) if order is None else order
        if len(set(positions)) != len(positions) or not set(positions) <= set(range(len(held))):
            raise ValueError(f"order names each of the {len(held)} held updates at most once, counted from 0")
        for position in positions:
            self._queue(*held[position])
        left = [each for position, each in enumerate(held) if position not in set(positions)]
        self._held = None if order is None else left
        return len(left)

    def _queue(self, kind: UpdateKind, subject: Subject) -> None:
        now = self._clock()
        if now - self._last_added > _QUIET_WEEK:
            self._next_id = self._rng.randint(*_ID_RANGE)
        update = Update(self._next_id, kind, subject, now)
        self._next_id += 1
        self._last_added = now
        self._waiting.append(update)

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

    def remove(self, update: Update) -> None:
        """Take out one update that a webhook has received."""
        self._waiting = [each for each in self._waiting if each.update_id != update.update_id]

    def drop(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
