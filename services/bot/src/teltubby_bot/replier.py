"""The living replies: messages of ours kept equal to what the index says, one for each of theirs or for a burst."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from teltubby_bot.composing import Composer, Content
from teltubby_bot.pacing import Pacer, retry_after
from teltubby_bot.presses import Signer
from teltubby_bot.telegram import ChatClosedError, Telegram
from teltubby_bot.transfers import Transfers
from teltubby_core.domain.jobs import JobProgress
from teltubby_core.domain.records import Reply
from teltubby_core.domain.routing import Route
from teltubby_core.domain.speech import Buttons
from teltubby_core.errors import PermanentError, TeltubbyError
from teltubby_core.observability import Metrics
from teltubby_core.ports import ArchiveIndex, Clock

log = logging.getLogger(__name__)

_BATCH = 100
_MAX_CHATS = 64  # written to at once; most of that time each waits for its second to pass
_STOP_SECONDS = 3.0  # for a call to Telegram that is under way

Shown = tuple[int, str, Buttons]
"""Telegram's id of a message of ours, and what stands there."""


@dataclass(frozen=True)
class Pace:
    """Seconds between two calls in one chat, and between two edits there that are not the last of their reply.

    Telegram allows about one message or edit a second in a chat; progress edits alone have earned long floods.
    A first answer is held back for ``first_seconds``: most small files are archived by then, and one call says it all.
    """

    chat_seconds: float = 1.0
    progress_seconds: float = 5.0
    first_seconds: float = 0.3


@dataclass(frozen=True)
class Voice:
    """What replies are made and sent with.

    ``send_file`` sends the file that the answer to a command brings; ``on_shown`` hears what was shown.
    """

    telegram: Telegram
    pacer: Pacer
    signer: Signer
    composer: Composer
    transfers: Transfers
    send_file: Callable[[Reply], Awaitable[int]]
    on_shown: Callable[[Reply, Content], None] = lambda _, __: None


