"""After a start no album closes before all that waited has come in."""

import asyncio

import pytest

from support import a_message
from teltubby_bot.albums import AlbumCloser
from teltubby_core.ports import RawUpdate
from unit.teltubby_bot.stage import WINDOW, Stage


@pytest.fixture
def caught_up() -> asyncio.Event:
    return asyncio.Event()


def _closer(stage: Stage, caught_up: asyncio.Event) -> AlbumCloser:
    return AlbumCloser(
        stage.index, stage.inbox, stage.clock, caught_up=caught_up, on_closed=lambda: stage.note("closed")
    )


async def _overdue_album(stage: Stage) -> int:
    record_id = await stage.admit(a_message(7, album="9"))
    stage.clock.advance(1000)
    return record_id


async def test_none_closes_before_telegram_is_caught_up_with(stage: Stage, caught_up: asyncio.Event) -> None:
    record_id = await _overdue_album(stage)
    closer = _closer(stage, caught_up)
    assert await closer.step() == 0.5
    assert (await stage.index.message(record_id)).base_path is None
    caught_up.set()
    assert await closer.step() is None
    assert (await stage.index.message(record_id)).base_path is not None
    assert stage.calls == [("closed",)]


async def test_none_closes_before_the_inbox_is_read(stage: Stage, caught_up: asyncio.Event) -> None:
    record_id = await _overdue_album(stage)
    caught_up.set()
    await stage.inbox.store([RawUpdate(1, "{}")])
    closer = _closer(stage, caught_up)
    await closer.step()
    assert (await stage.index.message(record_id)).base_path is None
    await stage.inbox.discard(1)
    await closer.step()
    assert (await stage.index.message(record_id)).base_path is not None


async def test_later_the_window_alone_decides(stage: Stage, caught_up: asyncio.Event) -> None:
    caught_up.set()
    closer = _closer(stage, caught_up)
    await closer.step()
    await stage.inbox.store([RawUpdate(1, "{}")])
    record_id = await stage.admit(a_message(7, album="9"))
    assert await closer.step() == WINDOW.window_seconds
    assert stage.calls == []
    stage.clock.advance(WINDOW.window_seconds)
    await closer.step()
    assert (await stage.index.message(record_id)).base_path is not None
