"""The time of day, as a port, so that tests can set it."""

import time


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()
