"""Each item gets one outcome, equal bytes one object, and no object is removed that something points to."""

from datetime import datetime
from itertools import permutations

import pytest

from support import CURATOR, OTHER_CURATOR, a_file
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import (
    DedupReason,
    Duplicate,
    Failed,
    ItemState,
    KnownFile,
    Outcome,
    Queued,
    Skipped,
)
from teltubby_core.domain.routing import Route
from teltubby_core.testing import sample_job
from unit.teltubby_core.index_cases import Archive, key_of, sha_of, stored


@pytest.fixture
def archive(either_database: Database) -> Archive:
    return Archive(either_database)


async def test_a_stored_item_is_known_by_id_and_by_hash(archive: Archive) -> None:
    item = await archive.item(media=a_file("x"))
    await archive.index.postpone(item.id, "trouble", 0, counts=True)
    assert await archive.index.known_file("unique-x") is None
    outcome = await archive.store_as(item)
    known = KnownFile(sha_of("aa"), key_of(item), 1000)
    assert outcome == stored("aa", key_of(item))
    assert await archive.index.known_file("unique-x") == known
    assert await archive.index.known_hash(sha_of("aa")) == known
    again = await archive.again(item)
    assert (again.state, again.key, again.size_bytes, again.route, again.last_error) == (
        ItemState.STORED,
        key_of(item),
        1000,
        Route.BOT_API,
        None,
    )
    assert await archive.claimable() == []


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Skipped("too large"), ItemState.SKIPPED, "too large"),
        (Failed("the file is gone"), ItemState.FAILED, "the file is gone"),
        (Duplicate("teltubby/x", DedupReason.FILE_UNIQUE_ID, sha_of("bb"), "teltubby/own"), ItemState.DUPLICATE, None),
    ],
)
async def test_outcomes_without_an_object(
    archive: Archive, outcome: Outcome, state: ItemState, reason: str | None
) -> None:
    item = await archive.item()
    revision = (await archive.record(item.message)).revision
    assert await archive.index.settle(item.id, outcome) == outcome
    again = await archive.again(item)
    assert (again.state, again.skipped_reason, again.key) == (state, reason, None)
    assert (await archive.record(item.message)).revision > revision
    assert await archive.update_state(item) == "done"


async def test_a_queued_item_has_a_job_to_publish(archive: Archive) -> None:
    item, job = await archive.queued()
    assert (item.state, item.route, item.job_id, item.job_state) == (
        ItemState.QUEUED,
        Route.MTPROTO,
        job.job_id,
        JobState.PENDING,
    )
    assert await archive.index.unpublished_jobs(10) == [job]
    assert await archive.index.job_item(job.job_id) == item
    assert await archive.update_state(item) == "done"
    await archive.index.job_published(job)
    assert await archive.index.unpublished_jobs(10) == []


async def test_jobs_are_published_in_the_order_they_were_made(archive: Archive) -> None:
    for number in (3, 1, 2):
        await archive.queued(number)
    assert [job.message_id for job in await archive.index.unpublished_jobs(10)] == [3, 1, 2]
    assert len(await archive.index.unpublished_jobs(2)) == 2


async def test_half_an_outcome_is_none(archive: Archive) -> None:
    """A job whose id is taken can't be recorded: then the item is not queued either."""
    await archive.queued(1)
    item = await archive.item(2)
    with pytest.raises(Exception, match="UNIQUE"):
        await archive.index.settle(item.id, Queued(sample_job("job-1")))
    assert (await archive.again(item)).state is ItemState.PENDING


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_equal_objects_in_flight_one_stays_and_one_goes(archive: Archive, first: int) -> None:
    items = [await archive.item(1), await archive.item(2)]
    winner, loser = items[first], items[1 - first]
    await archive.store_as(winner)
    outcome = await archive.store_as(loser)
    assert outcome == Duplicate(key_of(winner), DedupReason.SHA256, sha_of("aa"), key_of(loser), Route.BOT_API)
    again = await archive.again(loser)
    assert (again.state, again.duplicate_of, again.key) == (ItemState.DUPLICATE, key_of(winner), None)
    assert await archive.index.pending_deletes() == [key_of(loser)]
    await archive.index.deleted(key_of(loser))
    assert await archive.index.pending_deletes() == []


async def test_three_twins_in_any_order_leave_one_object(archive: Archive) -> None:
    for round_number, order in enumerate(permutations(range(3))):
        items = [await archive.item(10 * round_number + number) for number in range(1, 4)]
        sha = f"{round_number}f"
        for position in order:
            await archive.store_as(items[position], sha)
        keys = {key_of(item) for item in items}
        known = await archive.index.known_hash(sha_of(sha))
        assert known is not None
        assert known.key == key_of(items[order[0]])
        assert set(await archive.index.pending_deletes()) & keys == keys - {known.key}


async def test_an_item_is_never_its_own_duplicate_nor_is_its_object_removed(archive: Archive) -> None:
    item = await archive.item()
    for _ in range(3):
        assert await archive.store_as(item) == stored("aa", key_of(item))
    assert await archive.index.pending_deletes() == []
    assert (await archive.again(item)).state is ItemState.STORED


