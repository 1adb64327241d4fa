"""How often a broker is tried: a loop that asks at once again must not become a storm of connections."""

import asyncio

from teltubby_core.errors import BrokerUnavailableError

_FIRST = 0.5
_LONGEST = 10.0
_SETTLED = 10.0
"""Seconds after which a connection counts as one that worked; one that breaks sooner is a failure."""


class Backoff:
    """Repeats the last failure, without a new attempt, until its pause is over: 0.5 s, 1 s, … 10 s."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self._since = 0.0
        self._sentence = ""

    def check(self) -> None:
        """Let an attempt through.

        Raises:
            BrokerUnavailableError: it is too early; the text is that of the last failure.
        """
        if asyncio.get_running_loop().time() < self._until:
            raise BrokerUnavailableError(self._sentence)

    def failed(self, error: BrokerUnavailableError) -> None:
        """Pause, longer each time."""
        pause = min(_FIRST * 2.0 ** min(self._failures, 10), _LONGEST)
        self._failures += 1
        self._until = asyncio.get_running_loop().time() + pause
        self._sentence = str(error)

    def connected(self) -> None:
        """A connection begins."""
        self._since = asyncio.get_running_loop().time()

    def lost(self, error: BrokerUnavailableError) -> None:
        """It ended: the next attempt may be made at once if it had worked, else after a pause."""
        if asyncio.get_running_loop().time() - self._since < _SETTLED:
            self.failed(error)
        else:
            self._failures = 0
