"""How many connections and requests a data centre gets, on made-up networks and a clock that only parts move."""

from collections.abc import Callable

import pytest

from teltubby_worker.mtproto.pace import FIRST_PAUSE, LONGEST_PAUSE, WELL_SERVED, Level, Pace

MIB = 1 << 20
MOST = Level(4, 8)
Network = Callable[[Level], float]
"""Bytes a second at a level."""


def network(*, round_trip: float = 0.04, connection: float = 1e12, account: float = 1e12) -> Network:
    """One where each request takes a round trip, and connections and the account have ceilings (MB/s)."""

    def rate(level: Level) -> float:
        one = min(connection * 1e6, level.requests / level.connections * MIB / round_trip)
        return min(account * 1e6, level.connections * one)

    return rate


class Run:
    """A transfer that never ends: parts come as fast as the network gives them."""

    def __init__(self, rate: Network, most: Level = MOST) -> None:
        self.rate = rate
        self.pace = Pace(most.connections, most.requests)
        self.now = 1000.0
        self.levels: list[Level] = [self.pace.level]

    def parts(self, count: int, *, wanted: int = 100, connections: int | None = None) -> "Run":
        """Let parts come; ``wanted`` requests are there at most, ``connections`` are open unless all are."""
        for _ in range(count):
            level = self.pace.level
            self.now += MIB / self.rate(level)
            in_flight = min(wanted, level.requests)
            self.pace.delivered(MIB, in_flight, connections or level.connections, self.now)
            self.look()
        return self

    def seconds(self, seconds: float) -> "Run":
        until = self.now + seconds
        while self.now < until:
            self.parts(1)
        return self

    def look(self) -> None:
        if self.pace.level != self.levels[-1]:
            self.levels.append(self.pace.level)


def test_it_starts_small() -> None:
    assert Pace(4, 8).level == Level(1, 2)


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        (network(account=16), Level(1, 2)),  # near, and the ceiling is reached at once
        (network(round_trip=0.2, account=16), Level(1, 4)),  # far: four requests hide the distance
        (network(round_trip=0.5, account=1000), Level(1, 8)),  # very far: as many as allowed
        (network(connection=9, account=16), Level(2, 4)),  # a connection is slow, the account is not
        (network(connection=4, account=16), Level(4, 8)),
        (network(connection=4, account=1000), Level(4, 8)),
        (network(connection=4, round_trip=0.5), Level(4, 8)),  # slow and far
        (lambda _: 16e6, Level(1, 2)),  # nothing helps
    ],
)
def test_it_settles_where_more_brings_nothing(given: Network, settled: Level) -> None:
    run = Run(given).parts(300)
    assert run.pace.level == settled


@pytest.mark.parametrize("most", [Level(1, 1), Level(1, 8), Level(4, 4), Level(8, 16), Level(4, 1), Level(3, 5)])
def test_it_never_exceeds_its_bounds(most: Level) -> None:
    run = Run(lambda level: float(MIB * level.requests * level.connections), most).parts(2000)
    assert max(level.connections for level in run.levels) == min(most.connections, most.requests)
    assert max(level.requests for level in run.levels) == most.requests
    assert all(level.connections <= level.requests for level in run.levels)


def test_requests_grow_before_connections() -> None:
    run = Run(lambda level: float(MIB * level.requests * level.connections)).parts(500)
    assert run.levels == [Level(1, 2), Level(1, 4), Level(1, 8), Level(2, 8), Level(3, 8), Level(4, 8)]


def test_a_step_that_brought_nothing_is_tried_again_later_and_more_and_more_seldom() -> None:
    run = Run(lambda _: 16e6).seconds(3600)
    steps = sum(level != Level(1, 2) for level in run.levels)
    assert 8 <= steps <= 30  # two directions; at first after half a minute, in the end after ten
    assert run.pace.level == Level(1, 2)


def test_it_notices_when_a_ceiling_is_lifted() -> None:
    run = Run(lambda _: 4e6).seconds(60)
    run.rate = network(connection=4, account=1000)
    assert run.seconds(LONGEST_PAUSE).pace.level.connections == 4


def test_a_reader_that_is_slower_than_the_network_teaches_nothing() -> None:
    run = Run(network()).parts(500, wanted=1)
    assert run.levels == [Level(1, 2)]


def test_a_connection_that_is_not_open_yet_is_not_judged() -> None:
    run = Run(network(connection=4)).parts(100, connections=1)
    assert run.pace.level.connections == 2
    assert run.parts(100).pace.level.connections == 4


