"""While the archive is full nothing comes in: files wait, burn no attempt, become no job, and go on by themselves."""

from collections.abc import AsyncIterator

import pytest

from support import a_file
from teltubby_core.domain.records import ItemState
from unit.teltubby_bot.archiver_bench import Bench
from unit.teltubby_bot.fakes import DOWNLOAD_LIMIT
from unit.teltubby_bot.stage import Stage

MINUTE = 60


@pytest.fixture
async def bench(stage: Stage) -> AsyncIterator[Bench]:
    bench = Bench(stage)
    yield bench
    await bench.archiver.stop()


def _limit(bench: Bench, limit: int | None) -> None:
    bench.room = bench.stage.room(limit)
    bench.make()


async def test_a_small_file_waits_untouched_and_goes_on_once_there_is_room(bench: Bench) -> None:
    await bench.stage.stored(1)
    _limit(bench, 1000)
    item = await bench.stage.item(2, content=b"jpeg")
    for _ in range(3):
        waiting = await bench.settled(item)
        assert (waiting.state, waiting.held, waiting.attempts) == (ItemState.PENDING, True, 0)
        assert str(waiting.last_error).startswith("The archive is full (1000 B of 1000 B): this file waits")
        assert await bench.stage.index.next_due(frozenset()) == bench.stage.clock.now() + MINUTE
        bench.stage.clock.advance(MINUTE)
    assert not bench.stage.telegram.downloads
    _limit(bench, 1004)
    done = await bench.settled(item)
    assert (done.state, done.held) == (ItemState.STORED, False)


async def test_a_large_file_becomes_no_job_before_there_is_room(bench: Bench) -> None:
    _limit(bench, DOWNLOAD_LIMIT)
    item = await bench.stage.item(media=a_file("big", size=DOWNLOAD_LIMIT + 1))
    assert (await bench.settled(item)).held
    assert await bench.stage.index.unpublished_jobs(10) == []
    _limit(bench, DOWNLOAD_LIMIT + 1)
    bench.stage.clock.advance(MINUTE)
    assert (await bench.settled(item)).state is ItemState.QUEUED
    assert (await bench.stage.index.usage()).open_bytes == DOWNLOAD_LIMIT + 1


async def test_files_that_fit_go_by_one_that_does_not(bench: Bench) -> None:
    _limit(bench, 10)
    large, small = await bench.stage.item(1, content=bytes(11)), await bench.stage.item(2, content=bytes(9))
    await bench.round()
    assert (await bench.stage.again(large)).held
    assert (await bench.stage.again(small)).state is ItemState.STORED


async def test_a_duplicate_needs_no_room(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, a_file("x", size=4), content=b"jpeg"))
    _limit(bench, 4)
    second = await bench.settled(await bench.stage.item(2, a_file("x", size=4)))
    assert (second.state, second.duplicate_of) == (ItemState.DUPLICATE, first.key)


async def test_files_side_by_side_do_not_take_the_same_room(bench: Bench) -> None:
    _limit(bench, 5)
    items = [await bench.stage.item(number, content=b"%03d" % number) for number in (1, 2)]
    await bench.round()
    first, second = [await bench.stage.again(item) for item in items]
    assert {first.state, second.state} == {ItemState.PENDING, ItemState.STORED}
    waiting = first if first.held else second
    assert "(3 B of 5 B, this file needs 3 B)" in str(waiting.last_error)


async def test_a_file_that_comes_to_nothing_gives_its_room_back(bench: Bench) -> None:
    _limit(bench, 5)
    gone = await bench.stage.item(1, a_file("gone", size=5))
    assert (await bench.settled(gone)).state is ItemState.FAILED
    assert (await bench.settled(await bench.stage.item(2, content=b"films"))).state is ItemState.STORED


async def test_new_objects_are_told_and_duplicates_are_not(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, content=b"same"))
    await bench.settled(await bench.stage.item(2, content=b"same"))
    assert [call for call in bench.stage.calls if call] == [("stored", first.key)]
