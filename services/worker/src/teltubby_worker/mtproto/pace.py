"""How many connections and requests at a time one data centre gets. Decides, and knows neither clock nor network.

It climbs: from one connection and few requests it takes a step (twice the requests, or one connection more) and
measures. A step that brings more bytes a second is kept and the next one tried; a step that does not is taken back,
and its direction left alone for a while. Floods and connections that close take it down at once.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

GAIN = 1.1
"""A step is kept when it brings this much more; less drowns in the noise of a measurement."""

USED = 0.6
"""Share of the requests allowed that must have been in flight, on average, for a measurement to say anything: a
reader that is slower than the network would make every step look useless."""

WELL_SERVED = 32 << 20
"""Bytes after which a connection's end is routine: media data centres close connections now and then, whoever asks.
One that ends sooner is taken as a sign of too many."""

FIRST_PAUSE = 30.0
"""Seconds for which a direction is left alone after trouble in it; doubled with each further one."""

LONGEST_PAUSE = 600.0
"""Where the doubling ends; after so many seconds without trouble it starts over."""


@dataclass(frozen=True)
class Level:
    """Connections that are open, and requests in flight on all of them together."""

    connections: int
    requests: int

    def __str__(self) -> str:
        connections, requests = "s" * (self.connections > 1), "s" * (self.requests > 1)
        return f"{self.connections} connection{connections} and {self.requests} request{requests} at a time"


class Direction(StrEnum):
    """Where a step may lead."""

    REQUESTS = "requests"
    CONNECTIONS = "connections"


@dataclass
class _Brake:
    """Until when a direction is left alone."""

    until: float = 0.0
    pause: float = 0.0

    def pull(self, now: float, extra: float = 0.0) -> None:
        calm = now - self.until > LONGEST_PAUSE
        self.pause = FIRST_PAUSE if calm or not self.pause else min(2 * self.pause, LONGEST_PAUSE)
        self.until = now + extra + self.pause


@dataclass
class _Measurement:
    """What came since ``since``, not counting the first ``skip`` parts: they were asked for at another level."""

    skip: int
    since: float | None = None
    parts: int = 0
    size: int = 0
    in_flight: int = 0

    def count(self, size: int, in_flight: int, now: float) -> None:
        if self.skip > 0 or self.since is None:
            self.skip -= 1
            self.since = now
            return
        self.parts += 1
        self.size += size
        self.in_flight += in_flight


class Pace:
    """The level for one data centre, shared by all files that come from there. All times are seconds of one clock."""

    def __init__(self, most_connections: int, most_requests: int, start: int = 2) -> None:
        """``start`` is the number of requests to begin with."""
        self._most = Level(min(most_connections, most_requests), most_requests)
        self._level = Level(1, min(start, most_requests))
        self._before: Level | None = None  # where a step on trial would be taken back to
        self._direction = Direction.REQUESTS
        self._rate = 0.0
        self._brakes = {direction: _Brake() for direction in Direction}
        self._quiet_until = 0.0
        self._measured = _Measurement(self._level.requests)

    @property
    def level(self) -> Level:
        """What is allowed now."""
        return self._level

    def delivered(self, size: int, in_flight: int, connections: int, now: float) -> None:
        """A part of ``size`` bytes came.

        ``in_flight`` requests were on the way until then, itself counted, over ``connections`` that are open.
        """
        if connections < self._level.connections:
            self._measure_anew()  # what is on trial is not there yet
            return
        measured = self._measured
        measured.count(size, in_flight, now)
        if measured.parts < 2 * self._level.requests or measured.since is None:
            return
        seconds, used = now - measured.since, measured.in_flight / measured.parts
        self._measured = _Measurement(0, now)
        if seconds > 0 and used >= USED * self._level.requests:
            self._judge(measured.size / seconds, now)

    def flooded(self, seconds: float, now: float) -> None:
        """Telegram asked to wait. What else is refused within those seconds belongs to the same flood."""
        if now < self._quiet_until:
            return
        self._quiet_until = now + seconds
        for brake in self._brakes.values():
            brake.pull(now, seconds)
        self._fall(self._level.connections // 2, self._level.requests // 2)

    def lost(self, delivered: int, now: float) -> None:
        """A connection closed by itself after ``delivered`` bytes, or could not be had at all (0)."""
        level = self._before or self._level
        if delivered >= WELL_SERVED:
            self._fall(level.connections, level.requests)
        elif self._level.connections > 1:
            self._brakes[Direction.CONNECTIONS].pull(now)
            self._fall(min(level.connections, self._level.connections - 1), level.requests)
        else:
            self._brakes[Direction.REQUESTS].pull(now)
            self._fall(1, self._level.requests // 2)

    def _fall(self, connections: int, requests: int) -> None:
        self._level = Level(max(1, connections), max(1, requests, connections))
        self._before = None
        self._rate = 0.0
        self._measure_anew()

    def _measure_anew(self) -> None:
        self._measured = _Measurement(self._level.requests)

    def _judge(self, rate: float, now: float) -> None:
        before, self._before = self._before, None
        if before is None or rate > GAIN * self._rate:
            self._rate = rate
            self._step(now)
        else:
            self._brakes[self._direction].pull(now)
            self._level = before
            self._measure_anew()

    def _step(self, now: float) -> None:
        for direction in Direction:
            higher = self._above(direction)
            if higher != self._level and now >= self._brakes[direction].until:
                self._before, self._level, self._direction = self._level, higher, direction
                self._measure_anew()
                return

    def _above(self, direction: Direction) -> Level:
        level, most = self._level, self._most
        if direction is Direction.REQUESTS:
            return replace(level, requests=min(2 * level.requests, most.requests))
        if level.connections == most.connections:
            return level
        # As many on each as before: spread over more connections, the same number could not show what one more brings.
        each = -(-level.requests // level.connections)
        return Level(level.connections + 1, min((level.connections + 1) * each, most.requests))
