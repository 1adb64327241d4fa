"""Stores of the product on servers of the test-bed: the one module here that knows the product's options."""

from dataclasses import replace
from typing import Any

from teltubby_core.adapters.s3 import S3Options
from testbed.buckets import REGION, SeenBucket

PART = 5 * 1024 * 1024
"""The smallest that S3 takes, so that a few MiB are several parts."""


def s3_options(seen: SeenBucket, **changed: Any) -> S3Options:
    """Return how a store of ours reaches that bucket, with as few bytes in a part as may be."""
    address = seen.address
    options = S3Options(
        bucket=seen.name,
        endpoint=address.endpoint,
        region=REGION,
        access_key_id=address.access_key_id,
        secret_access_key=address.secret_access_key,
        ca_file=address.ca_file,
        part_size=PART,
        io_timeout=20,
    )
    return replace(options, **changed)
