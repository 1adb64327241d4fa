"""What attempts that died left of an object is gone once a later one has stored it."""

import asyncio
from datetime import timedelta

import pytest

from teltubby_core.adapters.s3 import S3Store
from testbed.buckets import SeenBucket
from testbed.minio_admin import add_user
from testbed.stores import PART, s3_options

KEY = "teltubby/2025/03/mtproto/7/clip.mp4"
OLDER = timedelta(seconds=1.5)  # the server's clock is told in whole seconds
RIGHTS = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]


async def test_a_commit_aborts_older_uploads_of_its_key_and_no_others(seen_bucket: SeenBucket):
    seen_bucket.make()
    seen_bucket.begin_orphan(KEY)
    seen_bucket.begin_orphan(f"{KEY}.longer", OLDER)
    async with S3Store(s3_options(seen_bucket)) as store:
        upload = await store.begin(KEY, "video/mp4", {})
        await upload.write(bytes(PART + 1))
        assert sorted(seen_bucket.unfinished()) == [KEY, KEY, f"{KEY}.longer"]
        seen_bucket.begin_orphan(KEY)  # maybe another worker's, which lives
        await upload.commit()

    assert sorted(seen_bucket.unfinished()) == [KEY, f"{KEY}.longer"]
    assert seen_bucket.look_at(KEY).size_bytes == PART + 1


async def test_a_commit_that_may_not_look_for_them_is_a_commit(
    seen_bucket: SeenBucket, caplog: pytest.LogCaptureFixture
):
    seen_bucket.make()
    seen_bucket.begin_orphan(KEY, OLDER)
    limited = await asyncio.to_thread(add_user, seen_bucket.address, RIGHTS)
    own = SeenBucket(limited, seen_bucket.client, seen_bucket.name)
    async with S3Store(s3_options(own)) as store:
        upload = await store.begin(KEY, "video/mp4", {})
        await upload.write(bytes(PART + 1))
        await upload.commit()

    assert seen_bucket.look_at(KEY).size_bytes == PART + 1
    assert "stays for the sweep: AccessDenied" in caplog.text
    assert seen_bucket.unfinished() == [KEY]
