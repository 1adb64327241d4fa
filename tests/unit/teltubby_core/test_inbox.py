"""The inbox keeps each update once, as it came, until its effects are done."""

import pytest

from support import a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.speech import Answer
from teltubby_core.ports import RawUpdate
from teltubby_core.testing import SteppedClock

BOT = 1


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def inbox(either_database: Database, clock: SteppedClock) -> SqliteInbox:
    return SqliteInbox(either_database, BOT, clock)


def _updates(*ids: int, raw: str = "{}") -> list[RawUpdate]:
    return [RawUpdate(update_id, raw) for update_id in ids]


async def _pending(inbox: SqliteInbox) -> list[int]:
    return [update.update_id for update in await inbox.pending(100)]


async def test_updates_come_out_as_they_went_in_and_in_order(inbox: SqliteInbox) -> None:
    raw = '{"odd": "Ж 🎉 \\u0000 \\ud800"}'
    assert await inbox.store([RawUpdate(12, raw), RawUpdate(10, "not json"), RawUpdate(11, "")]) == 3
    assert await inbox.pending(100) == [RawUpdate(10, "not json"), RawUpdate(11, ""), RawUpdate(12, raw)]
    assert len(await inbox.pending(2)) == 2


async def test_an_update_that_comes_again_is_left_alone(either_database: Database, inbox: SqliteInbox) -> None:
    await inbox.store(_updates(1, raw="first"))
    await SqliteIndex(either_database).answer(1, 42, 7, Answer("hello"))
    assert await inbox.store([RawUpdate(1, "second"), RawUpdate(2, "new")]) == 1
    assert await inbox.pending(100) == [RawUpdate(2, "new")]


async def test_storing_nothing_is_fine(inbox: SqliteInbox) -> None:
    assert await inbox.store([]) == 0


async def test_a_failing_update_is_parked_at_the_limit_and_holds_up_nobody(inbox: SqliteInbox) -> None:
    await inbox.store(_updates(1, 2))
    assert [await inbox.fail(1, "bad", 3) for _ in range(2)] == [False, False]
    assert (await inbox.pending(1))[0] == RawUpdate(1, "{}", attempts=2)
    assert await inbox.fail(1, "bad", 3)
    assert await _pending(inbox) == [2]


async def test_parked_ones_are_read_anew_when_asked_for(inbox: SqliteInbox) -> None:
    await inbox.store(_updates(1, 2))
    assert await inbox.unpark() == 0
    await inbox.fail(1, "bad", 1)
    assert await inbox.unpark() == 1
    assert (await inbox.pending(1))[0] == RawUpdate(1, "{}", attempts=0)
    assert await inbox.unpark() == 0


async def test_nothing_of_a_discarded_update_is_kept(either_database: Database, inbox: SqliteInbox) -> None:
    await inbox.store(_updates(1, 2))
    await inbox.discard(1)
    assert await _pending(inbox) == [2]
    rows = await either_database.run(lambda c: c.execute("SELECT update_id FROM inbox").fetchall())
    assert [row["update_id"] for row in rows] == [2]


async def test_failing_an_unknown_update_parks_nothing(inbox: SqliteInbox) -> None:
    assert not await inbox.fail(99, "bad", 1)


async def test_only_done_rows_are_pruned(either_database: Database, inbox: SqliteInbox, clock: SteppedClock) -> None:
    index = SqliteIndex(either_database)
    await inbox.store(_updates(1, 2, 3, 4))
    await index.answer(1, 42, 7, Answer("hello"))
    await inbox.fail(2, "bad", 1)
    await index.admit(3, a_message(), AlbumWindow(), clock.now())
    assert await inbox.prune(clock.now()) == 0, "not old enough"
    clock.advance(1)
    assert await inbox.prune(clock.now()) == 1
    assert await inbox.store(_updates(2, 3, 4)) == 0, "parked, taken and new rows are still there"
    assert await _pending(inbox) == [4]


async def test_two_bots_in_one_database_do_not_see_each_others_updates(
    either_database: Database, inbox: SqliteInbox, clock: SteppedClock
) -> None:
    other = SqliteInbox(either_database, 2, clock)
    await inbox.store(_updates(1, raw="mine"))
    assert await other.store(_updates(1, raw="theirs")) == 1
    await other.discard(1)
    assert await inbox.pending(10) == [RawUpdate(1, "mine")]
