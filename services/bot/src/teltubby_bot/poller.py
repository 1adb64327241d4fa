"""Long polling into the inbox: an update is on disk before its offset is confirmed."""

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from teltubby_bot.reception import InboxWriter
from teltubby_bot.telegram import POLL_LIMIT, Telegram
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import RawUpdate

log = logging.getLogger(__name__)


class Poller:
    """Fetches updates. Its offset lives in memory only: Telegram numbers anew after a quiet week."""

    name = "polling"
    how = "long polling"

    def __init__(self, telegram: Telegram, writer: InboxWriter, *, timeout_seconds: int) -> None:
        """Wait up to ``timeout_seconds`` a poll."""
        self._telegram = telegram
        self._writer = writer
        self._timeout = timeout_seconds
        self._offset: int | None = None
        self.trouble: str | None = None
        self.caught_up = asyncio.Event()
        """Set once a poll brought fewer updates than it could: nothing older waits at Telegram."""

    async def open(self) -> None:
        """Take a webhook away that is still set: Telegram refuses polls beside one. What waits stays."""
        webhook = await self._telegram.webhook()
        if webhook.url:
            log.info("polling: the webhook at %s is taken away", urlsplit(webhook.url).hostname)
            await self._telegram.delete_webhook()

    async def step(self) -> float:
        """Poll once; the next poll follows at once."""
        # Until caught up, no waiting: albums stay open meanwhile.
        timeout = self._timeout if self.caught_up.is_set() else 0
        updates = await self._poll(timeout)
        if updates:
            await self._writer.store(updates)  # not confirmed if that fails: the next poll brings them again
            self._offset = max(update.update_id for update in updates) + 1
        else:
            # All before the offset is confirmed now. After a quiet week Telegram's numbers may start lower: to name
            # the old offset then would confirm messages that nobody has seen.
            self._offset = None
        if len(updates) < POLL_LIMIT:
            self.caught_up.set()
        return 0.0

    async def close(self) -> None:
        """Nothing to do: what has not been stored, Telegram keeps."""

    async def _poll(self, timeout_seconds: int) -> Sequence[RawUpdate]:
        try:
            updates = await self._telegram.poll(self._offset, timeout_seconds)
        except TeltubbyError as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        return updates
