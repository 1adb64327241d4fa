"""Whether the loops of a service go round. A loop that is silent for longer than its own limit counts as stuck."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Silence:
    """A loop that should have been heard of. Seconds."""

    loop: str
    silent_for: float
    limit: float


class Heartbeat:
    """One loop's sign of life."""

    def __init__(self, liveness: "Liveness", loop: str, limit: float) -> None:
        self._liveness = liveness
        self._now = liveness.now
        self.loop = loop
        self.limit = limit
        self._at = self._now()
        self._rests_until = self._at

    def beat(self, resting: float = 0.0) -> None:
        """Be alive. ``resting``: seconds that it sleeps now on purpose, as when Telegram asks it to wait an hour."""
        self._at = self._now()
        self._rests_until = self._at + resting

    def stop(self) -> None:
        """Be gone, in good order: nobody waits for its beat any more."""
        self._liveness.forget(self)

    def silence(self) -> Silence | None:
        """Return for how long nothing was heard that should have been, None while all is well."""
        now = self._now()
        if now - max(self._at, self._rests_until) <= self.limit:
            return None
        return Silence(self.loop, now - self._at, self.limit)


class Liveness:
    """All heartbeats of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` returns seconds that never go back."""
        self.now = now
        self._beats: dict[str, Heartbeat] = {}

    def watch(self, loop: str, limit: float) -> Heartbeat:
        """Expect a beat of ``loop`` at least every ``limit`` seconds, beginning now. Replaces one of the same name."""
        beat = Heartbeat(self, loop, limit)
        self._beats[loop] = beat
        return beat

    def forget(self, beat: Heartbeat) -> None:
        """Expect nothing of it any more."""
        if self._beats.get(beat.loop) is beat:
            del self._beats[beat.loop]

    def silent(self) -> list[Silence]:
        """Return the loops that are stuck."""
        return [silence for beat in self._beats.values() if (silence := beat.silence())]
