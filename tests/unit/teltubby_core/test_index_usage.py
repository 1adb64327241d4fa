"""How much the archive holds and will hold is known at any moment without counting it anew."""

import pytest

from support import a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.quota import Usage
from teltubby_core.domain.records import Failed, Skipped
from unit.teltubby_core.index_cases import Archive, completed, failed, started

FILE = a_file("big", size=500)
FULL = "The archive is full (1 of 1)"


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def _usage(archive: Archive) -> tuple[int, int]:
    usage = await archive.index.usage()
    stored = await archive.count("SELECT COALESCE(SUM(size_bytes), 0) FROM items WHERE state = 'stored'")
    assert usage.stored_bytes == stored, "kept and counted are the same"
    return usage.stored_bytes, usage.open_bytes


async def test_an_empty_archive_holds_nothing(archive: Archive) -> None:
    assert await archive.index.usage() == Usage(0, 0)


async def test_what_is_stored_counts_and_what_is_a_duplicate_skipped_or_failed_does_not(archive: Archive) -> None:
    await archive.store_as(await archive.item(1), "aa")
    await archive.store_as(await archive.item(2), "bb")
    await archive.store_as(await archive.item(3), "aa")
    await archive.index.settle((await archive.item(4)).id, Skipped("x"))
    await archive.index.settle((await archive.item(5)).id, Failed("x"))
    await archive.item(6)
    assert await _usage(archive) == (2000, 0)


@pytest.mark.parametrize(
    ("change", "usage"),
    [
        ("UPDATE items SET size_bytes = 7 WHERE state = 'stored'", (7, 500)),
        ("UPDATE items SET state = 'failed' WHERE state = 'stored'", (0, 500)),
        ("UPDATE items SET follows = 'x' WHERE state = 'queued'", (1000, 0)),
        ("DELETE FROM items WHERE state = 'stored'", (0, 500)),
        ("DELETE FROM items WHERE state = 'queued'", (1000, 0)),
    ],
)
async def test_whatever_changes_a_row_is_counted(archive: Archive, change: str, usage: tuple[int, int]) -> None:
    await archive.store_as(await archive.item(1))
    await archive.queued(2, FILE)
    await archive.database.run(lambda c: c.execute(change).rowcount)
    assert await _usage(archive) == usage


async def test_rows_that_come_as_stored_or_queued_count_at_once(archive: Archive) -> None:
    """As when the index is made anew from the bucket."""
    await archive.store_as(await archive.item(1))
    await archive.queued(2, FILE)
    columns = "message, update_id, chat_id, edition, file_unique_id, incoming, state, size_bytes"
    copy = f"INSERT INTO items (message_id, {columns}) SELECT message_id + 100, {columns} FROM items"
    await archive.database.run(lambda c: c.execute(copy).rowcount)
    assert await _usage(archive) == (2000, 1000)


async def test_a_job_counts_as_announced_until_it_ends_and_then_as_stored(archive: Archive) -> None:
    _, job = await archive.queued(1, FILE)
    assert await _usage(archive) == (0, 500)
    await archive.index.apply(started(job))
    assert await _usage(archive) == (0, 500)
    for _ in range(2):
        await archive.index.apply(completed(job))
        assert await _usage(archive) == (1000, 0)


async def test_followers_bring_nothing_until_they_lead(archive: Archive) -> None:
    _, leader = await archive.queued(1, FILE)
    _, follower = await archive.queued(2, FILE)
    assert await _usage(archive) == (0, 500)
    await archive.index.apply(failed(leader))
    assert await _usage(archive) == (0, 500), "the follower's own job now"
    await archive.index.apply(completed(follower))
    assert await _usage(archive) == (1000, 0)


async def test_failure_cancel_and_retry(archive: Archive) -> None:
    _, job = await archive.queued(1, FILE)
    await archive.index.cancel(job.job_id, 42)
    assert await _usage(archive) == (0, 0)
    await archive.index.retry(job.job_id, 42)
    assert await _usage(archive) == (0, 500)
    await archive.index.apply(failed(job.model_copy(update={"generation": 1})))
    assert await _usage(archive) == (0, 0)
    await archive.index.apply(completed(job))
    assert await _usage(archive) == (1000, 0)


async def test_a_file_of_unknown_size_counts_nothing_while_it_is_on_its_way(archive: Archive) -> None:
    await archive.queued(1, a_file("unknown", size=None))
    assert await _usage(archive) == (0, 0)


async def test_a_held_item_waits_uncounted_with_its_reason(archive: Archive) -> None:
    item = await archive.item(1)
    now = archive.clock.now()
    await archive.index.hold(item.id, FULL, now + 60)
    held = await archive.again(item)
    assert (held.held, held.last_error, held.attempts) == (True, FULL, 0)
    assert await archive.claimable() == []
    archive.clock.advance(61)
    assert await archive.claimable() == [1]


async def test_looking_again_in_vain_is_no_news(archive: Archive) -> None:
    item = await archive.item(1)
    await archive.index.hold(item.id, FULL, 0)
    revision = (await archive.record(item.message)).revision
    await archive.index.hold(item.id, FULL, 60)
    assert (await archive.record(item.message)).revision == revision
    await archive.index.hold(item.id, "The archive is full (2 of 2)", 60)
    assert (await archive.record(item.message)).revision > revision


async def test_what_is_held_is_released_together_and_nothing_else_is(archive: Archive) -> None:
    held = [await archive.item(number) for number in (1, 2)]
    flooded = await archive.item(3)
    later = archive.clock.now() + 600
    for item in held:
        await archive.index.hold(item.id, FULL, later)
    await archive.index.postpone(flooded.id, "flood", later, counts=True)
    assert await archive.index.release_held(archive.clock.now()) == 2
    assert await archive.claimable() == [1, 2]


async def test_once_something_else_goes_wrong_or_it_is_settled_it_is_held_no_more(archive: Archive) -> None:
    first, second = await archive.item(1), await archive.item(2)
    for item in (first, second):
        await archive.index.hold(item.id, FULL, 0)
    await archive.index.postpone(first.id, "flood", 0, counts=True)
    await archive.store_as(second)
    assert not (await archive.again(first)).held
    again = await archive.again(second)
    assert (again.held, again.last_error) == (False, None)
    assert await archive.index.release_held(0) == 0
