"""Each error of boto3 and of S3's servers means something for an archive."""

import inspect
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from teltubby_core.adapters.s3 import S3Options
from teltubby_core.adapters.s3.errors import CODES, EXCEPTIONS, STATUSES, meaning_of, ours
from teltubby_core.errors import (
    InfrastructureError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransientError,
)

OPTIONS = S3Options(bucket="media", endpoint="http://minio:9000", access_key_id="key", secret_access_key="s3cret")
ROOTS = {boto.BotoCoreError, boto.ClientError, Exception}
CLASSES = [
    kind
    for kind in vars(boto).values()
    if inspect.isclass(kind)
    and issubclass(kind, Exception)
    and not issubclass(kind, Warning)
    and kind.__module__ == boto.__name__
    and kind is not boto.BotoCoreError
]
OURS = {"put_object", "upload_part", "complete_multipart_upload", "create_multipart_upload", "abort_multipart_upload"}
OURS |= {"get_object", "head_object", "delete_object", "head_bucket", "create_bucket", "list_objects_v2"}
OURS |= {"list_multipart_uploads"}
HANDLED = {"NoSuchKey", "NotFound", "BucketAlreadyOwnedByYou"}
"""Answers, not errors: see store.py and bucket.py."""
NEVER_ASKED_FOR = {"EncryptionTypeMismatch", "InvalidRequest", "InvalidWriteOffset", "TooManyParts"}
"""Of keys of one's own, and of append."""


def client_error(code: str, status: int, message: str = "why") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_botocore_has_a_meaning_of_its_own_or_of_its_family(kind: type[Exception]):
    # By the table itself, or by a base that is more than the root of all: a new class of botocore fails here.
    family = [base for base in kind.__mro__ if base in EXCEPTIONS and base not in ROOTS]

    assert issubclass(kind, ClientError) or family


def test_every_error_that_boto3_knows_of_our_calls_has_a_meaning():
    client = boto3.session.Session().client("s3", region_name="us-east-1")
    names = client.meta.method_to_api_mapping
    model = client.meta.service_model
    told = {shape.name for call in OURS for shape in model.operation_model(names[call]).error_shapes}
    client.close()

    assert told - set(CODES) - HANDLED - NEVER_ASKED_FOR == set()


@pytest.mark.parametrize("error", [*(kind.__new__(kind) for kind in EXCEPTIONS), boto.BotoCoreError()], ids=repr)
def test_every_exception_becomes_one_of_ours(error: Exception):
    told = ours(error, meaning_of(error), OPTIONS)

    assert isinstance(told, TeltubbyError)
    assert not isinstance(told, StorageFullError)
    assert "{" not in str(told)
    assert "s3cret" not in str(told)


@pytest.mark.parametrize("code", [*CODES, "Unheard"])
def test_every_code_becomes_one_of_ours_and_is_told(code: str):
    error = client_error(code, 400)
    told = ours(error, meaning_of(error), OPTIONS)

    assert f"({code}: why)" in str(told)
    assert "{" not in str(told)


@pytest.mark.parametrize(
    ("code", "status", "kind", "named"),
    [
        ("InvalidAccessKeyId", 403, StorageUnavailableError, "S3_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", 403, StorageUnavailableError, "S3_SECRET_ACCESS_KEY"),
        ("AccessDenied", 403, StorageUnavailableError, "list the bucket"),
        ("NoSuchBucket", 404, StorageUnavailableError, "S3_BUCKET"),
        ("PermanentRedirect", 301, StorageUnavailableError, "S3_REGION"),
        ("RequestTimeTooSkewed", 403, StorageUnavailableError, "clocks"),
        ("XMinioAdminBucketQuotaExceeded", 400, StorageFullError, "free some"),
        ("XMinioStorageFull", 507, StorageFullError, "free some"),
        ("SlowDown", 503, TransientError, "busy"),
        ("BadDigest", 400, TransientError, "bytes changed"),
        ("InternalError", 500, StorageUnavailableError, "out of order"),
        ("NoSuchUpload", 404, TransientError, "no longer has"),
        ("403", 403, StorageUnavailableError, "S3_ACCESS_KEY_ID"),
        ("404", 404, StorageUnavailableError, "S3_BUCKET"),
        ("507", 507, StorageFullError, "free some"),
        ("503", 503, TransientError, "busy"),
        ("599", 599, StorageUnavailableError, "out of order"),
        ("Teapot", 418, InfrastructureError, "please report"),
    ],
)
def test_the_code_decides_and_without_a_known_one_the_status(code: str, status: int, kind: type, named: str):
    error = client_error(code, status)
    told = ours(error, meaning_of(error), OPTIONS)

    assert type(told) is kind
    assert named in str(told)


def test_statuses_are_those_of_errors():
    assert all(300 <= status < 600 for status in STATUSES)


def test_the_systems_own_words_are_told_and_no_address_of_an_object():
    address = "http://minio:9000/media/teltubby/2025/03/ada/7/clip.mp4"
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as cause:
            raise boto.EndpointConnectionError(endpoint_url=address, error=cause)  # noqa: B904  # as botocore does
    except boto.EndpointConnectionError as error:
        told = str(ours(error, meaning_of(error), OPTIONS))

    assert "(Connection refused)" in told
    assert "clip.mp4" not in told


def test_a_servers_words_are_cut_and_printable():
    error = client_error("Strange", 400, "a\nb\x1b[31m" + "x" * 1000)
    told = str(ours(error, meaning_of(error), OPTIONS))

    assert told.isprintable()
    assert len(told) < 400


def test_a_socket_that_times_out_is_silence():
    assert meaning_of(TimeoutError("timed out")) == meaning_of(boto.ReadTimeoutError(endpoint_url="x"))
