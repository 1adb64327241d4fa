"""The living replies: one message of ours for each of theirs, kept equal to what the index says."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from teltubby_bot import texts
from teltubby_bot.telegram import ChatClosedError, Telegram
from teltubby_core.domain.jobs import JobProgress
from teltubby_core.domain.records import Reply
from teltubby_core.domain.routing import Route
from teltubby_core.errors import PermanentError, TeltubbyError
from teltubby_core.observability import Metrics
from teltubby_core.ports import ArchiveIndex, Clock

log = logging.getLogger(__name__)

_BATCH = 100
_MAX_CHATS = 16  # chats written to at once
_MAX_PROBLEMS = 1000
_STOP_SECONDS = 3.0  # for a call to Telegram that is under way


@dataclass(frozen=True)
class Pace:
    """Seconds between two calls in one chat, and between two progress edits of one reply.

    Telegram allows about one message or edit a second in a chat; progress edits alone have earned long floods.
    A first answer is held back for ``first_seconds``: most small files are archived by then, and one call says it all.
    """

    chat_seconds: float = 1.0
    progress_seconds: float = 5.0
    first_seconds: float = 0.3


class Replier:
    """Sends and edits. Chats go on side by side; within one, replies are sent in the order of their messages."""

    def __init__(
        self,
        telegram: Telegram,
        index: ArchiveIndex,
        clock: Clock,
        *,
        pace: Pace,
        jobs_wait_for: str | None,
        metrics: Metrics | None = None,
    ) -> None:
        """``jobs_wait_for`` says why no worker can take jobs, None when one can."""
        self._telegram = telegram
        self._index = index
        self._clock = clock
        self._pace = pace
        self._jobs_wait_for = jobs_wait_for
        self._metrics = metrics or Metrics("bot")
        self._chats: dict[int, asyncio.Task[None]] = {}
        self._next_call: dict[int, float] = {}
        self._progress: dict[str, tuple[int, int | None]] = {}
        self._stale: dict[int, float] = {}  # record id -> Unix time from which its reply may be shown anew
        self._problems: dict[int, str] = {}
        self._held: dict[int, tuple[int, float]] = {}  # reply id -> chat, and loop time when it goes out at the latest
        self._sent_anew: set[int] = set()  # replies whose message the user deleted, once each
        self._unrecorded: dict[int, tuple[int, str]] = {}  # reply id -> what stands in the chat already
        self.wake: Callable[[], None] = lambda: None
        """Called when a chat can be written to again."""

    @property
    def transfers(self) -> Mapping[str, tuple[int, int | None]]:
        """Bytes done and bytes in all of jobs that run, by job_id, as last reported."""
        return self._progress

    def progress(self, record_id: int, event: JobProgress) -> None:
        """A worker reports; the reply follows at its own pace."""
        self._progress[event.job_id] = (event.done_bytes, event.total_bytes)
        self._stale.setdefault(record_id, self._clock.now() + self._pace.progress_seconds)
        self.wake()

    def problem(self, record_id: int, text: str) -> None:
        """message.json of this record can't be written."""
        if self._problems.get(record_id) != text and len(self._problems) < _MAX_PROBLEMS:
            self._problems[record_id] = text
            self._stale[record_id] = self._clock.now()
            self.wake()

    def solved(self, record_id: int) -> None:
        """message.json of this record is written."""
        self._problems.pop(record_id, None)
        self.wake()

    async def step(self) -> float | None:
        """Start a round in every chat with something new; return the seconds until the next is due."""
        now = self._clock.now()
        by_chat: dict[int, list[Reply]] = defaultdict(list)
        for reply in await self._open_replies(now):
            by_chat[reply.chat_id].append(reply)
        for chat_id, replies in by_chat.items():
            if chat_id not in self._chats and len(self._chats) < _MAX_CHATS:
                self._chats[chat_id] = asyncio.create_task(self._round(chat_id, replies), name=f"replies {chat_id}")
        # What is due already waits for a chat that is busy; the end of its round wakes us.
        waits = [at - now for at in self._stale.values() if at > now]
        waits += [max(at - _loop_time(), 0.01) for chat, at in self._held.values() if chat not in self._chats]
        return min(waits, default=None)

    async def stop(self) -> None:
        """End what runs; what is not said yet is said after the next start."""
        for task in self._chats.values():
            task.cancel()
        await asyncio.gather(*self._chats.values(), return_exceptions=True)

    async def _open_replies(self, now: float) -> list[Reply]:
        replies: dict[int, Reply] = {}
        after = 0
        while page := await self._index.replies(after, _BATCH):
            replies.update([(reply.id, reply) for reply in page if reply.chat_id not in self._chats])
            after = page[-1].id
            if len(replies) >= _BATCH or len(page) < _BATCH:
                break
        for record_id in [record for record, at in self._stale.items() if at <= now]:
            reply = await self._index.reply_of(record_id)
            if reply is None:
                self._stale.pop(record_id, None)
            elif reply.sent_id is not None and reply.chat_id not in self._chats:
                replies.setdefault(reply.id, reply)
        return await self._in_order(sorted(replies.values(), key=lambda reply: reply.id))

    async def _in_order(self, replies: list[Reply]) -> list[Reply]:
        """Leave out first answers that are held back, and with them those that would overtake them in their chat."""
        ready: list[Reply] = []
        holding: set[int] = set()
        for reply in replies:
            first = reply.sent_id is None
            if first and (reply.chat_id in holding or await self._held_back(reply)):
                holding.add(reply.chat_id)
            else:
                ready.append(reply)
        return ready

    async def _held_back(self, reply: Reply) -> bool:
        if reply.message is None:
            return False
        _, until = self._held.setdefault(reply.id, (reply.chat_id, _loop_time() + self._pace.first_seconds))
        if _loop_time() < until and not (await self._index.message(reply.message)).complete:
            return True
        del self._held[reply.id]
        return False

    async def _round(self, chat_id: int, replies: list[Reply]) -> None:
        try:
            for reply in replies:
                await self._show(reply)
        except TeltubbyError as error:
            pause = getattr(error, "retry_after", None) or self._pace.progress_seconds
            log.warning("chat %d: %s; next try in %.1f s", chat_id, error, pause)
            self._metrics.error(error, "replies")
            if getattr(error, "retry_after", None):
                self._metrics.flood_wait(pause, Route.BOT_API)
            self._next_call[chat_id] = _loop_time() + pause
            await asyncio.sleep(pause)
        except Exception:  # the edge of one chat's round: logged, tried again
            log.exception("unexpected error while replying in chat %d", chat_id)
            await asyncio.sleep(self._pace.progress_seconds)
        finally:
            del self._chats[chat_id]
            self.wake()

    async def _show(self, reply: Reply) -> None:
        await self._pause(reply.chat_id)
        # Shielded: a stop between Telegram's answer and its record would cost a second reply.
        delivery = asyncio.ensure_future(self._deliver(reply))
        try:
            await asyncio.shield(delivery)
        except asyncio.CancelledError:
            await asyncio.wait([delivery], timeout=_STOP_SECONDS)
            delivery.cancel()
            raise

    async def _deliver(self, reply: Reply) -> None:
        due = self._stale.get(reply.message or 0)
        text, version = await self._text(reply)  # after the pause: the newest state counts
        sent_id, sent_text = self._unrecorded.get(reply.id, (reply.sent_id, reply.sent_text))
        if text != sent_text or sent_id is None:
            try:
                sent_id = await self._send(reply, sent_id, text)
            except PermanentError as error:
                await self._end(reply, error)
                return
            self._next_call[reply.chat_id] = _loop_time() + self._pace.chat_seconds
            self._unrecorded[reply.id] = sent_id, text
            if reply.sent_id is None and reply.message is not None:
                await self._count_first_answer(reply.message)
        await self._index.reply_sent(reply.id, sent_id, text, version)
        self._unrecorded.pop(reply.id, None)
        if due is not None and self._stale.get(reply.message or 0) == due:
            del self._stale[reply.message or 0]

    async def _count_first_answer(self, record_id: int) -> None:
        sent = (await self._index.message(record_id)).items[0].incoming.date  # by Telegram's clock, whole seconds
        self._metrics.first_answer(self._clock.now() - sent.timestamp())

    async def _pause(self, chat_id: int) -> None:
        wait = self._next_call.get(chat_id, 0.0) - _loop_time()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _text(self, reply: Reply) -> tuple[str, int]:
        if reply.message is None:
            return reply.text or "", 0
        record = await self._index.message(reply.message)
        if record.complete:
            for item in record.items:
                self._progress.pop(item.job_id or "", None)
        text = texts.living_reply(
            record,
            progress=self._progress,
            jobs_wait_for=self._jobs_wait_for,
            problem=self._problems.get(record.id),
        )
        return text, record.version

    async def _send(self, reply: Reply, sent_id: int | None, text: str) -> int:
        if sent_id is None:
            return await self._telegram.send(reply.chat_id, text, reply.reply_to)
        try:
            await self._telegram.edit(reply.chat_id, sent_id, text)
        except ChatClosedError:
            raise
        except PermanentError:
            # Most likely the user deleted it; what became of the file is said all the same, once.
            if reply.id in self._sent_anew:
                raise
            self._sent_anew.add(reply.id)
            return await self._telegram.send(reply.chat_id, text, reply.reply_to)
        return sent_id

    async def _end(self, reply: Reply, error: PermanentError) -> None:
        log.warning("reply %d in chat %d ends: %s", reply.id, reply.chat_id, error)
        await self._index.reply_ended(reply.id, chat_closed=isinstance(error, ChatClosedError))
        self._stale.pop(reply.message or 0, None)


def _loop_time() -> float:
    """Return seconds of a clock that nobody sets."""
    return asyncio.get_running_loop().time()
