"""Whose archive it is: two bots in one bucket or index would give the same ids to different messages."""

import asyncio
import logging

from teltubby_core.errors import ConfigurationError
from teltubby_core.ownership import OWNER_KEY, BucketOwnership
from teltubby_core.ports import ArchiveIndex, ObjectStore

log = logging.getLogger(__name__)

__all__ = ["OWNER_KEY", "Ownership"]


class Ownership:
    """Makes sure, once, that index and bucket are the bot's own, and clears away what dead uploads left in the bucket.

    While the store is away that can't be known: then nothing is written to it, and whoever asks is told why.
    """

    def __init__(self, store: ObjectStore, index: ArchiveIndex, bot_id: int, bucket_setting: str) -> None:
        """``bucket_setting`` is the setting that names the bucket."""
        self._store = store
        self._index = index
        self._bot_id = bot_id
        self._bucket = BucketOwnership(store, bot_id, bucket_setting)
        self._checking = asyncio.Lock()
        self._checked = False

    async def ensure_index(self) -> None:
        """Record the bot's id in its index at first sight.

        Raises:
            ConfigurationError: the index is another bot's.
            DatabaseUnavailableError: it can't be read or written.
        """
        owner = await self._index.claim(self._bot_id)
        if owner != self._bot_id:
            problem = f"this database is the index of bot {owner}, but TELEGRAM_BOT_TOKEN is bot {self._bot_id}'s"
            raise ConfigurationError([f"SQLITE_PATH: {problem}; name another file"])

    async def ensure(self) -> None:
        """Return once index and bucket are known to be ours.

        Raises:
            ConfigurationError: one of them is another bot's, or the bucket's record can't be read.
            InfrastructureError: store or database can't be reached or written.
        """
        async with self._checking:
            if not self._checked:
                await self.ensure_index()
                await self._bucket.ensure()
                await self.sweep()
                self._checked = True

    async def sweep(self) -> None:
        """Remove what dead uploads left in the bucket.

        Raises:
            InfrastructureError: the store can't be reached or written.
        """
        if swept := await self._store.sweep():
            log.info("removed %d unfinished uploads of an earlier run", swept)