class Replier:
    """Sends and edits. Chats go on side by side; within one, replies are sent in the order of their messages."""

    def __init__(
        self, voice: Voice, index: ArchiveIndex, clock: Clock, *, pace: Pace, metrics: Metrics | None = None
    ) -> None:
        self._voice = voice
        self._index = index
        self._clock = clock
        self._pace = pace
        self._metrics = metrics or Metrics("bot")
        self._chats: dict[int, asyncio.Task[None]] = {}
        self._next_edit: dict[int, float] = {}  # loop time from which a chat may get an edit that is not a last one
        self._put_off: set[int] = set()  # chats where an edit waits for that
        self._stale: dict[int, float] = {}  # record id -> Unix time from which its reply may be shown anew
        self._held: dict[int, tuple[int, float]] = {}  # reply id -> chat, and loop time when it goes out at the latest
        self._sent_anew: set[int] = set()  # replies whose message the user deleted, once each
        self._unrecorded: dict[int, Shown] = {}  # reply id -> what stands in the chat already
        self.wake: Callable[[], None] = lambda: None
        """Called when a chat can be written to again."""

    def progress(self, record_id: int, event: JobProgress) -> None:
        """A worker reports; the reply follows at its own pace."""
        self._voice.transfers.report(event, self._clock.now())
        self._stale.setdefault(record_id, self._clock.now() + self._pace.progress_seconds)
        self.wake()

    def problem(self, record_id: int, text: str) -> None:
        """message.json of this record can't be written."""
        if self._voice.composer.problem(record_id, text):
            self._stale[record_id] = self._clock.now()
            self.wake()

    def solved(self, record_id: int) -> None:
        """message.json of this record is written."""
        self._voice.composer.problem(record_id, None)
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
        waits += [max(self._next_edit[chat] - _loop_time(), 0.01) for chat in self._put_off]
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
        self._next_edit = {chat: at for chat, at in self._next_edit.items() if at > _loop_time()}
        return self._in_order(sorted(replies.values(), key=lambda reply: reply.id))

    def _in_order(self, replies: list[Reply]) -> list[Reply]:
        """Leave out what is not to be shown yet; and first answers that would overtake another one in their chat."""
        self._put_off = set()
        ready: list[Reply] = []
        holding: set[int] = set()
        for reply in replies:
            if reply.sent_id is not None:
                if reply.complete or not reply.living or reply.chat_id not in self._next_edit:
                    ready.append(reply)
                else:
                    self._put_off.add(reply.chat_id)
            elif reply.chat_id in holding or self._held_back(reply):
                holding.add(reply.chat_id)
            else:
                ready.append(reply)
        return ready

    def _held_back(self, reply: Reply) -> bool:
        if not reply.living:
            return False
        _, until = self._held.setdefault(reply.id, (reply.chat_id, _loop_time() + self._pace.first_seconds))
        if _loop_time() < until and not reply.complete:
            return True
        del self._held[reply.id]
        return False

    async def _round(self, chat_id: int, replies: list[Reply]) -> None:
        try:
            for reply in replies:
                await self._show(reply)
        except TeltubbyError as error:
            flood = retry_after(error)
            pause = flood or self._pace.progress_seconds
            log.warning("chat %d: %s; next try in %.1f s", chat_id, error, pause)
            self._metrics.error(error, "replies")
            if flood:
                self._metrics.flood_wait(pause, Route.BOT_API)
            await asyncio.sleep(pause)
        except Exception:  # the edge of one chat's round: logged, tried again
            log.exception("unexpected error while replying in chat %d", chat_id)
            await asyncio.sleep(self._pace.progress_seconds)
        finally:
            del self._chats[chat_id]
            self.wake()

    async def _show(self, reply: Reply) -> None:
        async with self._voice.pacer.turn(reply.chat_id) as give_back:
            # Shielded: a stop between Telegram's answer and its record would cost a second reply.
            delivery = asyncio.ensure_future(self._deliver(reply, give_back))
            try:
                await asyncio.shield(delivery)
            except asyncio.CancelledError:
                await asyncio.wait([delivery], timeout=_STOP_SECONDS)
                delivery.cancel()
                raise

    async def _deliver(self, reply: Reply, give_back: Callable[[], None]) -> None:
        records = await self._stale_records(reply)
        content = await self._voice.composer.content(reply)  # at our turn: the newest state counts
        before = self._unrecorded.get(reply.id) or _standing(reply)
        shown = before
        if before is None or before[1:] != (content.text, content.buttons):
            try:
                shown = await self._send(reply, before, content)
            except PermanentError as error:
                await self._end(reply, error)
                return
            if before is None:
                self._count_first_answer(content)
            elif not content.complete:
                self._next_edit[reply.chat_id] = _loop_time() + self._pace.progress_seconds
            self._unrecorded[reply.id] = shown
        else:
            give_back()
        assert shown is not None, "what stands there or what was sent"
        await self._index.reply_sent(reply.id, shown[0], content.text, content.version, content.buttons)
        self._unrecorded.pop(reply.id, None)
        self._voice.on_shown(reply, content)
        for record, due in records.items():
            if self._stale.get(record) == due:
                del self._stale[record]

    async def _stale_records(self, reply: Reply) -> dict[int, float]:
        """Return those of the reply's records that were to be shown anew, and since when."""
        if not reply.living or not self._stale:
            return {}
        if reply.message is not None:
            found = {reply.message}
        else:
            found = {record.id for record in await self._index.burst(reply.id)}
        return {record: self._stale[record] for record in found if record in self._stale}

    def _count_first_answer(self, content: Content) -> None:
        for record in content.records:
            sent = record.items[0].incoming.date  # by Telegram's clock, whole seconds
            self._metrics.first_answer(self._clock.now() - sent.timestamp())

    async def _send(self, reply: Reply, before: Shown | None, content: Content) -> Shown:
        telegram, keys = self._voice.telegram, self._voice.signer.keys(reply.chat_id, content.buttons)
        if reply.file is not None:
            return await self._voice.send_file(reply), content.text, content.buttons
        if before is not None:
            try:
                await telegram.edit(reply.chat_id, before[0], content.text, keys)
            except ChatClosedError:
                raise
            except PermanentError:
                # Most likely the user deleted it; what became of the file is said all the same, once.
                if reply.id in self._sent_anew:
                    raise
                self._sent_anew.add(reply.id)
            else:
                return before[0], content.text, content.buttons
        sent_id = await telegram.send(reply.chat_id, content.text, reply.reply_to, keys)
        return sent_id, content.text, content.buttons

    async def _end(self, reply: Reply, error: PermanentError) -> None:
        log.warning("reply %d in chat %d ends: %s", reply.id, reply.chat_id, error)
        await self._index.reply_ended(reply.id, chat_closed=isinstance(error, ChatClosedError))
        self._stale.pop(reply.message or 0, None)


def _standing(reply: Reply) -> Shown | None:
    """Return what stands in the chat; of a message of ours that an answer takes the place of, not what it said."""
    return None if reply.sent_id is None else (reply.sent_id, reply.sent_text or "", reply.sent_buttons)


def _loop_time() -> float:
    """Return seconds of a clock that nobody sets."""
    return asyncio.get_running_loop().time()
