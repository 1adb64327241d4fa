"""An archive in a bucket, looked at with plain boto3: none of the product's own code."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from teltubby_core.errors import StorageUnavailableError
from teltubby_core.settings import S3Settings

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_BLOCK = 1024 * 1024
_SECONDS = 20  # that the server may be silent


class Bucket:
    """The bucket ``name`` on the server of ``settings``."""

    def __init__(self, settings: S3Settings, name: str) -> None:
        self._name = name
        self._client = _client(settings)

    @property
    def title(self) -> str:
        """The bucket's name."""
        return f"bucket {self._name}/"

    def sizes(self) -> dict[str, int]:
        """See Objects. A bucket that was not made yet holds nothing."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name)
        try:
            return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}
        except self._client.exceptions.NoSuchBucket:
            return {}

    def blocks(self, key: str) -> Iterator[bytes]:
        """See Objects."""
        body = self._client.get_object(Bucket=self._name, Key=key)["Body"]
        try:
            yield from body.iter_chunks(_BLOCK)
        finally:
            body.close()

    def remove(self) -> None:
        """Remove everything in it, and the bucket; none of it need be there.

        Raises:
            StorageUnavailableError: something stays.
        """
        try:
            for key in self.sizes():
                self._client.delete_object(Bucket=self._name, Key=key)
            self._client.delete_bucket(Bucket=self._name)
        except self._client.exceptions.NoSuchBucket:
            return
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailableError(f"bucket {self._name} could not be removed: {error}") from error


def _client(settings: S3Settings) -> "S3Client":
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    authority = str(settings.s3_ca_file) if settings.s3_ca_file else None
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        verify=(authority or True) if settings.s3_verify_tls else False,
        config=Config(
            connect_timeout=_SECONDS,
            read_timeout=_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path" if settings.s3_force_path_style else "virtual"},
        ),
    )
