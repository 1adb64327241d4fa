"""What every object store does. A further adapter is a further maker in ``MAKERS``."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote

import pytest

from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.adapters.s3 import S3Store
from teltubby_core.adapters.s3.upload import MARK
from teltubby_core.errors import PermanentError
from teltubby_core.ports import ObjectHead, ObjectStore, Upload
from teltubby_core.testing import MemoryObjectStore
from testbed.buckets import SeenBucket
from testbed.stores import PART, s3_options

KEY = "teltubby/2025/03/ada/7/clip.mp4"
OTHER = "teltubby/2025/03/ada/8/clip.mp4"
VIDEO = "video/mp4"
MIB = 1024 * 1024
YOUNG = timedelta(seconds=3)
"""Uploads of this age are nobody's, to the stores of these tests."""


@dataclass
class Bucket:
    """A store; another instance on the same bucket, as in another process; and what a test may do and see there."""

    store: ObjectStore
    elsewhere: ObjectStore
    kill_writers: Callable[[], None]
    """Let unfinished uploads be those of dead processes, or leave what one would have left."""
    unfinished: Callable[[], int]
    """How many uploads neither ended nor were swept."""
    kept_of: Callable[[str], tuple[str, dict[str, str]]] | None = None
    """Content type and metadata of an object, where the store keeps them."""


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[Bucket]:
    store = MemoryObjectStore(bucket="media")

    def kept_of(key: str) -> tuple[str, dict[str, str]]:
        return store.objects[key].content_type, dict(store.objects[key].metadata)

    yield Bucket(store, store, store.kill_writers, lambda: store.uploads_open, kept_of)


@asynccontextmanager
async def local_folder(request: pytest.FixtureRequest) -> AsyncIterator[Bucket]:
    root = request.getfixturevalue("tmp_path") / "archive"

    def leave_a_part() -> None:
        # a part that no process has open; how it comes to be by a kill -9 is shown in test_local_folder.py
        (root / ".parts" / "0123.part").write_bytes(b"half")

    def unfinished() -> int:
        return len(list(root.glob(".parts/*")))

    yield Bucket(LocalFolderStore(root, "media"), LocalFolderStore(root, "media"), leave_a_part, unfinished)


@asynccontextmanager
async def s3(request: pytest.FixtureRequest) -> AsyncIterator[Bucket]:
    seen: SeenBucket = request.getfixturevalue("seen_bucket")
    options = s3_options(seen)

    def kept_of(key: str) -> tuple[str, dict[str, str]]:
        found = seen.look_at(key)
        given = {name.replace("-", "_"): unquote(value) for name, value in found.metadata.items() if name != MARK}
        return found.content_type, given

    async with (
        S3Store(options, orphan_age=YOUNG) as store,
        S3Store(options, orphan_age=YOUNG) as elsewhere,
    ):
        yield Bucket(
            store,
            elsewhere,
            lambda: seen.begin_orphan(OTHER, YOUNG + timedelta(seconds=1.5)),
            lambda: len(seen.unfinished()) if seen.exists() else 0,
            kept_of,
        )


MAKERS = [memory, local_folder, s3]
KEEPERS = [memory, s3]
"""Those that keep content type and metadata."""


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Bucket]:
    async with request.param(request) as made:
        yield made


@pytest.fixture
def store(bucket: Bucket) -> ObjectStore:
    return bucket.store


async def write(store: ObjectStore, key: str, *chunks: bytes) -> Upload:
    upload = await store.begin(key, VIDEO, {"file_unique_id": "u1"})
    for chunk in chunks:
        await upload.write(chunk)
    return upload


async def test_a_part_of_an_object_is_read_by_where_it_lies(bucket: Bucket) -> None:
    body = random.Random(7).randbytes(3 * MIB + 5)
    await bucket.store.put(KEY, body, VIDEO)
    assert await bucket.store.read(KEY, 0, MIB) == body[:MIB]
    assert await bucket.elsewhere.read(KEY, MIB, MIB) == body[MIB : 2 * MIB]
    assert await bucket.store.read(KEY, 3 * MIB, MIB) == body[3 * MIB :], "fewer at its end"
    assert await bucket.store.read(KEY, len(body), MIB) == b""
    assert await bucket.store.read(KEY, len(body) + 9, MIB) == b""
    await bucket.store.put(OTHER, b"", VIDEO)
    assert await bucket.store.read(OTHER, 0, MIB) == b""


async def test_of_what_is_not_there_no_part_is_read(bucket: Bucket) -> None:
    await bucket.store.put(OTHER, b"there", VIDEO)
    assert await bucket.store.read(KEY, 0, MIB) is None
    with pytest.raises(PermanentError):
        await bucket.store.read("../outside", 0, MIB)


