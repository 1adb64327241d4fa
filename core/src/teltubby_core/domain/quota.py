"""How full the archive is, and what follows from it. Sizes in bytes."""

from dataclasses import dataclass

ALARM_RATIO = 0.80
"""From this share of the limit on, the archive counts as nearly full."""
CALM_RATIO = 0.75
"""Below this share it does not any more; between the two it stays what it was, so that nobody is told twice."""


@dataclass(frozen=True)
class Usage:
    """What stored objects take, and what files on their way will take."""

    stored_bytes: int
    open_bytes: int = 0

    @property
    def total(self) -> int:
        """Return both together: what the archive is committed to hold."""
        return self.stored_bytes + self.open_bytes


@dataclass(frozen=True)
class Quota:
    """The most that an archive may hold; without a limit (None) everything fits."""

    limit_bytes: int | None = None

    def fits(self, usage: Usage, size_bytes: int | None) -> bool:
        """Whether a file may come in. A full archive takes nothing, not even one that is empty or of unknown size."""
        if self.limit_bytes is None:
            return True
        return usage.total < self.limit_bytes and usage.total + (size_bytes or 0) <= self.limit_bytes

    def ratio(self, usage: Usage) -> float | None:
        """Return the share of the limit that is taken, 1.0 when all of it is; None without a limit."""
        return usage.total / self.limit_bytes if self.limit_bytes else None


def nearly_full(ratio: float, was: bool) -> bool:
    """Whether an archive counts as nearly full, given whether it ``was`` so far."""
    return ratio >= (CALM_RATIO if was else ALARM_RATIO)
