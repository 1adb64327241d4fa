"""A clock that stands still until a test moves it."""


class SteppedClock:
    """Shows ``start`` (Unix seconds) until advanced."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
