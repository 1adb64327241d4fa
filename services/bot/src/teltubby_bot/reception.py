"""How updates come in: what polling and webhooks have in common, up to the inbox. Knows neither HTTP nor Telegram."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from teltubby_bot.addressee import addressee_of
from teltubby_bot.catalogue import say, speaking
from teltubby_bot.telegram import Telegram
from teltubby_core.errors import DatabaseUnavailableError, TeltubbyError
from teltubby_core.ports import Inbox, RawUpdate

log = logging.getLogger(__name__)

_TOO_LARGE = 2**63  # for the inbox; Telegram's numbers have 32 bits


class Reception(Protocol):
    """One of the two ways."""

    name: str
    """Its loop's name."""
    how: str
    """What a user reads of it: messages are taken in “by …”."""
    trouble: str | None
    """Why updates don't come in, as far as is known; None when they do."""
    caught_up: asyncio.Event
    """Set once nothing older waits at Telegram, or it has been waited for long enough."""

    async def open(self) -> None:
        """Make Telegram hand updates out this way. Safe to repeat after an error.

        Raises:
            ConfigurationError: a setting stands in the way.
            TransientError: Telegram can't be reached; worth another try.
        """
        ...

    async def step(self) -> float:
        """Do what is due; return the seconds until the next time."""
        ...

    async def close(self) -> None:
        """Take in nothing more, but finish what is under way. Updates wait at Telegram from now on."""
        ...


def to_keep(update: Any) -> RawUpdate | None:
    """Return an update as the inbox keeps it; None, and an error in the log, when it has no number to keep it under.

    What else is wrong with it is found out when it is read: nothing that has a number may be lost here.
    """
    update_id = update.get("update_id") if isinstance(update, dict) else None
    if type(update_id) is int and 0 <= update_id < _TOO_LARGE:  # True is an int to isinstance
        # As ASCII: half a surrogate pair stays the escape that it came as, where UTF-8 could not hold it.
        return RawUpdate(update_id, json.dumps(update))
    log.error("Telegram sent an update without a number; it can't be kept or confirmed and is left out")
    return None


class InboxWriter:
    """Puts updates on disk. While that fails, it tells each author once that nothing is lost."""

    def __init__(
        self,
        telegram: Telegram,
        inbox: Inbox,
        *,
        allowed: Callable[[int], bool],
        on_stored: Callable[[], None],
        cut: Callable[[RawUpdate], RawUpdate] = lambda update: update,
        language_of: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        """``allowed`` tells which senders may hear of trouble, ``language_of`` in what language; ``cut`` takes out what
        must not be stored.
        """
        self._telegram = telegram
        self._inbox = inbox
        self._allowed = allowed
        self._on_stored = on_stored
        self._cut = cut
        self._language_of = language_of
        self._told: set[int] = set()

    async def store(self, updates: Sequence[RawUpdate]) -> None:
        """Return once they are on disk.

        Raises:
            DatabaseUnavailableError: they are not; Telegram must bring them again.
        """
        try:
            new = await self._inbox.store([self._cut(update) for update in updates])
        except DatabaseUnavailableError as error:
            await self._tell(updates, str(error))
            raise
        self._told.clear()
        log.debug("inbox: %d updates, %d new", len(updates), new)
        self._on_stored()

    async def _tell(self, updates: Sequence[RawUpdate], reason: str) -> None:
        for update in updates:
            who = addressee_of(update.raw)
            if who is None or who.chat_id in self._told or not self._allowed(who.chat_id):
                continue
            self._told.add(who.chat_id)  # first: webhook deliveries come here side by side
            with speaking(self._language_of(who.chat_id)):
                text = say("not-kept", reason=reason)
            try:
                await self._telegram.send(who.chat_id, text, who.message_id)
            except TeltubbyError as error:
                log.warning("user %s can't be told that the database is unavailable: %s", who.chat_id, error)
