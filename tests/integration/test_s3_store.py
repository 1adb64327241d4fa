"""The store on a real server: what S3 adds to the contract of object stores."""

import asyncio
import hashlib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from teltubby_core.adapters.s3 import S3Store
from teltubby_core.adapters.s3.store import MAX_DOCUMENT
from teltubby_core.errors import PermanentError, StorageFullError, StorageUnavailableError
from teltubby_core.ports import ObjectStore
from testbed.buckets import SeenBucket, server_client
from testbed.certificates import make_certificate
from testbed.fixtures import unavailable
from testbed.minio import Minio, S3Address
from testbed.minio_admin import add_user, set_quota
from testbed.processes import TestbedError
from testbed.stores import PART, s3_options

KEY = "teltubby/2025/03/ada/7/clip.mp4"
VIDEO = "video/mp4"
MIB = 1024 * 1024


@pytest.fixture
async def store(seen_bucket: SeenBucket) -> AsyncIterator[S3Store]:
    async with S3Store(s3_options(seen_bucket)) as store:
        yield store


async def upload(store: ObjectStore, key: str, body: bytes) -> None:
    one = await store.begin(key, VIDEO, {})
    try:
        for at in range(0, len(body), MIB):
            await one.write(body[at : at + MIB])
        await one.commit()
    finally:
        await one.abort()


async def test_what_fits_into_a_part_is_one_put_and_more_is_a_multipart_upload(store: S3Store, seen_bucket: SeenBucket):
    await upload(store, "small", b"x" * PART)
    await upload(store, "large", b"x" * (PART + 1))

    # the ETag of a multipart upload ends with the number of its parts
    assert seen_bucket.look_at("small").etag == hashlib.md5(b"x" * PART).hexdigest()
    assert seen_bucket.look_at("large").etag.endswith("-2")


async def test_objects_are_closed_to_the_public(store: S3Store, seen_bucket: SeenBucket):
    await upload(store, KEY, b"private")

    for path in (seen_bucket.name, f"{seen_bucket.name}/{KEY}"):
        assert status_of(f"{seen_bucket.address.endpoint}/{path}") == 403


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


async def test_a_content_type_that_is_none_is_replaced(store: S3Store, seen_bucket: SeenBucket):
    for number, kind in enumerate(("", "video", "x\r\nx-amz-acl: public-read", "vidéo/mp4")):
        await store.put(f"{number}", b"x", kind)
        assert seen_bucket.look_at(f"{number}").content_type == "application/octet-stream"


async def test_a_document_over_its_limit_is_not_read(store: S3Store):
    await upload(store, "most", b"x" * MAX_DOCUMENT)
    await upload(store, "more", b"x" * (MAX_DOCUMENT + 1))

    assert await store.get("most") == b"x" * MAX_DOCUMENT
    with pytest.raises(PermanentError, match="more is larger than"):
        await store.get("more")


async def test_the_bucket_is_made_once_by_any_number_at_once(seen_bucket: SeenBucket):
    stores = [S3Store(s3_options(seen_bucket)) for _ in range(8)]
    try:
        await asyncio.gather(*(store.ensure_bucket() for store in stores))
        await asyncio.gather(*(store.put(f"{n}", b"x", VIDEO) for n, store in enumerate(stores)))
    finally:
        await asyncio.gather(*(store.close() for store in stores))

    assert len(seen_bucket.keys()) == 8


async def test_a_bucket_that_went_away_is_not_made_anew(store: S3Store, seen_bucket: SeenBucket):
    await store.put(KEY, b"x", VIDEO)
    seen_bucket.remove()

    with pytest.raises(StorageUnavailableError, match="there is no bucket"):
        await store.put(KEY, b"x", VIDEO)
    for look in (store.get(KEY), store.head(KEY)):  # None would mean that nothing but this object is lost
        with pytest.raises(StorageUnavailableError, match="there is no bucket"):
            await look
    assert not seen_bucket.exists()


async def test_opening_asks_no_server(seen_bucket: SeenBucket):
    async with S3Store(s3_options(seen_bucket, endpoint="http://127.0.0.1:9")) as store:
        assert store.bucket == seen_bucket.name


async def test_a_closed_store_says_so(seen_bucket: SeenBucket):
    store = S3Store(s3_options(seen_bucket))
    await store.ensure_bucket()
    await store.close()

    with pytest.raises(StorageUnavailableError, match="was closed"):
        await store.put(KEY, b"x", VIDEO)


async def test_a_check_leaves_nothing(store: S3Store, seen_bucket: SeenBucket):
    await store.check()
    await store.check(write=True)

    assert seen_bucket.keys() == []
    assert seen_bucket.unfinished() == []


async def test_a_sweep_leaves_what_is_young_or_not_ours(store: S3Store, seen_bucket: SeenBucket):
    await store.ensure_bucket()
    seen_bucket.begin_orphan(KEY)
    seen_bucket.begin_orphan("others/clip.mp4", timedelta(seconds=2))

    assert await store.sweep() == 0
    async with S3Store(s3_options(seen_bucket), orphan_age=timedelta(seconds=-1)) as impatient:
        assert await impatient.sweep() == 1
    assert seen_bucket.unfinished() == ["others/clip.mp4"]


async def test_the_quota_is_the_one_that_the_server_enforces(own_bucket: SeenBucket):
    async with S3Store(s3_options(own_bucket)) as store:
        assert await store.quota_bytes() is None
        set_quota(own_bucket.address, own_bucket.name, MIB)

        assert await store.quota_bytes() == MIB
        with pytest.raises(StorageFullError, match="XMinioAdminBucketQuotaExceeded"):
            await upload(store, KEY, b"x" * 2 * MIB)
        assert own_bucket.keys() == []


async def test_a_user_who_may_not_see_the_quota_has_none(own_bucket: SeenBucket):
    own_bucket.make()
    user = add_user(own_bucket.address, ["s3:*"])

    async with S3Store(s3_options(SeenBucket(user, own_bucket.client, own_bucket.name))) as store:
        await store.check(write=True)
        assert await store.quota_bytes() is None


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_tls_with_an_authority_of_ones_own(tmp_path: Path):
    certificate = make_certificate(tmp_path)
    server = Minio(tmp_path, certificate=certificate)
    try:
        server.start()
    except TestbedError as error:
        unavailable(error)
    try:
        with server_client(server.address) as client:
            await speak_tls(SeenBucket(server.address, client))
    finally:
        server.stop()


async def speak_tls(seen: SeenBucket) -> None:
    for trust in ({}, {"ca_file": None, "verify_tls": False}):
        async with S3Store(s3_options(seen, **trust)) as store:
            await upload(store, KEY, b"x" * (PART + 1))
            assert await store.head(KEY)
            assert await store.quota_bytes() is None
            await store.delete(KEY)
    async with S3Store(s3_options(seen, ca_file=None)) as store:
        with pytest.raises(StorageUnavailableError, match="S3_CA_FILE"):
            await store.check()
        with pytest.raises(StorageUnavailableError, match="S3_CA_FILE"):
            await store.quota_bytes()
    plain = S3Address(seen.address.endpoint.replace("https", "http"), "tester", "whatever")
    async with S3Store(s3_options(SeenBucket(plain, seen.client))) as store:
        with pytest.raises(StorageUnavailableError, match="S3_ENDPOINT"):
            await store.check()
