"""A Telegram of our own, in memory: it keeps updates until they are confirmed and shows what stands in each chat."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from teltubby_bot.telegram import POLL_LIMIT, ConflictError, Keys, Me, WebhookInfo
from teltubby_core.domain.media import MediaItem
from teltubby_core.errors import FileTooBigError, PermanentError, TeltubbyError
from teltubby_core.ports import MediaSource, RawUpdate
from teltubby_core.testing import MemorySource

BOT_ID = 777
DOWNLOAD_LIMIT = 20 * 1024 * 1024


@dataclass(frozen=True)
class Sent:
    """A message of the bot as it was first sent."""

    id: int
    chat_id: int
    text: str
    reply_to: int | None


class FakeTelegram:
    """Answers like the Bot API.

    Attributes:
        files: content by file_id.
        sizes: announced sizes, where they differ from the content's, by file_id; over 20 MB is "too big".
        told: what getFile says of a file's size, by file_id; without an entry it says nothing.
        sent: every message of the bot in order.
        edits: every edit as (chat, message, text) in order.
        keys: the buttons under each message of the bot, by its id.
        menus: what was set last, by (chat, language).
        sent_again, uploads: files that the bot sent, as (chat, file_id) and (chat, name, content).
        press_answers: what the presser was shown, by query id.
        actions: every chat action as (chat, action); reactions: what stands under each (chat, message).
        photos: every picture as (chat, PNG).
        copies: every copy as (to, from, message) in order; their ids count from 9000.
        deleted: every message that was removed, as (chat, message).
        downloads: how often each file was asked for.
        failures: errors to raise next, by method ("me", "poll", "webhook", "set_webhook", "send", "edit", "copy",
            "delete", "download").
        broken: an error that a method raises until it is taken away.
        gate: cleared, no download begins before it is set.
        offsets: every offset that was polled with.
        webhook_url, last_error, last_error_at: where updates go, and the latest failed delivery.
        webhooks: every webhook that was set, as (address, secret, connections).
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.told: dict[str, int] = {}
        self.sent: list[Sent] = []
        self.edits: list[tuple[int, int, str]] = []
        self.keys: dict[int, Keys] = {}
        self.menus: dict[tuple[int | None, str | None], list[tuple[str, str]]] = {}
        self.sent_again: list[tuple[int, str]] = []
        self.uploads: list[tuple[int, str, bytes]] = []
        self.press_answers: dict[str, str | None] = {}
        self.actions: list[tuple[int, str]] = []
        self.reactions: dict[tuple[int, int], str | None] = {}
        self.photos: list[tuple[int, bytes]] = []
        self.copies: list[tuple[int, int, int]] = []
        self.deleted: list[tuple[int, int]] = []
        self.downloads: Counter[str] = Counter()
        self.failures: dict[str, list[Exception]] = defaultdict(list)
        self.broken: dict[str, Exception] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.offsets: list[int | None] = []
        self.webhook_url = ""
        self.last_error: str | None = None
        self.last_error_at: int | None = None
        self.webhooks: list[tuple[str, str, int]] = []
        self.running = self.most_running = 0
        self._kept: dict[int, RawUpdate] = {}
        self._changed = asyncio.Event()

    def deliver(self, *updates: dict[str, Any] | RawUpdate) -> None:
        """Let updates wait at Telegram."""
        for update in updates:
            raw = update if isinstance(update, RawUpdate) else RawUpdate(update["update_id"], json.dumps(update))
            self._kept[raw.update_id] = raw
        self._changed.set()

    @property
    def unconfirmed(self) -> list[int]:
        """Ids of the updates that still wait."""
        return sorted(self._kept)

    def shown(self, chat_id: int) -> list[str]:
        """What the bot's messages in a chat say now, in the order they were sent."""
        texts = {message.id: message.text for message in self.sent if message.chat_id == chat_id}
        texts.update((message_id, text) for chat, message_id, text in self.edits if chat == chat_id)
        return list(texts.values())

    async def me(self) -> Me:
        """See Telegram."""
        self._fail("me")
        return Me(BOT_ID, "archive_bot")

    async def poll(self, offset: int | None, timeout_seconds: float) -> Sequence[RawUpdate]:
        """See Telegram."""
        self._fail("poll")
        if self.webhook_url:
            raise ConflictError("can't use getUpdates method while webhook is active")
        self.offsets.append(offset)
        for update_id in [known for known in self._kept if offset is not None and known < offset]:
            del self._kept[update_id]
        if not self._kept and timeout_seconds:
            self._changed.clear()
            await asyncio.wait([asyncio.ensure_future(self._changed.wait())], timeout=timeout_seconds)
        return [self._kept[update_id] for update_id in sorted(self._kept)[:POLL_LIMIT]]

    async def webhook(self) -> WebhookInfo:
        """See Telegram."""
        self._fail("webhook")
        return WebhookInfo(self.webhook_url, len(self._kept), self.last_error, self.last_error_at)

    async def set_webhook(self, url: str, secret: str, connections: int) -> None:
        """See Telegram."""
        self._fail("set_webhook")
        self.webhook_url = url
        self.webhooks.append((url, secret, connections))

    async def delete_webhook(self) -> None:
        """See Telegram."""
        self.webhook_url = ""

    def delivered(self, *update_ids: int) -> None:
        """Let updates be taken by the webhook."""
        for update_id in update_ids:
            del self._kept[update_id]

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], *, language: str | None = None, chat_id: int | None = None
    ) -> None:
        """See Telegram."""
        self._fail("set_commands")
        self.menus[chat_id, language] = list(commands)

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """See Telegram."""
        self._fail("send")
        message = Sent(5000 + len(self.sent), chat_id, text, reply_to)
        self.sent.append(message)
        self.keys[message.id] = keys
        return message.id

    async def send_again(self, chat_id: int, item: MediaItem, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        self._fail("send_again")
        self.sent_again.append((chat_id, item.file_id))
        return await self.send(chat_id, caption, reply_to)

    async def upload(self, chat_id: int, name: str, content: bytes, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        self._fail("upload")
        self.uploads.append((chat_id, name, content))
        return await self.send(chat_id, caption, reply_to)

    async def edit(self, chat_id: int, message_id: int, text: str, keys: Keys = ()) -> None:
        """See Telegram. To edit a text into itself is a defect of the bot."""
        self._fail("edit")
        current = next((m.text for m in self.sent if m.id == message_id), None)
        earlier = [edited for _, edited_id, edited in self.edits if edited_id == message_id]
        before = earlier[-1] if earlier else current
        assert (text, keys) != (before, self.keys.get(message_id, ())), "an edit that changes nothing"
        self.edits.append((chat_id, message_id, text))
        self.keys[message_id] = keys

    async def answer_press(self, query_id: str, text: str | None, *, alert: bool = False) -> None:
        """See Telegram."""
        self._fail("answer_press")
        self.press_answers[query_id] = text

    async def act(self, chat_id: int, action: str) -> None:
        """See Telegram."""
        self._fail("act")
        self.actions.append((chat_id, action))

    async def react(self, chat_id: int, message_id: int, emoji: str | None) -> None:
        """See Telegram."""
        self._fail("react")
        self.reactions[chat_id, message_id] = emoji

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """See Telegram."""
        self._fail("send_photo")
        self.photos.append((chat_id, png))
        return await self.send(chat_id, caption, None)

    async def copy(self, chat_id: int, from_chat_id: int, message_id: int) -> int:
        """See Telegram."""
        self._fail("copy")
        copy = 9000 + len(self.copies)
        self.copies.append((chat_id, from_chat_id, message_id))
        return copy

    async def delete(self, chat_id: int, message_id: int) -> None:
        """See Telegram."""
        self._fail("delete")
        self.deleted.append((chat_id, message_id))

    def source(self, item: MediaItem) -> MediaSource:
        """See Telegram."""
        return _Download(self, item.file_id)

    def _fail(self, method: str) -> None:
        if self.failures[method]:
            raise self.failures[method].pop(0)
        if method in self.broken:
            raise self.broken[method]


class _Download:
    def __init__(self, telegram: FakeTelegram, file_id: str) -> None:
        self._telegram = telegram
        self._file_id = file_id
        self._told: int | None = None

    def told_size(self) -> int | None:
        return self._told

    async def chunks(self) -> AsyncIterator[bytes]:
        telegram = self._telegram
        telegram.downloads[self._file_id] += 1
        telegram.running += 1
        telegram.most_running = max(telegram.most_running, telegram.running)
        try:
            await telegram.gate.wait()
            telegram._fail("download")
            if telegram.sizes.get(self._file_id, 0) > DOWNLOAD_LIMIT:
                raise FileTooBigError("the file is too big for the Bot API")
            if self._file_id not in telegram.files:
                raise PermanentError("Telegram refuses the request: wrong file_id")
            self._told = telegram.told.get(self._file_id)
            async for chunk in MemorySource(telegram.files[self._file_id]).chunks():
                yield chunk
        finally:
            telegram.running -= 1


class Failing:
    """Stands before a port and raises ``error`` from the methods named in ``methods``, until told otherwise."""

    def __init__(self, port: Any, error: TeltubbyError) -> None:
        self._port = port
        self._error = error
        self.methods: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in self.methods:
            return self._raise
        return getattr(self._port, name)

    async def _raise(self, *_: object, **__: object) -> Any:
        raise self._error
