"""Telegram's limits on what a bot writes, as core.telegram.org/bots/faq gives them."""

import math
from collections import deque
from collections.abc import Callable

from teltubby_simulator.botapi.errors import ApiError

_CHAT_INTERVAL = 1.0  # seconds between two messages or edits in one chat
_OVERALL_RATE = 30  # messages and edits a second over all chats
_GROUP_RATE = 20  # messages and edits a minute in one group


class FloodGate:
    """Counts messages and edits of each bot. A refused one does not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_chat: dict[tuple[int, int], deque[float]] = {}
        self._by_bot: dict[int, deque[float]] = {}

    def pass_through(self, bot_id: int, chat_id: int) -> None:
        """Count one message. Raises ApiError 429 with the seconds to wait when it is one too many."""
        now = self._clock()
        in_chat = self._by_chat.setdefault((bot_id, chat_id), deque(maxlen=_GROUP_RATE))
        overall = self._by_bot.setdefault(bot_id, deque(maxlen=_OVERALL_RATE))
        free_at = now
        if in_chat:
            free_at = max(free_at, in_chat[-1] + _CHAT_INTERVAL)
        if chat_id < 0 and len(in_chat) == _GROUP_RATE:
            free_at = max(free_at, in_chat[0] + 60.0)
        if len(overall) == _OVERALL_RATE:
            free_at = max(free_at, overall[0] + 1.0)
        if free_at > now:
            wait = math.ceil(free_at - now)
            raise ApiError(429, f"Too Many Requests: retry after {wait}", wait)
        in_chat.append(now)
        overall.append(now)
