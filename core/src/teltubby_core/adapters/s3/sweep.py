"""Multipart uploads whose writers died: S3 keeps their parts, and asks money for them, until somebody aborts them."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from teltubby_core.adapters.s3.errors import code_of
from teltubby_core.domain.keys import ROOT

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import (
        ListMultipartUploadsOutputTypeDef,
        MultipartUploadTypeDef,
        ResponseMetadataTypeDef,
    )

log = logging.getLogger(__name__)

_MOST_PAGES = 1000


def sweep(client: "S3Client", bucket: str, older_than: timedelta) -> int:
    """Abort our uploads that were begun more than ``older_than`` ago, and return how many; may be repeated.

    Nothing tells whether the writer of an upload lives: ``older_than`` must exceed the longest transfer.
    """
    swept = 0
    for page in _pages(client, bucket):
        horizon = time_there(page["ResponseMetadata"]) - older_than
        for upload in page.get("Uploads", []):
            if upload["Key"].startswith(f"{ROOT}/") and upload["Initiated"] < horizon:
                swept += _abort(client, bucket, upload)
    return swept


def clear(client: "S3Client", bucket: str, key: str, before: datetime) -> None:
    """Abort the uploads of just this key that were begun ``before``: the object is there, they died or are too late.

    Younger ones may be a live attempt's, and are left alone; so is what does not fit on one page.
    """
    page = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
    for upload in page.get("Uploads", []):
        if upload["Key"] == key and upload["Initiated"] < before:
            _abort(client, bucket, upload)


def _pages(client: "S3Client", bucket: str) -> Iterator["ListMultipartUploadsOutputTypeDef"]:
    # Without a prefix: MinIO takes one for the whole key of an object.
    key, upload_id = "", ""
    for _ in range(_MOST_PAGES):
        page = client.list_multipart_uploads(Bucket=bucket, KeyMarker=key, UploadIdMarker=upload_id)
        yield page
        if not page.get("IsTruncated"):
            return
        key, upload_id = page["NextKeyMarker"], page["NextUploadIdMarker"]
    log.warning("bucket %s has more unfinished uploads than one sweep looks at", bucket)


def time_there(answer: "ResponseMetadataTypeDef") -> datetime:
    """Return the server's own time: a clock of ours that is wrong must not cost anybody's live upload."""
    told = answer["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(told).replace(tzinfo=UTC)  # RFC 9110, 5.6.7: always GMT
    except ValueError:
        return datetime.now(UTC)


def _abort(client: "S3Client", bucket: str, upload: "MultipartUploadTypeDef") -> bool:
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise
        return False  # its writer, or another sweep, was faster
    return True
