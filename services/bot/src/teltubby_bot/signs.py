"""Small signs beside the replies: a reaction under the message, and “typing” while its file is on its way.

Nobody waits for them and nothing fails with them. They are calls to Telegram all the same: few at a time, none while
much is going on, and none at all for a while after Telegram has had enough.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from teltubby_bot.background import Background
from teltubby_bot.composing import Content
from teltubby_bot.telegram import Telegram
from teltubby_core.domain.records import ItemState, MessageRecord, Reply
from teltubby_core.errors import TeltubbyError

log = logging.getLogger(__name__)

WORKING, ARCHIVED, KNOWN, FAILED, LEFT_OUT = "👀", "👌", "🤝", "😢", "🤷"
"""What is put under a message; each is one that bots may set (core.telegram.org/bots/api#reactiontypeemoji)."""
_SECONDS = 5.0  # for a call; Telegram shows “typing” as long
_MOST = 4  # calls under way
_A_SECOND = 5  # calls that begin within a second; while more would, the chats see enough happen
_REMEMBERED = 1000  # messages with a reaction of ours


class Signs:
    """Sets reactions and shows that we are at something."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._tasks = Background(_MOST)
        self._quiet_until = 0.0  # loop time
        self._began: deque[float] = deque(maxlen=_A_SECOND)
        self._set: OrderedDict[tuple[int, int], str] = OrderedDict()
        self._typed: OrderedDict[int, float] = OrderedDict()  # chat -> loop time

    def shown(self, reply: Reply, content: Content) -> None:
        """A reply stands in the chat: its message gets the reaction that goes with it. A burst gets none."""
        if not reply.living or reply.burst:
            return
        (record,) = content.records
        if not record.complete:
            self._busy(reply.chat_id)
        if record.base_path is not None:
            self._react(reply.chat_id, reply.reply_to, reaction(record))

    def _busy(self, chat_id: int) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._typed.get(chat_id, 0.0) + _SECONDS:
            return
        self._typed[chat_id] = now
        self._typed.move_to_end(chat_id)
        while len(self._typed) > _REMEMBERED:
            self._typed.popitem(last=False)
        self._start(lambda: self._telegram.act(chat_id, "typing"), f"typing {chat_id}")

    async def stop(self) -> None:
        """Leave what is under way."""
        await self._tasks.stop()

    def _react(self, chat_id: int, message_id: int, emoji: str) -> None:
        if self._set.get((chat_id, message_id)) == emoji:
            return
        if self._start(lambda: self._telegram.react(chat_id, message_id, emoji), f"reaction {chat_id}/{message_id}"):
            self._set[chat_id, message_id] = emoji
            while len(self._set) > _REMEMBERED:
                self._set.popitem(last=False)

    def _start(self, call: Callable[[], Awaitable[None]], name: str) -> bool:
        now = asyncio.get_running_loop().time()
        many = len(self._began) == _A_SECOND and now < self._began[0] + 1.0
        if many or now < self._quiet_until or not self._tasks.start(lambda: self._call(call), name):
            return False
        self._began.append(now)
        return True

    async def _call(self, call: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await call()
        except (TeltubbyError, TimeoutError) as error:
            pause = getattr(error, "retry_after", None) or _SECONDS
            self._quiet_until = asyncio.get_running_loop().time() + pause
            log.debug("a sign was not set: %s; none for %.1f s", str(error) or "no answer in time", pause)


def reaction(record: MessageRecord) -> str:
    """Return what goes under a message as it stands."""
    if not record.complete:
        return WORKING
    states = {item.state for item in record.items}
    if ItemState.FAILED in states:
        return FAILED
    if states <= {ItemState.DUPLICATE}:
        return KNOWN
    return ARCHIVED if states & {ItemState.STORED, ItemState.DUPLICATE} else LEFT_OUT
