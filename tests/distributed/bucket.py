"""The bucket of a stage, seen by nothing of the product's own code, and its copy in a folder."""

import json
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from testbed.buckets import REGION
from testbed.minio import S3Address

_LOOK_SECONDS = 0.1
"""Between two looks of ``folder``: each holds up the simulator, whose loop asks for them."""
_AWAY = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})


class Bucket:
    """A bucket, which need not exist yet."""

    def __init__(self, address: S3Address, name: str, copy: Path) -> None:
        """``copy``: a folder for what lies in it."""
        self.name = name
        self._copy = copy
        self._seen: dict[str, str] = {}
        self._looked = 0.0
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=address.endpoint,
            aws_access_key_id=address.access_key_id,
            aws_secret_access_key=address.secret_access_key,
            region_name=REGION,
            config=_AWAY,
        )

    def make(self) -> None:
        """Make it."""
        self.client.create_bucket(Bucket=self.name)

    def objects(self) -> dict[str, dict[str, Any]]:
        """Return what the server lists of every object, by key."""
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            return {entry["Key"]: entry for page in pages for entry in page.get("Contents", [])}
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return {}
            raise

    def files(self) -> list[str]:
        """Return the keys of what people sent."""
        return [key for key in self.objects() if not key.endswith(".json")]

    def documents(self, name: str) -> list[dict[str, Any]]:
        """Return the documents with this file name, in order of their keys."""
        keys = sorted(key for key in self.objects() if key.endswith(f"/{name}"))
        return [json.loads(self.client.get_object(Bucket=self.name, Key=key)["Body"].read()) for key in keys]

    def uploads(self) -> list[str]:
        """Return key and id of each multipart upload that was begun and not ended, since the server's start."""
        try:
            page = self.client.list_multipart_uploads(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return []
            raise
        return [f"{upload['Key']} {upload['UploadId']}" for upload in page.get("Uploads", [])]

    def folder(self) -> Path:
        """Return the copy, no older than a moment. An open upload shows in it as a file in ``.parts``."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            try:
                self._bring_up_to_date()
            except (ClientError, BotoCoreError):
                return self._copy  # the store is away: the last look is all there is
            self._looked = time.monotonic()
        return self._copy

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _bring_up_to_date(self) -> None:
        objects = self.objects()
        for key in [key for key in self._seen if key not in objects]:
            (self._copy / key).unlink()
            del self._seen[key]
        for key, entry in objects.items():
            if self._seen.get(key) != entry["ETag"]:
                self._fetch(key, entry["ETag"])
        parts = self._copy / ".parts"
        parts.mkdir(parents=True, exist_ok=True)
        wanted = {f"{number}.part" for number, _ in enumerate(self.uploads())}
        for path in parts.iterdir():
            if path.name not in wanted:
                path.unlink()
        for name in wanted:
            (parts / name).touch()

    def _fetch(self, key: str, etag: str) -> None:
        path = self._copy / key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.client.download_file(self.name, key, str(path))
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return  # removed since it was listed
            raise
        self._seen[key] = etag
