"""Long polling into the inbox: an update is on disk before its offset is confirmed."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from teltubby_bot.addressee import addressee_of
from teltubby_bot.telegram import POLL_LIMIT, Telegram
from teltubby_core.errors import DatabaseUnavailableError, TeltubbyError
from teltubby_core.ports import Inbox, RawUpdate

log = logging.getLogger(__name__)

_NOT_KEPT = (
    "I can't keep your message right now: {reason}.\n"
    "Telegram holds it for 24 hours; I take it in as soon as this is mended. You need not send it again."
)


class Poller:
    """Fetches updates. Its offset lives in memory only: Telegram numbers anew after a quiet week."""

    def __init__(
        self,
        telegram: Telegram,
        inbox: Inbox,
        *,
        timeout_seconds: int,
        allowed: Callable[[int], bool],
        on_stored: Callable[[], None],
    ) -> None:
        """Wait up to ``timeout_seconds`` a poll; ``allowed`` tells which senders may hear of trouble."""
        self._telegram = telegram
        self._inbox = inbox
        self._timeout = timeout_seconds
        self._allowed = allowed
        self._on_stored = on_stored
        self._offset: int | None = None
        self._told: set[int] = set()
        self.caught_up = asyncio.Event()
        """Set once a poll brought fewer updates than it could: nothing older waits at Telegram."""

    async def step(self) -> float:
        """Poll once; the next poll follows at once."""
        # Until caught up, no waiting: albums stay open meanwhile.
        timeout = self._timeout if self.caught_up.is_set() else 0
        updates = await self._telegram.poll(self._offset, timeout)
        if updates:
            await self._store(updates)
            self._offset = max(update.update_id for update in updates) + 1
            self._on_stored()
        else:
            # All before the offset is confirmed now. After a quiet week Telegram's numbers may start lower: to name
            # the old offset then would confirm messages that nobody has seen.
            self._offset = None
        if len(updates) < POLL_LIMIT:
            self.caught_up.set()
        return 0.0

    async def _store(self, updates: Sequence[RawUpdate]) -> None:
        try:
            new = await self._inbox.store(updates)
        except DatabaseUnavailableError as error:
            # Not confirmed: the next poll brings them again.
            await self._tell(updates, str(error))
            raise
        self._told.clear()
        log.debug("inbox: %d updates, %d new", len(updates), new)

    async def _tell(self, updates: Sequence[RawUpdate], reason: str) -> None:
        for update in updates:
            who = addressee_of(update.raw)
            if who is None or who.chat_id in self._told or not self._allowed(who.chat_id):
                continue
            try:
                await self._telegram.send(who.chat_id, _NOT_KEPT.format(reason=reason), who.message_id)
            except TeltubbyError as error:
                log.warning("user %s can't be told that the database is unavailable: %s", who.chat_id, error)
            self._told.add(who.chat_id)
