"""The Bot API behind a circuit breaker: while Telegram is away, answers and downloads don't wait for time-outs."""

from collections.abc import Sequence

from teltubby_bot.telegram import ConflictError, Keys, Me, Telegram, WebhookInfo
from teltubby_core.breaker import Breaker, is_outage
from teltubby_core.domain.media import MediaItem
from teltubby_core.errors import TeltubbyError
from teltubby_core.guarded_source import GuardedSource
from teltubby_core.ports import MediaSource, RawUpdate

TELEGRAM = "telegram"
"""Name of the dependency, in checks, circuits and metrics."""


def telegram_circuit() -> Breaker:
    """Return a breaker for the Bot API. Another poller with our token shows that Telegram is there."""

    def counts(error: TeltubbyError) -> bool:
        return is_outage(error) and not isinstance(error, ConflictError)

    return Breaker(TELEGRAM, counts=counts)


class GuardedTelegram:
    """Telegram behind a breaker. Polls always get through: they are few, pause by themselves and find out first."""

    def __init__(self, telegram: Telegram, breaker: Breaker) -> None:
        self._telegram = telegram
        self._breaker = breaker

    async def me(self) -> Me:
        """See Telegram."""
        with self._breaker.watched(always=True):
            return await self._telegram.me()

    async def poll(self, offset: int | None, timeout_seconds: int) -> Sequence[RawUpdate]:
        """See Telegram."""
        with self._breaker.watched(always=True):
            return await self._telegram.poll(offset, timeout_seconds)

    async def webhook(self) -> WebhookInfo:
        """See Telegram."""
        with self._breaker.watched(always=True):
            return await self._telegram.webhook()

    async def set_webhook(self, url: str, secret: str, connections: int) -> None:
        """See Telegram."""
        with self._breaker.watched(always=True):
            await self._telegram.set_webhook(url, secret, connections)

    async def delete_webhook(self) -> None:
        """See Telegram."""
        with self._breaker.watched(always=True):
            await self._telegram.delete_webhook()

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], *, language: str | None = None, chat_id: int | None = None
    ) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.set_commands(commands, language=language, chat_id=chat_id)

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """See Telegram."""
        with self._breaker.watched():
            return await self._telegram.send(chat_id, text, reply_to, keys)

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """See Telegram."""
        with self._breaker.watched():
            return await self._telegram.send_photo(chat_id, png, caption)

    async def send_again(self, chat_id: int, item: MediaItem, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        with self._breaker.watched():
            return await self._telegram.send_again(chat_id, item, caption, reply_to)

    async def upload(self, chat_id: int, name: str, content: bytes, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        with self._breaker.watched():
            return await self._telegram.upload(chat_id, name, content, caption, reply_to)

    async def edit(self, chat_id: int, message_id: int, text: str, keys: Keys = ()) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.edit(chat_id, message_id, text, keys)

    async def answer_press(self, query_id: str, text: str | None, *, alert: bool = False) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.answer_press(query_id, text, alert=alert)

    async def act(self, chat_id: int, action: str) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.act(chat_id, action)

    async def react(self, chat_id: int, message_id: int, emoji: str | None) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.react(chat_id, message_id, emoji)

    async def copy(self, chat_id: int, from_chat_id: int, message_id: int) -> int:
        """See Telegram."""
        with self._breaker.watched():
            return await self._telegram.copy(chat_id, from_chat_id, message_id)

    async def delete(self, chat_id: int, message_id: int) -> None:
        """See Telegram."""
        with self._breaker.watched():
            await self._telegram.delete(chat_id, message_id)

    def source(self, item: MediaItem) -> MediaSource:
        """See Telegram."""
        return GuardedSource(self._telegram.source(item), self._breaker)
