"""Whose bucket it is: two bots in one would give the same ids to different messages."""

import asyncio
import json

from teltubby_core.documents import JSON_TYPE
from teltubby_core.domain.keys import ROOT
from teltubby_core.errors import ConfigurationError
from teltubby_core.ports import ObjectStore

OWNER_KEY = f"{ROOT}/archive.json"
"""The object that names the bot whose archive a bucket is."""


class BucketOwnership:
    """Makes sure, once, that a bucket is the bot's own; at first sight it is made so.

    While the store is away that can't be known: then nothing is written to it, and whoever asks is told why.
    """

    def __init__(self, store: ObjectStore, bot_id: int, setting: str) -> None:
        """``setting`` is what names the bucket, for whoever has to change it."""
        self._store = store
        self._bot_id = bot_id
        self._setting = setting
        self._checking = asyncio.Lock()
        self._checked = False

    async def ensure(self) -> None:
        """Return once the bucket is known to be ours.

        Raises:
            ConfigurationError: it is another bot's, or its record can't be read.
            InfrastructureError: the store can't be reached or written.
        """
        async with self._checking:
            if not self._checked:
                await self._claim()
                self._checked = True

    async def _claim(self) -> None:
        store, bot_id = self._store, self._bot_id
        body = json.dumps({"schema_version": "1.0", "bot_id": bot_id}).encode() + b"\n"
        if await store.put_if_absent(OWNER_KEY, body, JSON_TYPE):
            return
        try:
            owner = json.loads(await store.get(OWNER_KEY) or b"")["bot_id"]
        except (ValueError, KeyError, TypeError):
            problem = f"{OWNER_KEY} in “{store.bucket}” can't be read; it should name the bot that owns the archive"
            raise ConfigurationError([f"{self._setting}: {problem}"]) from None
        if owner != bot_id:
            problem = f"“{store.bucket}” is the archive of bot {owner}, but TELEGRAM_BOT_TOKEN is bot {bot_id}'s"
            raise ConfigurationError([f"{self._setting}: {problem}; name another one"])
