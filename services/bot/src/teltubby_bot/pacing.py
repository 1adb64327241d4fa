"""How fast the bot may write: Telegram takes about one message or edit a second in a chat, and 30 a second in all
(core.telegram.org/bots/faq). Whatever writes waits for its turn here, so that no two of its parts flood a chat.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from teltubby_bot.telegram import Keys, Telegram
from teltubby_core.errors import TeltubbyError, TransientError

_MOST_CHATS = 10_000  # that are remembered; those that were quiet longest go first
_MARGIN = 0.25  # seconds beside what Telegram asks to wait: its clock and ours are read at different moments


@dataclass
class _Chat:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0  # loop time


class Pacer:
    """Gives turns: one at a time in a chat, some time apart, and so many a second over all chats."""

    def __init__(self, *, chat_seconds: float = 1.0, overall: int = 28) -> None:
        """``overall``: calls within any second, as Telegram sees them arrive."""
        self._chat_seconds = chat_seconds
        self._chats: OrderedDict[int, _Chat] = OrderedDict()
        self._overall = asyncio.Semaphore(overall)

    @asynccontextmanager
    async def turn(self, chat_id: int) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn in a chat; calling what comes out tells that nothing was written in it.

        A flood that Telegram answers with keeps the chat, and only it, quiet for as long as it says.
        """
        chat = self._chat(chat_id)
        async with chat.lock:
            await _sleep_until(chat.free_at)
            await self._overall.acquire()
            before = chat.free_at
            unused = False

            def give_back() -> None:
                nonlocal unused
                unused = True

            try:
                yield give_back
            except TransientError as error:
                if error.retry_after:
                    chat.free_at = _now() + error.retry_after + _MARGIN
                raise
            finally:
                # From the call's end on, not from its beginning: it may have waited on its way to Telegram.
                chat.free_at = before if unused else max(chat.free_at, _now() + self._chat_seconds)
                asyncio.get_running_loop().call_later(0.0 if unused else 1.0, self._overall.release)

    def _chat(self, chat_id: int) -> _Chat:
        chat = self._chats.setdefault(chat_id, _Chat())
        self._chats.move_to_end(chat_id)
        if len(self._chats) > _MOST_CHATS:
            oldest = next(iter(self._chats.items()))
            if not oldest[1].lock.locked():
                del self._chats[oldest[0]]
        return chat


class PacedVoice:
    """Sends at its turn, for those who say something now and then."""

    def __init__(self, telegram: Telegram, pacer: Pacer) -> None:
        self._telegram = telegram
        self._pacer = pacer

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """See Telegram."""
        async with self._pacer.turn(chat_id):
            return await self._telegram.send(chat_id, text, reply_to, keys)

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """See Telegram."""
        async with self._pacer.turn(chat_id):
            return await self._telegram.send_photo(chat_id, png, caption)

    async def delete(self, chat_id: int, message_id: int) -> None:
        """See Telegram. Nothing is written, so it waits for nothing."""
        await self._telegram.delete(chat_id, message_id)


def retry_after(error: TeltubbyError) -> float | None:
    """Return the seconds for which Telegram asks to be left alone."""
    return getattr(error, "retry_after", None) or None


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    if (wait := moment - _now()) > 0:
        await asyncio.sleep(wait)
