"""Sends stored files back to their chat: as Telegram has them, or from the archive when it has them no more."""

import asyncio
import hashlib
import logging

from teltubby_bot import texts
from teltubby_bot.catalogue import say, speaking
from teltubby_bot.languages import Languages
from teltubby_bot.telegram import ChatClosedError, Telegram
from teltubby_core.domain.records import ItemRecord, Reply
from teltubby_core.errors import PermanentError, TeltubbyError
from teltubby_core.ports import ArchiveIndex, ObjectStore

log = logging.getLogger(__name__)

MAX_UPLOAD = 50 * 1024 * 1024
"""Bytes that a bot may send (core.telegram.org/bots/api#senddocument)."""


_BLOCK = 4 * 1024 * 1024


class _UnsendableError(Exception):
    """The file can't go back; ``key`` and ``values`` make the text that says why."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


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

        Errors: as of Telegram's ``send``.
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
        key = item.key or item.duplicate_of or ""
        name = item.media.original_filename or (item.filename or key).rpartition("/")[2]
        async with self._one:
            try:
                content = await self._content(key, item)
            except _UnsendableError as error:
                return await self._say(reply, error.key, **error.values)
            except TeltubbyError as error:  # an answer now is better than one that keeps others in the chat waiting
                return await self._say(reply, "archive-away", error=str(error))
            try:
                return await self._telegram.upload(reply.chat_id, name, content, caption, reply.reply_to)
            except ChatClosedError:
                raise
            except PermanentError as error:
                return await self._say(reply, "get-refused", error=str(error))

    async def _content(self, key: str, item: ItemRecord) -> bytes:
        """Read an object whole.

        Raises:
            _UnsendableError: it is not there, too large, or not what was stored.
        """
        head = await self._store.head(key) if key else None
        if head is None:
            raise _UnsendableError("get-nowhere")
        if head.size_bytes > MAX_UPLOAD:
            raise _UnsendableError("get-too-large", size=texts.size(head.size_bytes))
        content = bytearray()
        while chunk := await self._store.read(key, len(content), _BLOCK):
            content += chunk
        digest = await asyncio.to_thread(hashlib.sha256, content)
        if item.sha256 and digest.hexdigest() != item.sha256:
            log.error("%s: %s is not what was stored there: its sha256 differs", item.correlation_id, key)
            raise _UnsendableError("get-damaged")
        return bytes(content)

    async def _say(self, reply: Reply, key: str, **values: str) -> int:
        with speaking(self._languages.of(reply.chat_id)):
            text = say(key, **values)
        return await self._telegram.send(reply.chat_id, text, reply.reply_to)
