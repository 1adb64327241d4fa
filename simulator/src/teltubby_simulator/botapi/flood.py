"""Telegram's limits on what a bot writes, as core.telegram.org/bots/faq gives them.

Telegram lets short bursts in a chat pass, without saying how long they may be; here there are none, so that who gets
on with this gets on with Telegram.
"""

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

    def pass_through(self, bot_id: int, chat_id: int, number: int = 1) -> None:
        """Count messages that go out as one, such as an album.

        Raises:
            ApiError: 429 with the seconds to wait when it is one too many.
        """
        now = self._clock()
        in_chat = self._by_chat.setdefault((bot_id, chat_id), deque(maxlen=_GROUP_RATE))
        overall = self._by_bot.setdefault(bot_id, deque(maxlen=_OVERALL_RATE))
        free_at = now
        if in_chat:
            free_at = max(free_at, in_chat[-1] + _CHAT_INTERVAL)
        if chat_id < 0:
            free_at = max(free_at, _room(in_chat, _GROUP_RATE, number, 60.0))
        free_at = max(free_at, _room(overall, _OVERALL_RATE, number, 1.0))
        if free_at > now:
            raise too_many(math.ceil(free_at - now))
        in_chat.extend([now] * number)
        overall.extend([now] * number)


def too_many(wait: int) -> ApiError:
    """Return the refusal that tells how many seconds to wait."""
    return ApiError(429, f"Too Many Requests: retry after {wait}", wait)


def _room(times: deque[float], rate: int, number: int, period: float) -> float:
    """Return from when on so many more fit into the period; a number above the rate waits for an empty one."""
    excess = min(len(times) + number - rate, len(times))
    return times[excess - 1] + period if excess > 0 else 0.0