async def test_it_knows_its_bucket(bucket: Bucket) -> None:
    assert bucket.store.bucket == bucket.elsewhere.bucket != ""


async def test_an_object_appears_whole_with_its_commit(bucket: Bucket) -> None:
    upload = await write(bucket.store, KEY, b"a" * MIB, b"", b"b" * 3)

    assert await bucket.elsewhere.head(OTHER) is None
    assert await bucket.store.get(KEY) is None
    await upload.commit()

    assert await bucket.elsewhere.head(KEY) == ObjectHead(MIB + 3)
    assert await bucket.elsewhere.get(KEY) == b"a" * MIB + b"b" * 3


async def test_an_object_may_be_empty(store: ObjectStore) -> None:
    await (await write(store, KEY)).commit()

    assert await store.head(KEY) == ObjectHead(0)
    assert await store.get(KEY) == b""


async def test_a_commit_takes_the_place_of_an_older_object(store: ObjectStore) -> None:
    await store.put(KEY, b"the older and longer one", VIDEO)
    upload = await write(store, KEY, b"new")

    assert await store.get(KEY) == b"the older and longer one"
    await upload.commit()

    assert await store.get(KEY) == b"new"


async def test_an_aborted_upload_leaves_nothing(store: ObjectStore) -> None:
    upload = await write(store, KEY, b"half")
    await upload.abort()
    await upload.abort()

    assert await store.head(KEY) is None
    assert await store.sweep() == 0


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 5])
@pytest.mark.parametrize("chunk", [MIB + 7, 3 * PART + 5])
async def test_bytes_come_out_as_they_went_in_whatever_their_number(bucket: Bucket, size: int, chunk: int) -> None:
    body = random.Random(size).randbytes(size)
    chunks = [body[at : at + chunk] for at in range(0, size, chunk)]

    await (await write(bucket.store, KEY, *chunks)).commit()

    assert await bucket.elsewhere.head(KEY) == ObjectHead(size)
    assert await bucket.elsewhere.get(KEY) == body
    assert bucket.unfinished() == 0


@pytest.mark.parametrize("bucket", KEEPERS, indirect=True, ids=lambda maker: maker.__name__)
async def test_metadata_that_is_known_at_the_end_only_stays_with_a_small_object(bucket: Bucket) -> None:
    upload = await write(bucket.store, KEY, b"small")
    await upload.commit({"sha256": "ab12"})
    assert bucket.kept_of is not None
    assert bucket.kept_of(KEY)[1] == {"file_unique_id": "u1", "sha256": "ab12"}


async def test_metadata_that_comes_too_late_does_no_harm(store: ObjectStore) -> None:
    upload = await write(store, KEY, b"x" * (PART + 1))
    await upload.commit({"sha256": "ab12"})
    assert await store.head(KEY) == ObjectHead(PART + 1)


