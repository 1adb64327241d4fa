"""One bucket as its server shows it, seen through boto3 alone: what a store under test left there."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config

from testbed.minio import S3Address
from testbed.processes import wait_for

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

REGION = "us-east-1"


@dataclass(frozen=True)
class SeenObject:
    """An object, without its bytes."""

    content_type: str
    metadata: dict[str, str]
    size_bytes: int
    etag: str


@dataclass
class SeenBucket:
    """A bucket with a name that nobody else uses. It need not exist; whoever makes it, ``remove`` removes it."""

    address: S3Address
    client: "S3Client"
    """With the server's own credentials."""
    name: str = field(default_factory=lambda: f"test-{secrets.token_hex(8)}")

    def make(self) -> Self:
        """Make it."""
        self.client.create_bucket(Bucket=self.name)
        return self

    def exists(self) -> bool:
        """Whether somebody made it."""
        return any(bucket["Name"] == self.name for bucket in self.client.list_buckets()["Buckets"])

    def keys(self) -> list[str]:
        """Return the keys of its objects, up to a thousand."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def look_at(self, key: str) -> SeenObject:
        """Return what the server keeps beside the object's bytes."""
        head = self.client.head_object(Bucket=self.name, Key=key)
        return SeenObject(head["ContentType"], head["Metadata"], head["ContentLength"], head["ETag"].strip('"'))

    def body(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def unfinished(self) -> list[str]:
        """Return the keys of the multipart uploads that were begun since the server's start and not ended."""
        # without a prefix: MinIO takes one for the whole key of an object
        return [entry["Key"] for entry in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def begin_orphan(self, key: str, age: timedelta = timedelta()) -> None:
        """Begin an upload that nobody goes on with, and wait until it is of that age."""
        self.client.create_multipart_upload(Bucket=self.name, Key=key)
        born = datetime.now(UTC)
        wait_for(lambda: datetime.now(UTC) - born >= age, age.total_seconds() + 5, "the orphan's age")

    def remove(self) -> None:
        """Remove it with all that is in it."""
        if self.exists():
            for entry in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []):
                self.client.abort_multipart_upload(Bucket=self.name, Key=entry["Key"], UploadId=entry["UploadId"])
            while keys := self.keys():
                self.client.delete_objects(Bucket=self.name, Delete={"Objects": [{"Key": key} for key in keys]})
            self.client.delete_bucket(Bucket=self.name)


@contextmanager
def server_client(address: S3Address) -> Iterator["S3Client"]:
    """Give a client of boto3 with the server's own credentials; to make one takes a quarter of a second."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=address.endpoint,
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        region_name=REGION,
        verify=str(address.ca_file) if address.ca_file else None,
        config=Config(connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}),
    )
    try:
        yield client
    finally:
        client.close()
