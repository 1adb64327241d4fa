"""Sends stored files back to their chat: as Telegram has them, or from the archive when it has them no more."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator

from teltubby_bot import texts
from teltubby_bot.catalogue import say, speaking
from teltubby_bot.languages import Languages
from teltubby_bot.telegram import ChatClosedError, FileToSend, Telegram
from teltubby_core.domain.media import content_type
from teltubby_core.domain.records import ItemRecord, Reply
from teltubby_core.errors import PermanentError
from teltubby_core.ports import ArchiveIndex, ObjectStore

log = logging.getLogger(__name__)

MAX_UPLOAD = 50 * 1024 * 1024
"""Bytes that a bot may send (core.telegram.org/bots/api#senddocument)."""


_BLOCK = 4 * 1024 * 1024


class SendingBack:
    """Sends one file after the other when they come from the archive: each is in memory while it goes out."""

    def __init__(self, telegram: Telegram, index: ArchiveIndex, store: ObjectStore, languages: Languages) -> None:
        self._telegram = telegram
        self._index = index
        self._store = store
        self._languages = languages
        self._one = asyncio.Lock()

    async def send(self, reply: Reply) -> int:
        """Send the file that an answer brings, or say why it can't be; return the message's id.

        Errors: as of Telegram's ``send``, and those of the store.
        """
        item = await self._index.item(reply.file or 0)
        assert item is not None, "items stay"
        caption = reply.text or ""
        try:
            return await self._telegram.send_again(reply.chat_id, item.media, caption, reply.reply_to)
        except ChatClosedError:
            raise
        except PermanentError as error:
            log.info("%s: Telegram does not send the file again: %s", item.correlation_id, error)
        return await self._from_archive(reply, item, caption)

    async def _from_archive(self, reply: Reply, item: ItemRecord, caption: str) -> int:
        key = item.key or item.duplicate_of
        head = await self._store.head(key) if key else None
        if key is None or head is None:
            return await self._say(reply, "get-nowhere")
        if head.size_bytes > MAX_UPLOAD:
            return await self._say(reply, "get-too-large", size=texts.size(head.size_bytes))
        name = item.media.original_filename or (item.filename or key).rpartition("/")[2]

        def chunks() -> AsyncIterator[bytes]:
            return self._checked(key, item)

        file = FileToSend(name, content_type(item.media.mime_type), head.size_bytes, chunks)
        async with self._one:
            return await self._telegram.upload(reply.chat_id, file, caption, reply.reply_to)

    async def _checked(self, key: str, item: ItemRecord) -> AsyncIterator[bytes]:
        """Yield an object's bytes. Raises PermanentError at its end when they are not those that were stored."""
        digest, start = hashlib.sha256(), 0
        while chunk := await self._store.read(key, start, _BLOCK):
            digest.update(chunk)
            start += len(chunk)
            yield chunk
        if item.sha256 and digest.hexdigest() != item.sha256:
            raise PermanentError(f"{key} is not what was stored there: its sha256 differs")

    async def _say(self, reply: Reply, key: str, **values: str) -> int:
        with speaking(self._languages.of(reply.chat_id)):
            text = say(key, **values)
        return await self._telegram.send(reply.chat_id, text, reply.reply_to)