@pytest.mark.parametrize("bucket", KEEPERS, indirect=True, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("size", [3, PART + 1])
async def test_content_type_and_metadata_stay_with_the_object(bucket: Bucket, size: int) -> None:
    told = {"file_unique_id": "AgADx_-9", "chat_title": "Zoë’s  50 % \n✓", "message_id": "7"}
    upload = await bucket.store.begin(KEY, VIDEO, told)
    await upload.write(b"x" * size)
    await upload.commit()
    await bucket.store.put(OTHER, b"{}", "application/json; charset=utf-8")

    assert bucket.kept_of is not None
    assert bucket.kept_of(KEY) == (VIDEO, told)
    assert bucket.kept_of(OTHER) == ("application/json; charset=utf-8", {})


async def test_a_large_upload_that_is_aborted_leaves_nothing(bucket: Bucket) -> None:
    upload = await write(bucket.store, KEY, *[b"x" * MIB] * 12)
    assert bucket.unfinished() == 1
    await upload.abort()

    assert bucket.unfinished() == 0
    assert await bucket.store.head(KEY) is None


async def test_an_upload_that_is_cancelled_anywhere_is_whole_or_leaves_nothing(bucket: Bucket) -> None:
    async def transfer(key: str) -> None:
        upload = await bucket.store.begin(key, VIDEO, {})
        try:
            for _ in range(12):
                await upload.write(b"x" * MIB)
            await upload.commit()
        finally:
            await upload.abort()

    for number in range(12):
        task = asyncio.create_task(transfer(f"teltubby/cancelled/{number}"))
        await asyncio.wait([task], timeout=0.02 * number)
        task.cancel()
        await asyncio.wait([task])

        head = await bucket.store.head(f"teltubby/cancelled/{number}")
        assert head in {None, ObjectHead(12 * MIB)}
        assert bucket.unfinished() == 0


async def test_an_abort_after_the_commit_changes_nothing(store: ObjectStore) -> None:
    upload = await write(store, KEY, b"whole")
    await upload.commit()
    await upload.abort()

    assert await store.get(KEY) == b"whole"


@pytest.mark.parametrize("end", ["commit", "abort"])
async def test_an_upload_that_is_over_takes_nothing_more(store: ObjectStore, end: str) -> None:
    upload = await write(store, KEY, b"whole")
    await getattr(upload, end)()

    with pytest.raises(PermanentError):
        await upload.write(b"late")
    with pytest.raises(PermanentError):
        await upload.commit()


async def test_of_two_writers_on_one_key_the_later_commit_stays_whole(bucket: Bucket) -> None:
    first = await write(bucket.store, KEY, b"1" * MIB)
    second = await write(bucket.elsewhere, KEY, b"2")
    await first.write(b"1")
    await second.commit()
    assert await bucket.store.get(KEY) == b"2"

    await first.commit()

    assert await bucket.elsewhere.get(KEY) == b"1" * (MIB + 1)
    assert await bucket.store.sweep() == 0


async def test_a_sweep_removes_dead_parts_and_never_a_live_one(bucket: Bucket) -> None:
    await write(bucket.store, OTHER, b"half")
    bucket.kill_writers()
    live = await write(bucket.store, KEY, *[b"1" * MIB] * 12)

    assert await bucket.elsewhere.sweep() == 1
    assert await bucket.store.sweep() == 0

    await live.write(b"2")
    await live.commit()
    assert await bucket.elsewhere.get(KEY) == b"1" * 12 * MIB + b"2"
    assert await bucket.elsewhere.head(OTHER) is None


async def test_a_sweep_of_an_unused_bucket_finds_nothing(store: ObjectStore) -> None:
    assert await store.sweep() == 0


async def test_put_replaces(store: ObjectStore) -> None:
    await store.put(KEY, b"one", "application/json")
    await store.put(KEY, b"2", "application/json")

    assert await store.get(KEY) == b"2"


async def test_put_if_absent_leaves_an_object_alone(bucket: Bucket) -> None:
    assert await bucket.store.put_if_absent(KEY, b"first", VIDEO)
    assert not await bucket.elsewhere.put_if_absent(KEY, b"second", VIDEO)

    assert await bucket.store.get(KEY) == b"first"


async def test_of_sixteen_put_if_absent_at_once_one_wins(bucket: Bucket) -> None:
    stores = [bucket.store, bucket.elsewhere] * 8
    bodies = [f"body {number}".encode() * 1000 for number in range(16)]

    won = await asyncio.gather(
        *(store.put_if_absent(KEY, body, VIDEO) for store, body in zip(stores, bodies, strict=True))
    )

    assert won.count(True) == 1
    assert await bucket.store.get(KEY) == bodies[won.index(True)]
    assert await bucket.store.sweep() == 0


async def test_what_is_not_there_is_none(store: ObjectStore) -> None:
    await store.put(KEY, b"x", VIDEO)

    for missing in (OTHER, "teltubby", KEY.rpartition("/")[0], "bucket.json"):
        assert await store.head(missing) is None
        assert await store.get(missing) is None


async def test_delete_removes_and_may_be_repeated(bucket: Bucket) -> None:
    await bucket.store.put(KEY, b"x", VIDEO)
    await bucket.store.put(OTHER, b"y", VIDEO)

    await bucket.store.delete(KEY)
    await bucket.elsewhere.delete(KEY)

    assert await bucket.elsewhere.head(KEY) is None
    assert await bucket.store.get(OTHER) == b"y"


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/./b", ".parts/a", "a/.hidden", "a\0b", "a\nb", "x" * 513],
)
async def test_a_key_that_breaks_the_rules_is_refused_by_every_verb(store: ObjectStore, key: str) -> None:
    await store.put("kept", b"x", VIDEO)
    verbs: list[Callable[[], object]] = [
        lambda: store.begin(key, VIDEO, {}),
        lambda: store.put(key, b"x", VIDEO),
        lambda: store.put_if_absent(key, b"x", VIDEO),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
    ]
    for verb in verbs:
        with pytest.raises(PermanentError, match="not a valid object key"):
            await verb()  # type: ignore[misc]  # each returns a coroutine of another type
    assert await store.sweep() == 0


async def test_uploads_side_by_side_do_not_mix(store: ObjectStore) -> None:
    async def upload(number: int) -> None:
        one = await write(store, f"many/{number}", *[bytes([number]) * 10_000] * 10)
        await one.commit()

    await asyncio.gather(*(upload(number) for number in range(20)))

    for number in range(20):
        assert await store.get(f"many/{number}") == bytes([number]) * 100_000
