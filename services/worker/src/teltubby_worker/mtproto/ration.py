"""How often something may be done that Telegram punishes when it is done often."""

from collections import deque


class Ration:
    """``most`` times within ``period`` seconds."""

    def __init__(self, most: int, period: float) -> None:
        self._period = period
        self._taken: deque[float] = deque(maxlen=most)

    def wait(self, now: float) -> float:
        """Return the seconds until it may be done again; 0 when it may be now."""
        if len(self._taken) < (self._taken.maxlen or 0):
            return 0.0
        return max(0.0, self._taken[0] + self._period - now)

    def take(self, now: float) -> None:
        """It was done."""
        self._taken.append(now)
