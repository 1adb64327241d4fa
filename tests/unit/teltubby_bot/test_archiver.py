"""Each item comes to its end by the cheapest way, and nothing that goes wrong on it loses or doubles a file."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from support import OTHER_CURATOR, a_file, a_message, eventually
from teltubby_bot.archiver import MAX_ATTEMPTS
from teltubby_core.domain.records import DedupReason, ItemState, Stored
from teltubby_core.domain.routing import GIB, Limits, Route
from teltubby_core.errors import (
    PermanentError,
    StorageFullError,
    StorageUnavailableError,
    TransientError,
)
from teltubby_core.testing import StoredObject
from unit.teltubby_bot.archiver_bench import Bench
from unit.teltubby_bot.fakes import DOWNLOAD_LIMIT
from unit.teltubby_bot.stage import Stage


@pytest.fixture
async def bench(stage: Stage) -> AsyncIterator[Bench]:
    bench = Bench(stage)
    yield bench
    stage.telegram.gate.set()
    await bench.archiver.stop()


def _files(stage: Stage) -> dict[str, bytes]:
    return {key: found.body for key, found in stage.store.objects.items()}


async def test_a_small_file_is_stored_under_its_own_key(bench: Bench) -> None:
    item = await bench.stage.item(content=b"jpeg", caption="at the sea")
    done = await bench.settled(item)
    key = "teltubby/2025/03/ada/7/20250301-123000_ada_ada_m7_001_at-the-sea.jpg"
    assert _files(bench.stage) == {key: b"jpeg"}
    assert (done.state, done.key, done.route, done.size_bytes) == (ItemState.STORED, key, Route.BOT_API, 4)
    assert done.sha256 == hashlib.sha256(b"jpeg").hexdigest()
    found = bench.stage.store.objects[key]
    assert (found.content_type, found.metadata) == (
        "image/jpeg",
        {"file-unique-id": "unique-m7", "message": "42/7", "sha256": done.sha256},
    )
    assert bench.stage.calls, "those that show it are woken"


async def test_a_large_file_becomes_a_job_without_being_asked_for(bench: Bench) -> None:
    item = await bench.stage.item(media=a_file("big", size=DOWNLOAD_LIMIT + 1, original="big.mp4"))
    done = await bench.settled(item)
    assert (done.state, done.route) == (ItemState.QUEUED, Route.MTPROTO)
    (job,) = await bench.stage.index.unpublished_jobs(10)
    assert job.key == "teltubby/2025/03/mtproto/7/20250301-123000_ada_ada_m7_001.mp4"
    assert job.message_json_key == "teltubby/2025/03/ada/7/message.json"
    assert (job.correlation_id, job.file_info.file_id, job.user_id) == (item.correlation_id, "file-big", 42)
    assert not bench.stage.telegram.downloads


@pytest.mark.parametrize("announced", [None, 5])
async def test_a_file_that_telegram_calls_too_big_becomes_a_job(bench: Bench, announced: int | None) -> None:
    item = await bench.stage.item(media=a_file("odd", size=announced))
    bench.stage.telegram.sizes["file-odd"] = DOWNLOAD_LIMIT + 1
    assert (await bench.settled(item)).state is ItemState.QUEUED
    assert bench.stage.store.uploads_open == 0


async def test_a_file_over_the_limit_is_skipped_with_the_reason(bench: Bench) -> None:
    done = await bench.settled(await bench.stage.item(media=a_file("huge", size=5 * GIB)))
    assert done.state is ItemState.SKIPPED
    assert "MAX_FILE_GB" in str(done.skipped_reason)


@pytest.mark.parametrize("announced", [None, 5])
async def test_over_the_limit_whatever_was_announced_is_skipped_once_the_server_tells(
    bench: Bench, announced: int | None
) -> None:
    bench.make(limits=Limits(max_file_bytes=1000))
    item = await bench.stage.item(media=a_file("x", size=announced), content=bytes(1001))
    bench.stage.telegram.told["file-x"] = 1001
    done = await bench.settled(item)
    assert (done.state, done.attempts) == (ItemState.SKIPPED, 0)
    assert "MAX_FILE_GB" in str(done.skipped_reason)
    assert _files(bench.stage) == {}
    assert bench.stage.store.uploads_open == 0


@pytest.mark.parametrize("announced", [0, 3, 5, 10**6, None])
async def test_a_size_that_was_announced_wrongly_costs_no_retry(bench: Bench, announced: int | None) -> None:
    item = await bench.stage.item(media=a_file("x", size=announced), content=b"jpeg")
    bench.stage.telegram.told["file-x"] = 4
    done = await bench.settled(item)
    assert (done.state, done.size_bytes, done.attempts) == (ItemState.STORED, 4, 0)


async def test_an_empty_file_is_an_empty_object_and_the_next_one_its_duplicate(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, a_file("x", size=0), content=b""))
    assert (first.state, first.size_bytes, first.sha256) == (ItemState.STORED, 0, hashlib.sha256(b"").hexdigest())
    second = await bench.settled(await bench.stage.item(2, a_file("y", size=0), content=b""))
    assert (second.state, second.duplicate_of) == (ItemState.DUPLICATE, first.key)


async def test_what_a_sender_calls_a_type_is_no_content_type_unless_it_is_one(bench: Bench) -> None:
    item = await bench.stage.item(media=a_file("x", size=1, mime="text/html\r\nx: y"), content=b"x")
    done = await bench.settled(item)
    assert bench.stage.store.objects[str(done.key)].content_type == "application/octet-stream"


async def test_the_same_large_file_again_follows_the_job_that_brings_it(bench: Bench) -> None:
    file = a_file("big", size=DOWNLOAD_LIMIT + 1)
    items = [await bench.stage.item(number, file) for number in (1, 2)]
    await bench.round()
    first, second = [await bench.stage.again(item) for item in items]
    assert (second.state, second.follows) == (ItemState.QUEUED, first.job_id)
    assert [job.job_id for job in await bench.stage.index.unpublished_jobs(10)] == [first.job_id]


async def test_a_file_that_an_edit_brought_gets_a_workers_folder_of_its_own(bench: Bench) -> None:
    stage = bench.stage
    item = await stage.item(7, a_file("big", size=DOWNLOAD_LIMIT + 1))
    other = a_message(7, a_file("other", size=DOWNLOAD_LIMIT + 2)).model_copy(update={"edited": True})
    await stage.index.edit(500, other)
    await bench.round()
    first, second = await stage.index.unpublished_jobs(10)
    assert first.key.startswith("teltubby/2025/03/mtproto/7/")
    assert second.key.startswith("teltubby/2025/03/mtproto/7-2/")
    assert first.message_json_key == second.message_json_key
    assert item.edition == 1


async def test_a_known_file_is_not_even_asked_for(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, a_file("x", size=4), content=b"jpeg"))
    second = await bench.settled(await bench.stage.item(2, a_file("x", size=4)))
    assert (second.state, second.dedup_reason, second.duplicate_of) == (
        ItemState.DUPLICATE,
        DedupReason.FILE_UNIQUE_ID,
        first.key,
    )
    assert bench.stage.telegram.downloads["file-x"] == 1


async def test_a_known_large_file_makes_no_job(bench: Bench) -> None:
    first = await bench.stage.stored(1)
    bench.stage.store.objects[str(first.key)] = StoredObject(bytes(1000), "image/jpeg")
    media = first.media.model_copy(update={"size_bytes": DOWNLOAD_LIMIT + 1})
    assert (await bench.settled(await bench.stage.item(2, media))).state is ItemState.DUPLICATE
    assert await bench.stage.index.unpublished_jobs(1) == []


async def test_equal_bytes_under_another_id_are_one_object(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, content=b"same"))
    second = await bench.settled(await bench.stage.item(2, content=b"same", chat=OTHER_CURATOR))
    assert (second.state, second.dedup_reason, second.duplicate_of) == (
        ItemState.DUPLICATE,
        DedupReason.SHA256,
        first.key,
    )
    assert list(_files(bench.stage)) == [first.key]
    assert bench.stage.store.uploads_open == 0


async def test_two_equal_files_in_flight_end_as_one(bench: Bench) -> None:
    items = [await bench.stage.item(number, content=b"same") for number in (1, 2)]
    await bench.round()
    done = [await bench.stage.again(item) for item in items]
    assert sorted(item.state for item in done) == [ItemState.DUPLICATE, ItemState.STORED]
    kept = next(item.key for item in done if item.key)
    assert set(_files(bench.stage)) - set(await bench.stage.index.pending_deletes()) == {kept}


async def test_a_duplicate_of_a_missing_object_is_stored_anew(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, a_file("x", size=4), content=b"jpeg"))
    bench.stage.store.objects.clear()
    second = await bench.settled(await bench.stage.item(2, a_file("x", size=4), content=b"jpeg"))
    assert second.state is ItemState.STORED
    assert list(_files(bench.stage)) == [second.key]
    assert first.key != second.key


async def test_a_duplicate_of_a_truncated_object_is_stored_anew(bench: Bench) -> None:
    first = await bench.settled(await bench.stage.item(1, a_file("x", size=4), content=b"jpeg"))
    bench.stage.store.objects[str(first.key)] = StoredObject(b"jp", "image/jpeg")
    second = await bench.settled(await bench.stage.item(2, a_file("x", size=4), content=b"jpeg"))
    assert second.state is ItemState.STORED
    assert _files(bench.stage)[str(second.key)] == b"jpeg"


async def test_a_twin_by_hash_that_is_missing_is_stored_anew(bench: Bench) -> None:
    await bench.settled(await bench.stage.item(1, content=b"same"))
    bench.stage.store.objects.clear()
    second = await bench.settled(await bench.stage.item(2, content=b"same"))
    assert second.state is ItemState.STORED
    assert _files(bench.stage) == {str(second.key): b"same"}


async def test_without_dedup_each_is_stored(bench: Bench) -> None:
    bench.make(dedup=False)
    for number in (1, 2):
        await bench.settled(await bench.stage.item(number, a_file("x", size=4), content=b"same"))
    assert len(_files(bench.stage)) == 2


@pytest.mark.parametrize("error", [StorageFullError("no space left"), StorageUnavailableError("read-only")])
async def test_while_storage_is_out_of_order_items_wait_uncounted_and_then_are_archived(
    bench: Bench, error: StorageFullError
) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.stage.store.fail_with = error
    for _ in range(MAX_ATTEMPTS + 1):
        waiting = await bench.settled(item)
        assert (waiting.state, waiting.attempts, waiting.last_error) == (ItemState.PENDING, 0, str(error))
        bench.stage.clock.advance(100)
    bench.stage.store.fail_with = None
    assert (await bench.settled(item)).state is ItemState.STORED


async def test_pauses_grow_while_storage_is_out_of_order(bench: Bench) -> None:
    await bench.stage.item(content=b"jpeg")
    bench.stage.store.fail_with = StorageFullError("no space left")
    pauses = []
    for _ in range(9):
        await bench.round()
        due = await bench.stage.index.next_due(frozenset())
        assert due is not None
        pauses.append(due - bench.stage.clock.now())
        bench.stage.clock.advance(pauses[-1])
    assert pauses[0] < 2
    assert 60 <= pauses[-1] <= 90


async def test_a_transient_error_is_tried_again_and_given_up_at_the_end(bench: Bench) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.stage.telegram.broken["download"] = TransientError("Telegram can't be reached")
    for number in range(1, MAX_ATTEMPTS):
        waiting = await bench.settled(item)
        assert (waiting.state, waiting.attempts) == (ItemState.PENDING, number)
        bench.stage.clock.advance(500)
    done = await bench.settled(item)
    assert done.state is ItemState.FAILED
    assert "given up after 30 attempts; send it again" in str(done.skipped_reason)
    assert bench.stage.telegram.downloads["file-m7"] == MAX_ATTEMPTS
    assert _files(bench.stage) == {}


async def test_an_item_is_not_tried_again_before_it_is_due(bench: Bench) -> None:
    await bench.stage.item(content=b"jpeg")
    bench.stage.telegram.failures["download"] = [TransientError("flood", retry_after=77)]
    await bench.round()
    pause = await bench.archiver.step()
    assert pause == 77
    assert bench.stage.telegram.downloads["file-m7"] == 1
    bench.stage.clock.advance(77)
    await bench.round()
    assert len(_files(bench.stage)) == 1


async def test_what_can_never_work_fails_at_once(bench: Bench) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.stage.telegram.broken["download"] = PermanentError("wrong file_id")
    done = await bench.settled(item)
    assert (done.state, done.skipped_reason) == (ItemState.FAILED, "wrong file_id")


async def test_an_unexpected_error_is_tried_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.stage.telegram.failures["download"] = [ZeroDivisionError("odd")]
    waiting = await bench.settled(item)
    assert (waiting.state, waiting.attempts) == (ItemState.PENDING, 1)
    assert "ZeroDivisionError" in caplog.text
    bench.stage.clock.advance(10)
    assert (await bench.settled(item)).state is ItemState.STORED


async def test_a_transfer_that_ends_short_is_no_object(bench: Bench) -> None:
    item = await bench.stage.item(media=a_file("m7", size=100))
    bench.stage.telegram.files["file-m7"] = b"short"
    waiting = await bench.settled(item)
    assert waiting.state is ItemState.PENDING
    assert "5 of the announced 100 bytes" in str(waiting.last_error)
    assert (_files(bench.stage), bench.stage.store.uploads_open) == ({}, 0)


async def test_no_more_transfers_run_than_allowed(bench: Bench) -> None:
    bench.make(concurrency=3)
    bench.stage.telegram.gate.clear()
    for number in range(1, 8):
        await bench.stage.item(number, content=b"%d" % number)
    for _ in range(3):
        await bench.archiver.step()
    await eventually(lambda: bench.stage.telegram.running == 3)
    assert len(bench.archiver._active) == 3
    bench.stage.telegram.gate.set()
    for _ in range(3):
        await bench.round()
    assert bench.stage.telegram.most_running == 3
    assert len(_files(bench.stage)) == 7


async def test_a_free_slot_wakes_the_loop(bench: Bench) -> None:
    bench.archiver.wake = lambda: bench.stage.note("free")
    await bench.stage.item(content=b"x")
    await bench.round()
    assert ("free",) in bench.stage.calls


async def test_when_nothing_can_be_recorded_the_file_is_not_fetched_in_a_frenzy(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.index.methods = {"settle", "postpone"}
    loop = asyncio.get_running_loop()
    before = loop.time()
    await bench.round()
    assert loop.time() - before >= 0.1, "the pause is kept though nobody could write it down"
    assert "database is full; next try in" in caplog.text
    assert bench.stage.telegram.downloads["file-m7"] == 1
    bench.index.methods = set()
    done = await bench.settled(item)
    assert done.state is ItemState.STORED
    assert list(_files(bench.stage)) == [done.key]


async def test_stopping_cancels_what_does_not_end_and_leaves_it_due(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teltubby_bot.archiver._STOP_SECONDS", 0.05)
    item = await bench.stage.item(content=b"jpeg")
    bench.stage.telegram.gate.clear()
    await bench.archiver.step()
    await eventually(lambda: bench.stage.telegram.running == 1)
    await asyncio.wait_for(bench.archiver.stop(), 5)
    assert (bench.stage.store.uploads_open, _files(bench.stage)) == (0, {})
    assert (await bench.stage.again(item)).state is ItemState.PENDING


async def test_nothing_is_archived_while_the_bucket_is_not_known_to_be_ours(bench: Bench) -> None:
    item = await bench.stage.item(content=b"jpeg")
    bench.bucket_trouble = StorageUnavailableError("the folder is read-only")
    waiting = await bench.settled(item)
    assert (waiting.state, waiting.last_error, waiting.attempts) == (ItemState.PENDING, "the folder is read-only", 0)
    assert _files(bench.stage) == {}
    bench.bucket_trouble = None
    bench.stage.clock.advance(120)
    assert (await bench.settled(item)).state is ItemState.STORED


async def test_what_an_attempt_left_is_removed_when_a_twin_was_faster(bench: Bench) -> None:
    """Killed after its commit and before its outcome; meanwhile the same file is stored for somebody else."""
    media = a_file("same", size=4)
    bench.stage.telegram.files[media.file_id] = b"jpeg"
    first, second = await bench.stage.item(7, media), await bench.stage.item(8, media, chat=OTHER_CURATOR)
    left = "teltubby/2025/03/ada/7/20250301-123000_ada_ada_m7_001.jpg"
    await bench.stage.store.put(left, b"jpeg", "image/jpeg")
    key = "teltubby/2025/03/ada/8/20250301-123000_ada_ada_m8_001.jpg"
    await bench.stage.index.settle(second.id, Stored(key, hashlib.sha256(b"jpeg").hexdigest(), 4, Route.BOT_API))
    await bench.stage.store.put(key, b"jpeg", "image/jpeg")
    assert (await bench.settled(first)).duplicate_of == key
    assert await bench.stage.index.pending_deletes() == [left]


async def test_an_object_that_a_killed_attempt_had_committed_is_taken_as_it_is(bench: Bench) -> None:
    """Also when its file can't be had from Telegram any more."""
    item = await bench.stage.item(content=b"jpeg")
    bench.index.methods = {"settle", "postpone"}
    await bench.round()
    del bench.stage.telegram.files[item.media.file_id]
    bench.index.methods = set()
    done = await bench.settled(item)
    assert (done.state, done.sha256) == (ItemState.STORED, hashlib.sha256(b"jpeg").hexdigest())
    assert list(_files(bench.stage)) == [done.key]


async def test_a_name_once_given_stays_though_the_album_gets_a_caption_later(bench: Bench) -> None:
    item = await bench.stage.item(content=b"jpeg")
    assert await bench.stage.index.place(item.id, "first.jpg") == "first.jpg"
    assert await bench.stage.index.place(item.id, "second.jpg") == "first.jpg"
    done = await bench.settled(item)
    assert done.key == "teltubby/2025/03/ada/7/first.jpg"
