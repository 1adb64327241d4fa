"""The bucket itself: found, or made when it may be, and tried out."""

import asyncio
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from teltubby_core.adapters.s3.calls import Calls
from teltubby_core.adapters.s3.errors import code_of
from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.domain.keys import ROOT
from teltubby_core.errors import StorageUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

_TRIED_KEY = f"{ROOT}/.check"  # no part of an archive's keys starts with a dot
_REGION_WITHOUT_NAME = "us-east-1"
"""The only one that CreateBucket does not want named (Amazon S3 API Reference, CreateBucketConfiguration)."""


class Bucket:
    """Is there before anything is asked of it.

    That is made sure of once. A bucket that goes away later is not made anew: it would pass for an archive in which
    every object is missing.
    """

    def __init__(self, calls: Calls, options: S3Options) -> None:
        """Ask nothing yet."""
        self._calls = calls
        self._options = options
        self._looking: asyncio.Task[None] | None = None
        self._found = False

    async def ensure(self) -> None:
        """Find the bucket, or make it: private, as S3 makes them. Any number may do so at once.

        Raises:
            StorageUnavailableError: it is not there and S3_CREATE_BUCKET is false, or we may not.
        """
        if self._found:
            return
        if self._looking is None:
            self._looking = asyncio.create_task(self._calls.run(self._find_or_make), name="look for the bucket")
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)  # whoever comes meanwhile shares the answer, and its wait

    def _looked(self, looking: "asyncio.Task[None]") -> None:
        self._looking = None
        self._found = not looking.cancelled() and looking.exception() is None

    async def check(self, *, write: bool) -> None:
        """Look for an object that is never there, which takes the rights to list and to get.

        With ``write``, also begin an upload and abort it, which leaves nothing.
        """
        await self._calls.run(self._try_reading)
        if write:
            await self._calls.run(self._try_writing)

    # In threads:

    def _find_or_make(self, client: "S3Client") -> None:
        try:
            # not HeadBucket: the answer to a HEAD can't say why
            client.list_objects_v2(Bucket=self._options.bucket, Prefix=f"{ROOT}/", MaxKeys=1)
        except ClientError as error:
            if code_of(error) != "NoSuchBucket":
                raise
            if not self._options.create_bucket:
                where = f"there is no bucket {self._options.bucket} at {self._options.place}"
                raise StorageUnavailableError(
                    f"{where}: make it, correct S3_BUCKET, or set S3_CREATE_BUCKET=true"
                ) from error
            self._make(client)

    def _make(self, client: "S3Client") -> None:
        region = self._options.region
        place: CreateBucketConfigurationTypeDef = {"LocationConstraint": region}  # type: ignore[typeddict-item]  # any
        try:
            if region == _REGION_WITHOUT_NAME:
                client.create_bucket(Bucket=self._options.bucket)
            else:
                client.create_bucket(Bucket=self._options.bucket, CreateBucketConfiguration=place)
        except ClientError as error:
            if code_of(error) != "BucketAlreadyOwnedByYou":  # another process was faster
                raise

    def _try_reading(self, client: "S3Client") -> None:
        try:
            client.get_object(Bucket=self._options.bucket, Key=_TRIED_KEY)["Body"].close()
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise

    def _try_writing(self, client: "S3Client") -> None:
        begun = client.create_multipart_upload(Bucket=self._options.bucket, Key=_TRIED_KEY)
        client.abort_multipart_upload(Bucket=self._options.bucket, Key=_TRIED_KEY, UploadId=begun["UploadId"])
