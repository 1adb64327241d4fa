"""What lies in an archive, and since when: a folder, or a bucket on a MinIO whose disk is at hand.

While the clock runs only the disk is looked at: to list a bucket by S3 would cost the server that is measured. What
the objects hold is read afterwards, by S3 alone.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from testbed.buckets import server_client
from testbed.minio import S3Address

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_BLOCK = 1 << 20
_COMMITTED = "xl.meta"  # of MinIO: an object is a folder, and is there once this file is


class Stored(NamedTuple):
    """Unix seconds at which each file, and each document on a message, got its last state."""

    files: list[float]
    documents: list[float]


class Store(Protocol):
    """An archive."""

    def stored(self) -> Stored:
        """Return what lies in it, without asking whoever serves it."""
        ...

    def digests(self) -> list[str]:
        """Return the sha256 of every file in it, sorted."""
        ...


class Folder:
    """An archive in a folder."""

    def __init__(self, root: Path, is_document: Callable[[str], bool]) -> None:
        """``is_document`` knows a message's document by its file name."""
        self._root = root
        self._is_document = is_document

    def stored(self) -> Stored:
        """See Store."""
        return _sorted_out(((path.name, path) for path in self._objects()), self._is_document)

    def digests(self) -> list[str]:
        """See Store."""
        return sorted(_digest(path) for path in self._objects() if path.suffix != ".json")

    def _objects(self) -> Iterator[Path]:
        for path in _files(self._root):
            if not any(part.startswith(".") for part in path.relative_to(self._root).parts):  # not yet there
                yield path


class Bucket:
    """An archive in a bucket; ``disk`` is the folder that its MinIO keeps objects in."""

    def __init__(self, address: S3Address, name: str, disk: Path, is_document: Callable[[str], bool]) -> None:
        """``is_document`` as for Folder."""
        self.name = name
        self._address = address
        self._disk = disk / name
        self._is_document = is_document

    def make(self) -> None:
        """Make the bucket."""
        with server_client(self._address) as client:
            client.create_bucket(Bucket=self.name)

    def stored(self) -> Stored:
        """See Store."""
        committed = (path for path in _files(self._disk) if path.name == _COMMITTED)
        return _sorted_out(((path.parent.name, path) for path in committed), self._is_document)

    def digests(self) -> list[str]:
        """See Store."""
        with server_client(self._address) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            return sorted(self._object_digest(client, key) for key in keys if not key.endswith(".json"))

    def _object_digest(self, client: "S3Client", key: str) -> str:
        digest = hashlib.sha256()
        body = client.get_object(Bucket=self.name, Key=key)["Body"]
        for block in body.iter_chunks(_BLOCK):
            digest.update(block)
        return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):  # goes on when a folder is gone meanwhile
        yield from (Path(folder, name) for name in names)


def _sorted_out(objects: Iterator[tuple[str, Path]], is_document: Callable[[str], bool]) -> Stored:
    found = Stored([], [])
    for name, path in objects:
        # ctime: the move to its place counts, not the last byte before it
        if is_document(name):
            found.documents.append(path.stat().st_ctime)
        elif not name.endswith(".json"):
            found.files.append(path.stat().st_ctime)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
