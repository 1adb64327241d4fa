"""Bandwidth: when the next bytes may leave, for each thing that has a limit of its own.

A lane hands out time: so many bytes take so many seconds of it, one piece after the other. Whoever sends over several
lanes (its connection's, its key's, its account's) waits for the slowest. As each sender asks for one piece at a time,
those who share a lane take turns. Nothing here sleeps or reads a clock, so tests can count.
"""

from collections.abc import Sequence

_LATE = 0.05  # seconds that a sender may be late for its turn, as timers are, and still keep it
_PIECES_A_SECOND = 20
_SMALLEST_PIECE, _LARGEST_PIECE = 1 << 10, 64 << 10  # bytes


class Lane:
    """Time on one bottleneck."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def take(self, size: int, rate: float, now: float) -> float:
        """Return when the last of ``size`` bytes has passed at ``rate`` bytes a second; the time is taken."""
        start = self._free_at if now - self._free_at <= _LATE else now
        self._free_at = start + size / rate
        return self._free_at


class Limits:
    """The lanes that one sender goes through, each with its rate in bytes a second."""

    def __init__(self, lanes: Sequence[tuple[Lane, float | None]]) -> None:
        self._lanes = [(lane, rate) for lane, rate in lanes if rate is not None]

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def piece(self) -> int:
        """How many bytes to send at a time: little enough that others have their turn often."""
        slowest = min(rate for _, rate in self._lanes)
        return min(max(int(slowest / _PIECES_A_SECOND), _SMALLEST_PIECE), _LARGEST_PIECE)

    def wait(self, size: int, now: float) -> float:
        """Take the time for ``size`` bytes on every lane and return how many seconds to wait before they are sent."""
        return max(0.0, max(lane.take(size, rate, now) for lane, rate in self._lanes) - now)
