"""An object appears whole or not at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from support import eventually
from teltubby_core.archiving import Archived, Target, archive_item
from teltubby_core.errors import (
    OverLimitError,
    PermanentError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransferMismatchError,
    TransientError,
)
from teltubby_core.testing import MemoryObjectStore, MemorySource

KEY = "teltubby/2025/03/ada/7/x.jpg"
CONTENT = bytes(range(256)) * 1024  # four chunks
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore()


def _target(size: int | None = len(CONTENT)) -> Target:
    return Target(KEY, "image/jpeg", size, {"message": "42/7"})


async def _archive(source: MemorySource, store: MemoryObjectStore, size: int | None = len(CONTENT)) -> Archived:
    return await archive_item(source, store, _target(size), stall_timeout=5)


async def test_the_bytes_become_an_object_with_their_hash_and_size(store: MemoryObjectStore) -> None:
    source = MemorySource(CONTENT)
    assert await _archive(source, store) == Archived(SHA, len(CONTENT), committed=True)
    stored = store.objects[KEY]
    assert (stored.body, stored.content_type, stored.metadata) == (
        CONTENT,
        "image/jpeg",
        {"message": "42/7", "sha256": SHA},
    )
    assert store.uploads_open == 0
    assert source.closed == source.opened == 1


@pytest.mark.parametrize("size", [0, None])
async def test_an_empty_file_is_a_file(store: MemoryObjectStore, size: int | None) -> None:
    archived = await _archive(MemorySource(b""), store, size)
    assert archived == Archived(hashlib.sha256(b"").hexdigest(), 0, committed=True)
    assert store.objects[KEY].body == b""


async def test_a_file_of_unknown_size_is_taken_as_it_comes(store: MemoryObjectStore) -> None:
    assert (await _archive(MemorySource(CONTENT), store, None)).size_bytes == len(CONTENT)


@pytest.mark.parametrize("expected", [len(CONTENT) - 1, len(CONTENT) + 1, 0])
async def test_a_file_of_another_size_is_never_an_object(store: MemoryObjectStore, expected: int) -> None:
    source = MemorySource(CONTENT)
    with pytest.raises(TransferMismatchError):
        await _archive(source, store, expected)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


@pytest.mark.parametrize("error", [TransientError("net"), PermanentError("gone"), RuntimeError("odd")])
@pytest.mark.parametrize("at", [0, 1, 100_000])
async def test_an_error_at_the_source_leaves_nothing(store: MemoryObjectStore, error: Exception, at: int) -> None:
    source = MemorySource(CONTENT, error=error, at=at)
    with pytest.raises(type(error), match=str(error)):
        await _archive(source, store)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


@pytest.mark.parametrize("error", [StorageFullError("full"), StorageUnavailableError("read-only")])
async def test_an_error_of_the_store_leaves_nothing(store: MemoryObjectStore, error: TeltubbyError) -> None:
    store.fail_commit_with = error
    source = MemorySource(CONTENT)
    with pytest.raises(type(error)):
        await _archive(source, store)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


async def test_an_error_while_writing_closes_the_source(store: MemoryObjectStore) -> None:
    source = MemorySource(CONTENT)

    async def fail_next(_: int) -> None:
        store.fail_with = StorageFullError("full")

    with pytest.raises(StorageFullError):
        await archive_item(source, store, _target(), stall_timeout=5, on_progress=fail_next)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


async def test_a_source_that_stalls_is_given_up_after_the_limit(store: MemoryObjectStore) -> None:
    source = MemorySource(CONTENT, stalls=True, at=70_000)
    with pytest.raises(TransientError, match=r"no data for 0\.05 s after 70000 bytes"):
        await archive_item(source, store, _target(), stall_timeout=0.05)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


async def test_cancelling_leaves_nothing(store: MemoryObjectStore) -> None:
    source = MemorySource(CONTENT, stalls=True, at=70_000)
    reached: list[int] = []

    async def note(size: int) -> None:
        reached.append(size)

    task = asyncio.create_task(archive_item(source, store, _target(), stall_timeout=60, on_progress=note))
    await eventually(lambda: 70_000 in reached)
    assert store.uploads_open == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


async def test_known_bytes_are_not_committed(store: MemoryObjectStore) -> None:
    asked: list[tuple[str, int]] = []

    async def known(sha256: str, size: int) -> bool:
        asked.append((sha256, size))
        assert not store.objects, "asked before the commit"
        return True

    archived = await archive_item(MemorySource(CONTENT), store, _target(), stall_timeout=5, already_stored=known)
    assert archived == Archived(SHA, len(CONTENT), committed=False)
    assert asked == [(SHA, len(CONTENT))]
    assert (store.objects, store.uploads_open) == ({}, 0)


async def test_unknown_bytes_are_committed(store: MemoryObjectStore) -> None:
    async def unknown(_: str, __: int) -> bool:
        return False

    archived = await archive_item(MemorySource(CONTENT), store, _target(), stall_timeout=5, already_stored=unknown)
    assert archived.committed
    assert list(store.objects) == [KEY]


async def test_when_the_index_cannot_be_asked_nothing_is_committed(store: MemoryObjectStore) -> None:
    async def broken(_: str, __: int) -> bool:
        raise StorageUnavailableError("no")

    with pytest.raises(StorageUnavailableError):
        await archive_item(MemorySource(CONTENT), store, _target(), stall_timeout=5, already_stored=broken)
    assert (store.objects, store.uploads_open) == ({}, 0)


async def test_progress_grows_to_the_whole_size(store: MemoryObjectStore) -> None:
    told: list[int] = []

    async def note(size: int) -> None:
        told.append(size)

    await archive_item(MemorySource(CONTENT), store, _target(), stall_timeout=5, on_progress=note)
    assert told == [65536, 131072, 196608, 262144]


async def test_a_file_that_is_too_long_is_not_read_to_its_end(store: MemoryObjectStore) -> None:
    told: list[int] = []

    async def note(size: int) -> None:
        told.append(size)

    with pytest.raises(TransferMismatchError, match="more than the announced 65536 bytes"):
        await archive_item(MemorySource(CONTENT), store, _target(65536), stall_timeout=5, on_progress=note)
    assert told == [65536]


class _Eager:
    """Counts how many chunks were handed out, against what the store has taken."""

    def __init__(self, taken: list[int]) -> None:
        self._taken = taken
        self.ahead = 0

    def told_size(self) -> int | None:
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        for given in range(1, 21):
            self.ahead = max(self.ahead, given - len(self._taken))
            yield b"x" * 1000


async def test_one_chunk_is_held_at_a_time(store: MemoryObjectStore) -> None:
    taken: list[int] = []

    async def note(size: int) -> None:
        taken.append(size)

    source = _Eager(taken)
    await archive_item(source, store, _target(20_000), stall_timeout=5, on_progress=note)
    assert source.ahead == 1


@pytest.mark.parametrize("announced", [None, 0, 1, len(CONTENT) + 1, 10**12])
async def test_what_the_server_tells_counts_more_than_what_the_message_announced(
    store: MemoryObjectStore, announced: int | None
) -> None:
    archived = await _archive(MemorySource(CONTENT, told=len(CONTENT)), store, announced)
    assert archived == Archived(SHA, len(CONTENT), committed=True)
    assert store.objects[KEY].body == CONTENT


@pytest.mark.parametrize("told", [0, len(CONTENT) - 1, len(CONTENT) + 1])
async def test_a_transfer_of_another_size_than_the_server_told_is_never_an_object(
    store: MemoryObjectStore, told: int
) -> None:
    source = MemorySource(CONTENT, told=told)
    with pytest.raises(TransferMismatchError):
        await _archive(source, store)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)


async def test_an_empty_file_that_was_announced_as_another_is_stored_empty(store: MemoryObjectStore) -> None:
    assert (await _archive(MemorySource(b"", told=0), store, 500)).size_bytes == 0
    assert store.objects[KEY].body == b""


async def _archive_up_to(limit: int, source: MemorySource, store: MemoryObjectStore, size: int | None) -> list[int]:
    written: list[int] = []

    async def note(done: int) -> None:
        written.append(done)

    target = Target(KEY, "image/jpeg", size, limit=limit)
    with pytest.raises(OverLimitError, match="MAX_FILE_GB"):
        await archive_item(source, store, target, stall_timeout=5, on_progress=note)
    assert (store.objects, store.uploads_open, source.closed) == ({}, 0, 1)
    return written


@pytest.mark.parametrize("announced", [None, 5, len(CONTENT)])
async def test_over_the_limit_nothing_is_written_once_the_server_has_told_the_size(
    store: MemoryObjectStore, announced: int | None
) -> None:
    assert await _archive_up_to(100_000, MemorySource(CONTENT, told=len(CONTENT)), store, announced) == []


async def test_over_the_limit_the_transfer_of_a_file_of_unknown_size_ends(store: MemoryObjectStore) -> None:
    assert await _archive_up_to(100_000, MemorySource(CONTENT), store, None) == [65536]


async def test_a_file_of_exactly_the_limit_is_taken(store: MemoryObjectStore) -> None:
    target = Target(KEY, "image/jpeg", None, limit=len(CONTENT))
    assert (await archive_item(MemorySource(CONTENT), store, target, stall_timeout=5)).committed


async def test_the_first_bytes_may_take_longer_than_the_others(store: MemoryObjectStore) -> None:
    class Slow(MemorySource):
        async def chunks(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(0.1)  # longer than the limit on every other chunk
            async for chunk in super().chunks():
                yield chunk

    with pytest.raises(TransientError):
        await archive_item(Slow(b"x"), store, _target(1), stall_timeout=0.05)
    archived = await archive_item(Slow(b"x"), store, _target(1), stall_timeout=0.05, opening_timeout=5)
    assert archived.committed
