"""The connections that carry files: slots, growth, and what becomes of requests whose connection closes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from support import eventually
from teltubby_core.errors import PermanentError, TransientError
from teltubby_worker.mtproto import pool as pool_module
from teltubby_worker.mtproto.errors import ConnectionLostError
from teltubby_worker.mtproto.pace import Level, Pace
from teltubby_worker.mtproto.pool import Pool
from unit.teltubby_worker.scripted import HOME_MEDIA, LOGIN, FakeLink, FakeTelegram, Part

KEY = bytes(256)


class FixedPace(Pace):
    """Allows what it is told to allow, and writes down what it hears."""

    def __init__(self, connections: int, requests: int) -> None:
        super().__init__(connections, requests)
        self.allowed = Level(connections, requests)
        self.heard: list[tuple[Any, ...]] = []

    @property
    def level(self) -> Level:
        return self.allowed

    def delivered(self, size: int, in_flight: int, connections: int, now: float) -> None:
        self.heard.append(("delivered", in_flight, connections))

    def flooded(self, seconds: float, now: float) -> None:
        self.heard.append(("flooded", seconds))

    def lost(self, delivered: int, now: float) -> None:
        self.heard.append(("lost", delivered))

    def told(self, what: str) -> list[tuple[Any, ...]]:
        return [news for news in self.heard if news[0] == what]


class Stage:
    """A pool on scripted connections to one media address."""

    def __init__(self, pace: Pace) -> None:
        self.telegram = FakeTelegram(known_keys={(2, KEY): LOGIN.bot_id})
        self.pace = pace
        self.pool = Pool(2, self._connect, pace)
        self.refusals: list[Exception] = []
        self.may_open = asyncio.Semaphore(1000)
        self.asked = 0

    async def _connect(self) -> FakeLink:
        await self.may_open.acquire()
        if self.refusals:
            raise self.refusals.pop(0)
        link = self.telegram.connect(HOME_MEDIA, KEY)
        link.is_open = True
        return link

    def _request(self) -> Part:
        self.asked += 1
        return Part()

    def fetch(self, make: Callable[[], Any] | None = None) -> "asyncio.Task[Any]":
        return asyncio.create_task(self.pool.fetch(make or self._request))

    def fetches(self, count: int) -> "list[asyncio.Task[Any]]":
        return [self.fetch() for _ in range(count)]

    @property
    def links(self) -> list[FakeLink]:
        return self.telegram.made

    @property
    def in_flight(self) -> list[int]:
        return [link.in_flight for link in self.links]


@asynccontextmanager
async def stage(connections: int, requests: int, pace: Pace | None = None) -> AsyncIterator[Stage]:
    built = Stage(pace or FixedPace(connections, requests))
    before = asyncio.all_tasks()
    try:
        yield built
    finally:
        built.telegram.gate.set()
        async with asyncio.timeout(5):
            await built.pool.close()
        assert built.telegram.open_links() == []
        await eventually(lambda: asyncio.all_tasks() <= before)


@pytest.fixture(autouse=True)
def no_stagger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_STAGGER", 0.0)


async def done(tasks: "list[asyncio.Task[Any]]") -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks)


async def ended(tasks: "list[asyncio.Task[Any]]") -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_opened_before_something_is_asked_for() -> None:
    async with stage(4, 8) as it:
        await asyncio.sleep(0)
        assert it.links == []


async def test_no_more_requests_are_in_flight_than_allowed_and_all_are_answered_in_turn() -> None:
    async with stage(1, 3) as it:
        it.telegram.gate.clear()
        order: list[int] = []

        def numbered(number: int) -> Callable[[], Any]:
            def make() -> Part:
                order.append(number)
                return Part()

            return make

        tasks = [it.fetch(numbered(number)) for number in range(20)]
        await eventually(lambda: it.in_flight == [3])
        it.telegram.gate.set()
        await done(tasks)
        assert it.links[0].most_in_flight == 3
        assert order == list(range(20))


async def test_connections_are_opened_one_after_the_other_and_share_the_requests_evenly() -> None:
    async with stage(4, 8) as it:
        it.telegram.gate.clear()
        it.may_open = asyncio.Semaphore(0)
        tasks = it.fetches(30)
        for number in range(1, 5):
            it.may_open.release()
            await eventually(lambda number=number: len(it.links) == number)  # type: ignore[misc]
        assert it.in_flight == [8, 0, 0, 0]
        it.telegram.gate.set()
        await done(tasks)
        it.telegram.gate.clear()
        more = it.fetches(8)
        await eventually(lambda: it.in_flight == [2, 2, 2, 2])
        it.telegram.gate.set()
        await done(more)


async def test_a_further_connection_is_opened_though_nobody_waits_for_it() -> None:
    async with stage(2, 8) as it:
        it.telegram.gate.clear()
        tasks = it.fetches(4)
        await eventually(lambda: len(it.links) == 2)
        it.telegram.gate.set()
        await done(tasks)


async def test_what_is_in_flight_when_a_connection_closes_is_asked_again_on_another() -> None:
    async with stage(2, 8) as it:
        await done(it.fetches(40))
        first, second = it.links
        it.telegram.gate.clear()
        it.asked = 0
        tasks = it.fetches(8)
        await eventually(lambda: it.in_flight == [4, 4])
        await first.close()
        await eventually(lambda: second.in_flight + sum(link.in_flight for link in it.links[2:]) == 8)
        it.telegram.gate.set()
        await done(tasks)
        assert it.asked == 8 + 4
        assert len(it.pace.told("lost")) == 1  # type: ignore[attr-defined]


async def test_when_the_only_connection_closes_a_new_one_is_opened_for_what_was_in_flight() -> None:
    async with stage(1, 4) as it:
        await done(it.fetches(4))
        it.telegram.gate.clear()
        tasks = it.fetches(4)
        await eventually(lambda: it.in_flight == [4])
        await it.links[0].close()
        it.telegram.gate.set()
        await done(tasks)
        assert len(it.links) == 2
        assert it.pace.told("lost") == [("lost", 4 << 20)]  # type: ignore[attr-defined]


async def test_a_connection_that_closes_before_it_brought_anything_fails_what_was_in_flight() -> None:
    async with stage(1, 4) as it:
        it.telegram.gate.clear()
        tasks = it.fetches(3)
        await eventually(lambda: it.in_flight == [3])
        await it.links[0].close()
        assert {type(result) for result in await ended(tasks)} == {ConnectionLostError}
        assert len(it.links) == 1


async def test_a_request_that_takes_every_connection_with_it_fails_in_the_end() -> None:
    async with stage(1, 1) as it:
        asked = 0

        def poison() -> Any:
            nonlocal asked
            asked += 1
            it.telegram.troubles[Part] = [ConnectionLostError("cut")]
            it.pool._lanes[0].delivered += 1  # as if others had been served well
            return Part()

        (result,) = await ended([it.fetch(poison)])
        assert isinstance(result, ConnectionLostError)
        assert asked == 4
        assert it.telegram.open_links() == []


async def test_a_flood_is_told_and_takes_no_slot_while_it_is_waited_out() -> None:
    async with stage(1, 1) as it:
        it.telegram.troubles[Part] = [TransientError("flood", 30.0)]
        (flooded,) = await ended(it.fetches(1))
        assert flooded.retry_after == 30
        assert it.pace.told("flooded") == [("flooded", 30.0)]  # type: ignore[attr-defined]
        await done(it.fetches(3))


async def test_a_request_that_is_not_to_be_made_any_more_frees_its_slot_and_is_no_flood() -> None:
    def make() -> Any:
        raise TransientError("not now", 30.0)

    async with stage(1, 1) as it:
        (result,) = await ended([it.fetch(make)])
        assert result.retry_after == 30
        assert it.pace.told("flooded") == []  # type: ignore[attr-defined]
        await done(it.fetches(3))


async def test_no_connection_at_all_is_told_to_all_who_wait_and_not_tried_for_each() -> None:
    async with stage(4, 8) as it:
        it.refusals = [ConnectionLostError("refused")] * 2
        assert {str(result) for result in await ended(it.fetches(20))} == {"refused"}
        assert len(it.refusals) == 1


async def test_a_permanent_refusal_is_told_as_such() -> None:
    async with stage(4, 8) as it:
        it.refusals = [PermanentError("no such data centre")]
        assert {type(result) for result in await ended(it.fetches(3))} == {PermanentError}


async def test_a_further_connection_that_can_not_be_had_stops_nothing() -> None:
    async with stage(2, 2, pace=Pace(4, 2)) as it:
        await done(it.fetches(1))
        it.refusals = [ConnectionLostError("refused")] * 1000
        while not it.links or len(it.refusals) == 1000:
            await done(it.fetches(50))
        assert it.pace.level.connections == 1
        left = len(it.refusals)
        await done(it.fetches(100))
        assert len(it.refusals) == left  # and is not tried again at once


async def test_a_server_that_closes_every_new_connection_is_not_connected_to_for_ever() -> None:
    async with stage(1, 2) as it:
        opened = 0

        async def dead() -> FakeLink:
            nonlocal opened
            opened += 1
            return it.telegram.connect(HOME_MEDIA, KEY)

        it.pool._connect = dead
        assert {type(result) for result in await ended(it.fetches(5))} == {ConnectionLostError}
        assert opened == 1


async def test_a_connection_that_closed_unused_is_replaced_without_anybody_noticing() -> None:
    async with stage(1, 2) as it:
        await done(it.fetches(2))
        await it.links[0].close()
        await done(it.fetches(2))
        assert it.pace.told("lost") == []  # type: ignore[attr-defined]


async def test_a_cancelled_request_gives_its_slot_back() -> None:
    async with stage(1, 2) as it:
        it.telegram.gate.clear()
        tasks = it.fetches(6)
        await eventually(lambda: it.in_flight == [2])
        for task in (tasks[0], tasks[3]):
            task.cancel()
        it.telegram.gate.set()
        results = await ended(tasks)
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 2
        await done(it.fetches(5))
        assert it.pool.idle_since is not None


async def test_a_slot_that_was_given_to_one_who_is_being_cancelled_is_not_lost() -> None:
    async with stage(1, 1) as it:
        it.telegram.gate.clear()
        first, second = it.fetches(2)
        await eventually(lambda: it.in_flight == [1])
        it.telegram.gate.set()
        slot = it.pool._waiting[0]
        slot.add_done_callback(lambda _: second.cancel())  # after the slot was given, before it was taken
        await done([first])
        assert isinstance((await ended([second]))[0], asyncio.CancelledError)
        await done(it.fetches(2))


async def test_connections_that_are_too_many_are_closed_once_nothing_is_in_flight_on_them() -> None:
    async with stage(3, 6) as it:
        await done(it.fetches(60))
        it.telegram.gate.clear()
        tasks = it.fetches(60)
        await eventually(lambda: it.in_flight == [2, 2, 2])
        calls = [link.calls for link in it.links]
        it.pace.allowed = Level(1, 6)  # type: ignore[attr-defined]
        assert len(it.telegram.open_links()) == 3
        it.telegram.gate.set()
        await done(tasks)
        assert [link.calls for link in it.links[1:]] == calls[1:]  # they got nothing more
        await eventually(lambda: it.telegram.open_links() == [it.links[0]])
        assert it.pace.told("lost") == []  # type: ignore[attr-defined]


async def test_changes_are_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    class Restless(FixedPace):
        def delivered(self, size: int, in_flight: int, connections: int, now: float) -> None:
            super().delivered(size, in_flight, connections, now)
            self.allowed = {10: Level(2, 4), 30: Level(1, 2)}.get(len(self.heard), self.allowed)

        def flooded(self, seconds: float, now: float) -> None:
            self.allowed = Level(1, 1)

    caplog.set_level(logging.INFO)
    async with stage(1, 2, pace=Restless(1, 2)) as it:
        await done(it.fetches(50))
        it.telegram.troubles[Part] = [TransientError("flood", 3.0)] * 2
        await ended(it.fetches(2))
    one, two, four = (f"{number} requests at a time".replace("1 requests", "1 request") for number in (1, 2, 4))
    assert [record.getMessage() for record in caplog.records] == [
        f"data centre 2: 1 connection and {two} → 2 connections and {four}, to see whether that brings more",
        f"data centre 2: 2 connections and {four} → 1 connection and {two}, as that brought no more",
        f"data centre 2: 1 connection and {two} → 1 connection and {one}, after a flood of 3 s",
    ]


async def test_a_closed_pool_takes_no_more_requests() -> None:
    async with stage(1, 1) as it:
        await it.pool.close()
        assert isinstance((await ended(it.fetches(1)))[0], ConnectionLostError)
        assert it.links == []


async def test_closing_while_connecting_leaves_nothing_behind() -> None:
    async with stage(1, 1) as it:
        it.may_open = asyncio.Semaphore(0)
        tasks = it.fetches(3)
        await asyncio.sleep(0)
        await it.pool.close()
        assert {type(result) for result in await ended(tasks)} == {ConnectionLostError}
