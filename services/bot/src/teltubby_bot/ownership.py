"""Whose archive it is: two bots in one bucket or index would give the same ids to different messages."""

import json

from teltubby_core.documents import JSON_TYPE
from teltubby_core.domain.keys import ROOT
from teltubby_core.errors import ConfigurationError
from teltubby_core.ports import ArchiveIndex, ObjectStore

OWNER_KEY = f"{ROOT}/archive.json"


async def claim(store: ObjectStore, index: ArchiveIndex, bot_id: int) -> None:
    """Record the bot's id in its bucket and its index at first sight, and refuse those of another bot.

    Raises:
        ConfigurationError: one of them is another bot's, or the bucket's record can't be read.
        InfrastructureError: the store or the database can't be reached.
    """
    owner = await index.claim(bot_id)
    if owner != bot_id:
        problem = f"this database is the index of bot {owner}, but TELEGRAM_BOT_TOKEN is bot {bot_id}'s"
        raise ConfigurationError([f"SQLITE_PATH: {problem}; name another file"])
    await _claim_bucket(store, bot_id)


async def _claim_bucket(store: ObjectStore, bot_id: int) -> None:
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
