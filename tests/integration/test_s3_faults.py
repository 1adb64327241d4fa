"""A real server that stops, dies or refuses, and a way to it that loses and changes things."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support import eventually, mount_namespace
from teltubby_core.adapters.s3 import S3Store
from teltubby_core.adapters.s3.upload import S3Upload
from teltubby_core.errors import (
    ConfigurationError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransientError,
)
from testbed.buckets import SeenBucket, server_client
from testbed.fixtures import unavailable
from testbed.minio import Minio
from testbed.minio_admin import add_user
from testbed.processes import TestbedError
from testbed.proxy import Proxy, Trouble, proxy_before
from testbed.stores import PART, s3_options

KEY = "teltubby/2025/03/ada/7/clip.mp4"
VIDEO = "video/mp4"
MIB = 1024 * 1024
SILENCE = 2.0  # seconds that a server may be silent in these tests
ANY_AGE = timedelta(seconds=-1)  # sweeps also what was begun in this very second


@pytest.fixture
async def proxy(seen_bucket: SeenBucket) -> AsyncIterator[Proxy]:
    async with proxy_before(seen_bucket.address.endpoint) as proxy:
        yield proxy


@pytest.fixture
async def store(seen_bucket: SeenBucket, proxy: Proxy) -> AsyncIterator[S3Store]:
    """A store behind the proxy."""
    async with S3Store(s3_options(seen_bucket, endpoint=proxy.endpoint, io_timeout=SILENCE)) as store:
        await store.ensure_bucket()
        yield store


def refusal(status: int, code: str) -> bytes:
    """An answer as S3 gives it."""
    body = f"<Error><Code>{code}</Code></Error>"
    return f"HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def begun(store: S3Store, size: int = 4 * PART) -> S3Upload:
    """An upload with some parts on their way."""
    upload = await store.begin(KEY, VIDEO, {})
    for _ in range(0, size, MIB):
        await upload.write(b"x" * MIB)
    return upload


async def go_on(upload: S3Upload, mebibytes: int = 20) -> None:
    for _ in range(mebibytes):
        await upload.write(b"y" * MIB)
    await upload.commit()


# The server itself


async def test_a_server_that_falls_silent_in_mid_part_costs_the_upload_and_no_more(
    own_minio: Minio, own_bucket: SeenBucket
):
    async with S3Store(s3_options(own_bucket, io_timeout=SILENCE)) as store:
        upload = await begun(store)
        own_minio.process.pause()
        since = time.monotonic()
        with pytest.raises(StorageUnavailableError, match="does not answer in time"):
            await go_on(upload)
        assert time.monotonic() - since < 4 * SILENCE
        own_minio.process.resume()
        await upload.abort()

        assert own_minio.unfinished() == []
        assert own_bucket.keys() == []
        await (await begun(store)).commit()
        assert own_bucket.keys() == [KEY]


async def test_what_can_not_be_aborted_is_swept_later(
    own_minio: Minio, own_bucket: SeenBucket, caplog: pytest.LogCaptureFixture
):
    async with S3Store(s3_options(own_bucket, io_timeout=SILENCE), orphan_age=ANY_AGE) as store:
        upload = await begun(store)
        own_minio.process.pause()
        since = time.monotonic()
        with caplog.at_level(logging.WARNING):
            await upload.abort()
        assert time.monotonic() - since < 5 * SILENCE
        assert "left to the sweep" in caplog.text
        own_minio.process.resume()
        # requests that lay in its sockets are done first: with luck the abort was among them
        await eventually(lambda: own_bucket.keys() == [])

        await store.sweep()
        await eventually(lambda: own_minio.unfinished() == [])
        assert own_bucket.keys() == []


async def test_a_server_killed_in_mid_part_is_used_again_once_it_is_back(own_minio: Minio, own_bucket: SeenBucket):
    async with S3Store(s3_options(own_bucket, io_timeout=SILENCE)) as store:
        upload = await begun(store)
        own_minio.kill()
        with pytest.raises(StorageUnavailableError, match="S3_ENDPOINT"):
            await go_on(upload)
        own_minio.start()
        assert len(own_minio.unfinished()) == 1
        await upload.abort()

        assert own_minio.unfinished() == []
        assert own_bucket.keys() == []
        await (await begun(store)).commit()
        assert own_bucket.look_at(KEY).size_bytes == 4 * PART


async def test_a_server_that_is_away_at_the_commit_leaves_no_object(own_minio: Minio, own_bucket: SeenBucket):
    async with S3Store(s3_options(own_bucket, io_timeout=SILENCE)) as store:
        small, large = await begun(store, MIB), await begun(store)
        own_minio.kill()
        for upload in (small, large):
            with pytest.raises(StorageUnavailableError):
                await upload.commit()
        own_minio.start()
        await asyncio.gather(small.abort(), large.abort())

        assert own_minio.unfinished() == []
        assert own_bucket.keys() == []


async def test_a_full_disk_is_named_and_leaves_no_object(tmp_path: Path):
    data = tmp_path / "data"
    mount = f'mount -t tmpfs -o size=64m tmpfs "{data}" && exec "$@"'
    server = Minio(tmp_path, wrapper=[*mount_namespace(), "sh", "-c", mount, "sh"])
    try:
        server.start()
    except TestbedError as error:
        unavailable(error)
    try:
        with server_client(server.address) as client:
            seen = SeenBucket(server.address, client)
            async with S3Store(s3_options(seen)) as store:
                upload = await store.begin(KEY, VIDEO, {})
                with pytest.raises(StorageFullError, match="free some"):
                    await go_on(upload, 80)
                await upload.abort()
                assert seen.unfinished() == []
                assert seen.keys() == []
    finally:
        server.stop()


# What is set wrongly


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"access_key_id": "nobody"}, "S3_ACCESS_KEY_ID"),
    "wrong secret": ({"secret_access_key": "not-the-secret"}, "S3_SECRET_ACCESS_KEY"),
    "no such bucket": ({"create_bucket": False}, "S3_CREATE_BUCKET"),
    "no such port": ({"endpoint": "http://127.0.0.1:9"}, "S3_ENDPOINT.*Connection refused"),
    "no such host": ({"endpoint": "http://minio.invalid:9000"}, "S3_ENDPOINT"),
    "https instead of http": ({"endpoint": "https"}, "S3_ENDPOINT"),
    "no host name": ({"endpoint": "http://mini_o:9000"}, "S3_ENDPOINT"),
    "no bucket name": ({"bucket": "a..b"}, "S3_BUCKET"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_setting_is_named_and_no_secret_told(seen_bucket: SeenBucket, case: str):
    changed, named = WRONG[case]
    if changed.get("endpoint") == "https":
        changed = {"endpoint": seen_bucket.address.endpoint.replace("http:", "https:")}
    options = s3_options(seen_bucket, io_timeout=SILENCE, **changed)
    store = S3Store(options)
    try:
        refused = await asyncio.gather(*calls_of(store), return_exceptions=True)
    finally:
        await store.close()
    assert {type(error) for error in refused} <= {StorageUnavailableError, ConfigurationError}
    assert [error for error in refused if not re.search(named, str(error))] == []
    assert (options.secret_access_key or "") not in f"{refused!r}{options!r}"
    assert not seen_bucket.exists()


def calls_of(store: S3Store) -> list[Awaitable[object]]:
    return [
        store.check(),
        store.sweep(),
        store.quota_bytes(),
        store.begin(KEY, VIDEO, {}),
        store.put(KEY, b"x", VIDEO),
        store.put_if_absent(KEY, b"x", VIDEO),
        store.get(KEY),
        store.head(KEY),
        store.delete(KEY),
    ]


async def test_rights_that_are_missing_are_named(own_bucket: SeenBucket):
    own_bucket.make()
    reader = add_user(own_bucket.address, ["s3:ListBucket", "s3:GetObject"])

    async with S3Store(s3_options(replace(own_bucket, address=reader))) as store:
        await store.check()
        upload = await store.begin(KEY, VIDEO, {})
        await upload.write(b"x")
        for verb in (
            lambda: store.check(write=True),
            lambda: store.put(KEY, b"x", VIDEO),
            lambda: store.delete(KEY),
            store.sweep,
            upload.commit,
        ):
            with pytest.raises(StorageUnavailableError, match="S3_ACCESS_KEY_ID may not"):
                await verb()
    assert own_bucket.keys() == []


# The way there


async def test_an_answer_to_the_commit_that_got_lost_is_no_failure(
    store: S3Store, proxy: Proxy, seen_bucket: SeenBucket
):
    upload = await begun(store)
    lost = proxy.expect(Trouble("POST", lose_answer=True))
    await upload.commit()
    await upload.abort()

    assert lost.met == 1
    assert seen_bucket.look_at(KEY).size_bytes == 4 * PART
    assert seen_bucket.unfinished() == []


async def test_a_commit_that_came_too_late_is_no_success_though_an_older_object_is_there(
    store: S3Store, proxy: Proxy, seen_bucket: SeenBucket
):
    await (await begun(store)).commit()
    older = seen_bucket.look_at(KEY)
    upload = await begun(store)
    swept = proxy.expect(Trouble(f"POST /{seen_bucket.name}/{KEY}?uploadId", answer=refusal(404, "NoSuchUpload")))

    with pytest.raises(TransientError, match="no longer has the parts"):
        await upload.commit()
    assert swept.met == 1
    await upload.abort()
    assert seen_bucket.look_at(KEY) == older


async def test_an_upload_that_somebody_swept_is_told_as_that(store: S3Store, seen_bucket: SeenBucket):
    upload = await begun(store)
    async with S3Store(s3_options(seen_bucket), orphan_age=ANY_AGE) as sweeper:
        await sweeper.sweep()

    with pytest.raises(TransientError, match="no longer has the parts"):
        await upload.commit()
    await upload.abort()
    assert seen_bucket.keys() == []


@pytest.mark.parametrize("size", [3, 4 * PART])
async def test_a_lost_answer_to_bytes_has_them_sent_again(
    store: S3Store, proxy: Proxy, seen_bucket: SeenBucket, size: int
):
    lost = proxy.expect(Trouble("PUT", lose_answer=True))
    upload = await store.begin(KEY, VIDEO, {})
    await upload.write(b"x" * size)
    await upload.commit()

    assert lost.met == 1
    assert seen_bucket.body(KEY) == b"x" * size


async def test_who_took_a_key_knows_it_although_the_answer_got_lost(store: S3Store, proxy: Proxy):
    lost = proxy.expect(Trouble("PUT", lose_answer=True))
    assert await store.put_if_absent(KEY, b"ours", VIDEO)
    assert lost.met == 1

    proxy.expect(Trouble("PUT", lose_answer=True))
    assert not await store.put_if_absent(KEY, b"ours", VIDEO)


async def test_two_writers_in_one_conflict_are_told_apart_by_another_try(store: S3Store, proxy: Proxy):
    conflict = proxy.expect(Trouble("PUT", answer=refusal(409, "ConditionalRequestConflict"), times=2))

    assert await store.put_if_absent(KEY, b"ours", VIDEO)
    assert conflict.met == 2


async def test_a_part_whose_connection_breaks_is_sent_again(store: S3Store, proxy: Proxy, seen_bucket: SeenBucket):
    broken = proxy.expect(Trouble("partNumber=2", break_after=PART // 2, times=2))
    await (await begun(store)).commit()

    assert broken.met == 2
    assert seen_bucket.look_at(KEY).size_bytes == 4 * PART


@pytest.mark.parametrize("size", [MIB, 4 * PART])
async def test_bytes_that_changed_on_their_way_never_become_an_object(
    store: S3Store, proxy: Proxy, seen_bucket: SeenBucket, size: int
):
    damaged = proxy.expect(Trouble("PUT", damage=True, times=100))
    upload = await begun(store, size)
    with pytest.raises(TransientError, match="bytes changed"):
        await upload.commit()
    await upload.abort()

    assert damaged.met > 1
    assert seen_bucket.keys() == []
    assert seen_bucket.unfinished() == []


async def test_bytes_that_changed_once_are_sent_again(store: S3Store, proxy: Proxy, seen_bucket: SeenBucket):
    proxy.expect(Trouble("PUT", damage=True))
    await (await begun(store)).commit()

    assert seen_bucket.body(KEY) == b"x" * 4 * PART


async def test_a_failed_part_is_told_by_the_next_write_and_the_upload_stays_failed(store: S3Store, proxy: Proxy):
    proxy.expect(Trouble("partNumber=1", break_after=1, times=100))
    upload = await store.begin(KEY, VIDEO, {})

    async def write_on() -> None:
        while True:
            await upload.write(b"x" * MIB)

    with pytest.raises(StorageUnavailableError):
        await asyncio.wait_for(write_on(), 20)
    for late in (lambda: upload.write(b"x"), upload.commit):
        with pytest.raises(StorageUnavailableError):
            await late()
    await upload.abort()


async def test_an_abort_ends_a_slow_part_at_once_and_leaves_nothing_running(
    store: S3Store, proxy: Proxy, seen_bucket: SeenBucket
):
    upload = await begun(store, 2 * PART)
    proxy.rate = 200 * 1024  # a part would take 25 seconds
    await upload.write(b"x")
    await eventually(lambda: any("partNumber=2" in request for request in proxy.requests))
    assert parts_on_their_way()
    since = time.monotonic()
    await upload.abort()

    assert time.monotonic() - since < 2
    assert parts_on_their_way() == []
    await eventually(lambda: seen_bucket.unfinished() == [])


def parts_on_their_way() -> list["asyncio.Task[Any]"]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("part ")]


async def test_a_cancelled_commit_does_not_wait_for_a_slow_put(store: S3Store, proxy: Proxy, seen_bucket: SeenBucket):
    upload = await begun(store, PART)
    proxy.rate = 200 * 1024
    committing = asyncio.create_task(upload.commit())
    await eventually(lambda: any(request.startswith(f"PUT /{seen_bucket.name}/{KEY}") for request in proxy.requests))
    since = time.monotonic()
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing
    await upload.abort()

    assert time.monotonic() - since < 2
    assert seen_bucket.keys() == []


async def test_a_busy_server_is_asked_again_and_then_told_to_be_busy(store: S3Store, proxy: Proxy):
    busy = refusal(503, "SlowDown")
    proxy.expect(Trouble("GET", answer=busy, times=2))
    assert await store.get(KEY) is None

    often = proxy.expect(Trouble("GET", answer=busy, times=1000))
    with pytest.raises(TransientError, match="busy"):
        await store.get(KEY)
    assert 1 < often.met < 10


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html><p>", b"220 mail ready\r\n"])
async def test_what_does_not_speak_s3_is_named(store: S3Store, proxy: Proxy, answer: bytes):
    proxy.expect(Trouble("uploads", answer=answer, times=1000))
    with pytest.raises(TeltubbyError, match="S3_ENDPOINT"):
        await store.sweep()


# Memory


async def test_a_slow_server_slows_the_writer_instead_of_filling_memory(store: S3Store, proxy: Proxy):
    proxy.rate = 4 * MIB  # a second, each connection
    upload = await store.begin(KEY, VIDEO, {})
    taken = 0

    async def write_on() -> None:
        nonlocal taken
        while True:
            await upload.write(b"x" * MIB)
            taken += MIB
            await asyncio.sleep(0)  # as a source does: the clock must run on if nothing holds the writer back

    writing = asyncio.create_task(write_on())
    await asyncio.wait([writing], timeout=1)
    writing.cancel()
    await asyncio.wait([writing])
    await upload.abort()

    parts_done = 3 * 4 * MIB  # what three connections carry in this second
    assert PART < taken <= 4 * PART + parts_done
