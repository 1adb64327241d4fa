"""Who holds a session's Lease, and when another may take it: rules without a cluster.

A holder stops using its session by itself once its own clock says that the Lease may have run out. Another one takes
it over when the Lease ran out *and* the holder is known to be gone, or after a time that is far longer than any
holder could be mistaken for. Clocks of two machines are never compared: what counts is how long a Lease stayed as it
was while we looked.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


def boot_clock() -> float:
    """Return seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Terms:
    """Seconds of a Lease's life. Tests shorten them."""

    lease: float = 30.0
    """A renewal is good for so long."""

    renew: float = 10.0
    """So often it is renewed."""

    margin: float = 5.0
    """So long before the end its holder stops using it."""

    takeover: float = 600.0
    """So long after the end it is free even if its holder seems to be there."""


@dataclass(frozen=True)
class Holder:
    """A process in a pod. Equal texts are the same process."""

    pod: str
    uid: str
    process: str

    def __str__(self) -> str:
        return f"{self.pod}/{self.uid}/{self.process}"

    @classmethod
    def read(cls, text: str) -> "Holder":
        """Return the holder that a Lease names; parts that it does not name are empty."""
        pod, _, rest = text.partition("/")
        uid, _, process = rest.partition("/")
        return cls(pod, uid, process)

    def replaces(self, other: "Holder") -> bool:
        """Whether ``other`` ended before this one could start: a container runs one process at a time."""
        return (self.pod, self.uid) == (other.pod, other.uid) and self.process != other.process


class Sightings:
    """How long things have stayed as they are, by our own clock and what we saw ourselves."""

    def __init__(self, clock: Callable[[], float] = boot_clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[object, float]] = {}

    def unchanged_for(self, name: str, state: object) -> float:
        """Return the seconds since ``name`` was first seen in this state, having noted it."""
        now = self._clock()
        before = self._seen.get(name)
        if before is None or before[0] != state:
            self._seen[name] = (state, now)
            return 0.0
        return now - before[1]


def may_take(unchanged: float, *, gone: bool, terms: Terms) -> bool:
    """Whether a Lease that has been as it is for ``unchanged`` seconds is free though somebody's name is on it."""
    return unchanged >= terms.lease + (0.0 if gone else terms.takeover)