def grown() -> Run:
    run = Run(network(connection=4, round_trip=0.5)).parts(300)
    assert run.pace.level == Level(4, 8)
    return run


def test_a_flood_halves_both_at_once_and_nothing_grows_before_it_is_over() -> None:
    run = grown()
    run.pace.flooded(100, run.now)
    assert run.pace.level == Level(2, 4)
    run.seconds(100 + FIRST_PAUSE - 5)
    assert run.pace.level == Level(2, 4)
    assert run.seconds(60).pace.level == Level(4, 8)


def test_what_was_in_flight_when_the_flood_came_is_the_same_flood() -> None:
    run = grown()
    for _ in range(8):
        run.pace.flooded(3, run.now)
    assert run.pace.level == Level(2, 4)
    run.now += 3
    run.pace.flooded(3, run.now)
    assert run.pace.level == Level(1, 2)


def test_floods_never_end_in_nothing() -> None:
    run = grown()
    for _ in range(10):
        run.pace.flooded(1, run.now)
        run.now += 1
    assert run.pace.level == Level(1, 1)


def test_a_connection_that_is_soon_closed_is_one_too_many() -> None:
    run = grown()
    run.pace.lost(5 * MIB, run.now)
    assert run.pace.level == Level(3, 8)
    run.seconds(FIRST_PAUSE - 5)
    assert run.pace.level == Level(3, 8)
    assert run.seconds(20).pace.level == Level(4, 8)


def test_connections_that_are_closed_again_and_again_are_tried_more_and_more_seldom() -> None:
    run = Run(network(connection=4, round_trip=0.5))
    tries = 0
    until = run.now + 3600
    while run.now < until:
        run.parts(1)
        if run.pace.level.connections > 2:  # a server that bears two
            run.pace.lost(MIB, run.now)
            tries += 1
    assert 5 <= tries <= 12


def test_a_connection_that_closes_after_good_service_is_simply_replaced() -> None:
    run = grown()
    for _ in range(20):
        run.pace.lost(WELL_SERVED, run.now)
        run.parts(10)
    assert set(run.levels[run.levels.index(Level(4, 8)) :]) == {Level(4, 8)}


def test_when_the_only_connection_closes_less_is_asked_of_the_next() -> None:
    run = Run(network(round_trip=0.5, connection=1000), Level(1, 8)).parts(200)
    assert run.pace.level == Level(1, 8)
    run.pace.lost(MIB, run.now)
    assert run.pace.level == Level(1, 4)
    for _ in range(5):
        run.pace.lost(0, run.now)
    assert run.pace.level == Level(1, 1)
    assert run.seconds(2 * LONGEST_PAUSE).pace.level == Level(1, 8)


def test_after_the_only_connection_closed_nothing_grows_for_a_while() -> None:
    run = Run(network(round_trip=0.5, connection=1000), Level(1, 8)).parts(200)
    run.pace.lost(MIB, run.now)
    run.seconds(FIRST_PAUSE - 5)
    assert run.pace.level == Level(1, 4)
    assert run.seconds(20).pace.level == Level(1, 8)


@pytest.mark.parametrize(("trial", "back"), [(Level(1, 4), Level(1, 2)), (Level(2, 8), Level(1, 8))])
def test_a_connection_lost_while_a_step_is_on_trial_takes_the_step_back(trial: Level, back: Level) -> None:
    run = Run(lambda level: float(MIB * level.requests * level.connections))
    while run.pace.level != trial:
        run.parts(1)
    run.pace.lost(0, run.now)
    assert run.pace.level == back


def test_requests_on_trial_do_not_outlive_a_connection_that_is_lost() -> None:
    run = Run(lambda level: float(MIB * level.connections), Level(2, 8))  # connections help, requests don't
    while run.pace.level != Level(2, 4):
        run.parts(1)
    while run.pace.level != Level(2, 8):
        run.parts(1)
    run.pace.lost(0, run.now)
    assert run.pace.level == Level(1, 4)


def test_parts_that_were_asked_for_before_a_step_are_not_counted_for_it() -> None:
    run = Run(lambda _: 10e6)
    while run.pace.level != Level(1, 4):
        run.parts(1)
    run.parts(4)  # while requests become four
    run.rate = lambda _: 11.5e6
    run.parts(8)
    assert run.levels[-1].requests == 8


def test_parts_that_come_all_at_once_are_no_measure() -> None:
    pace = Pace(4, 8)
    for _ in range(100):
        pace.delivered(MIB, 2, 1, 1000.0)
    assert pace.level == Level(1, 2)
