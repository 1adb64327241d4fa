"""Whose archive it is: two bots in one bucket or index would give the same ids to different messages."""

import asyncio
import json
import logging

from teltubby_core.documents import JSON_TYPE
from teltubby_core.domain.keys import ROOT
from teltubby_core.errors import ConfigurationError
from teltubby_core.ports import ArchiveIndex, ObjectStore

log = logging.getLogger(__name__)

OWNER_KEY = f"{ROOT}/archive.json"


class Ownership:
    """Makes sure, once, that index and bucket are the bot's own, and clears away what dead uploads left in the bucket.

    While the store is away that can't be known: then nothing is written to it, and whoever asks is told why.
    """

    def __init__(self, store: ObjectStore, index: ArchiveIndex, bot_id: int) -> None:
        self._store = store
        self._index = index
        self._bot_id = bot_id
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
                await self._claim_bucket()
                if swept := await self._store.sweep():
                    log.info("removed %d unfinished uploads of an earlier run", swept)
                self._checked = True

    async def _claim_bucket(self) -> None:
        store, bot_id = self._store, self._bot_id
        body = json.dumps({"schema_version": "1.0", "bot_id": bot_id}).encode() + b"\n"
        if await store.put_if_absent(OWNER_KEY, body, JSON_TYPE):
            return
        try:
            owner = json.loads(await store.get(OWNER_KEY) or b"")["bot_id"]
        except (ValueError, KeyError, TypeError):
            problem = f"{OWNER_KEY} in “{store.bucket}” can't be read; it should name the bot that owns the archive"
            raise ConfigurationError([f"ARCHIVE_DIR: {problem}"]) from None
        if owner != bot_id:
            problem = f"“{store.bucket}” is the archive of bot {owner}, but TELEGRAM_BOT_TOKEN is bot {bot_id}'s"
            raise ConfigurationError([f"ARCHIVE_DIR: {problem}; name another folder"])