async def test_what_is_said_again_later_does_not_change_the_outcome(archive: Archive) -> None:
    item = await archive.item()
    await archive.store_as(item)
    await archive.index.settle(item.id, Failed("late"))
    assert (await archive.again(item)).state is ItemState.STORED


async def test_a_duplicate_by_hash_teaches_its_telegram_id(archive: Archive) -> None:
    """Telegram may call equal bytes by two ids: the second one is known from then on."""
    first, second = await archive.item(1), await archive.item(2, a_file("other"))
    await archive.store_as(first)
    await archive.store_as(second)
    known = await archive.index.known_file("unique-other")
    assert known is not None
    assert known.key == key_of(first)


async def test_one_telegram_id_with_new_bytes_follows_the_newer(archive: Archive) -> None:
    first, second = await archive.item(1, a_file("x")), await archive.item(2, a_file("x"))
    await archive.store_as(first, "aa")
    await archive.store_as(second, "bb")
    known = await archive.index.known_file("unique-x")
    assert known is not None
    assert known.sha256 == sha_of("bb")
    assert await archive.index.known_hash(sha_of("aa")) is not None


async def test_a_forgotten_object_is_nobodys_original(archive: Archive) -> None:
    first, second = await archive.item(1, a_file("x")), await archive.item(2, a_file("x"))
    await archive.store_as(first)
    await archive.index.forget_object(key_of(first))
    assert await archive.index.known_file("unique-x") is None
    assert await archive.index.known_hash(sha_of("aa")) is None
    assert await archive.store_as(second) == stored("aa", key_of(second))
    assert await archive.index.pending_deletes() == []
    known = await archive.index.known_file("unique-x")
    assert known is not None
    assert known.key == key_of(second)


async def test_an_object_that_becomes_the_original_is_no_longer_to_be_removed(archive: Archive) -> None:
    first, second = await archive.item(1), await archive.item(2)
    await archive.store_as(first)
    await archive.store_as(second)
    assert await archive.index.pending_deletes() == [key_of(second)]
    await archive.index.forget_object(key_of(first))
    await archive.store_as(second)
    assert await archive.index.pending_deletes() == []


async def test_without_dedup_equal_bytes_are_objects_of_their_own(archive: Archive) -> None:
    index = SqliteIndex(archive.database, dedup=False)
    first, second = await archive.item(1), await archive.item(2)
    await index.settle(first.id, stored("aa", key_of(first)))
    assert await index.settle(second.id, stored("aa", key_of(second))) == stored("aa", key_of(second))
    assert (await archive.again(second)).state is ItemState.STORED
    assert await index.pending_deletes() == []


async def test_a_duplicate_knows_whose_the_first_copy_is(archive: Archive) -> None:
    first = await archive.item(1, chat=CURATOR)
    await archive.store_as(first)
    second = await archive.item(2, chat=OTHER_CURATOR)
    await archive.index.settle(second.id, Duplicate(key_of(first), DedupReason.SHA256, sha_of("aa"), key_of(second)))
    assert (await archive.again(second)).duplicate_owner == CURATOR
    third = await archive.item(3)
    await archive.index.settle(third.id, Duplicate("teltubby/unknown", DedupReason.SHA256, sha_of("cc"), key_of(third)))
    assert (await archive.again(third)).duplicate_owner is None


async def test_the_dedup_table_is_filled_as_given(archive: Archive) -> None:
    await archive.store_as(await archive.item(1, a_file("x")))
    row = await archive.database.run(lambda c: dict(c.execute("SELECT * FROM dedup_index").fetchone()))
    assert (row["size_bytes"], row["mime_type"], row["file_unique_id"]) == (1000, "image/jpeg", "unique-x")
    assert datetime.fromisoformat(row["created_at"]).tzinfo is not None


async def test_the_counts_for_people(archive: Archive) -> None:
    for number in (1, 2, 3):
        await archive.store_as(await archive.item(number), sha=f"{number}a" if number < 3 else "1a")
    await archive.index.settle((await archive.item(4)).id, Skipped("x"))
    await archive.index.settle((await archive.item(5)).id, Failed("x"))
    await archive.queued(6)
    await archive.item(7)
    stats = await archive.index.stats()
    assert (stats.messages, stats.stored, stats.stored_bytes, stats.duplicates) == (7, 2, 2000, 1)
    assert (stats.skipped, stats.failed, stats.waiting) == (1, 1, 2)
    assert stats.jobs == {JobState.PENDING: 1}
    assert stats.parked_updates == 0


async def test_an_item_is_queued_once(archive: Archive) -> None:
    item, job = await archive.queued()
    await archive.index.settle(item.id, Queued(sample_job("another")))
    assert (await archive.again(item)).job_id == job.job_id
    assert await archive.index.unpublished_jobs(10) == [job]


async def test_an_object_that_an_item_stands_on_is_never_let_go(archive: Archive) -> None:
    item = await archive.item(1)
    await archive.store_as(item)
    await archive.index.forget_object(key_of(item))
    twin = await archive.item(2)
    await archive.store_as(twin)
    await archive.store_as(item)  # its worker reports again: the object is there once more
    assert await archive.index.pending_deletes() == []
