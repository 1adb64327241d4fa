"""The ObjectStore on S3. Knows the port's verbs, not what the objects mean."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from botocore.exceptions import ClientError

from teltubby_core.adapters.s3 import headers
from teltubby_core.adapters.s3.body import SLOWEST, crc32
from teltubby_core.adapters.s3.bucket import Bucket
from teltubby_core.adapters.s3.calls import Calls
from teltubby_core.adapters.s3.errors import code_of, status_of
from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.adapters.s3.quota import quota_bytes
from teltubby_core.adapters.s3.sweep import sweep
from teltubby_core.adapters.s3.upload import MARK, S3Upload
from teltubby_core.domain.keys import is_valid
from teltubby_core.errors import PermanentError
from teltubby_core.ports import ObjectHead

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.client import S3Client

T = TypeVar("T")

MAX_DOCUMENT = 16 * 1024 * 1024
"""Bytes that ``get`` reads at most: documents of ours, never media."""
ORPHAN_AGE = timedelta(days=1)
_BLOCK = 64 * 1024
_BEHIND_ITS_END = 416  # HTTP: Range Not Satisfiable


class S3Store:
    """An ObjectStore in the bucket that ``options`` names, which is looked for before the first use.

    Use it as a context manager, or ``close`` it. Nothing hangs: a call takes at most about the ``io_timeout`` that the
    server may be silent, twice, and the time that its bytes take at 32 KiB/s.
    """

    def __init__(self, options: S3Options, *, orphan_age: timedelta = ORPHAN_AGE) -> None:
        """``orphan_age``: unfinished uploads that were begun before are swept; far longer than any transfer takes."""
        self._options = options
        self._orphan_age = orphan_age
        self._calls = Calls(options)
        self._bucket = Bucket(self._calls, options)

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self._options.bucket

    async def open(self) -> None:
        """Make boto3's client now instead of at the first use. No server is asked.

        Raises:
            ConfigurationError: S3_ENDPOINT can't be used.
            StorageUnavailableError: the AWS configuration of the surroundings can't.
        """
        await self._calls.run(lambda _: None)

    async def close(self) -> None:
        """Wait for calls that run, then close the connections. Whatever comes later is refused."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ensure_bucket(self) -> None:
        """Find the bucket, or make it. Every verb does so first; once is enough.

        Raises:
            StorageUnavailableError: it is not there and S3_CREATE_BUCKET is false, or we may not.
        """
        await self._bucket.ensure()

    async def check(self, *, write: bool = False) -> None:
        """Return when the store can be read, with ``write`` also written to, by us; leaves nothing in it.

        Raises:
            TeltubbyError: what is wrong and what to do about it.
        """
        await self._bucket.ensure()
        await self._bucket.check(write=write)

    async def quota_bytes(self) -> int | None:
        """Ask the server for the bucket's quota; None when there is none, or the server does not tell us.

        Raises:
            StorageUnavailableError: it can't be reached.
        """
        await self._bucket.ensure()
        return await self._calls.run(lambda _: quota_bytes(self._options))

    async def begin(self, key: str, content_type: str, metadata: Mapping[str, str]) -> S3Upload:
        """Start an object; nothing is sent before its first part is full."""
        _check(key)
        await self._bucket.ensure()
        return S3Upload(self._calls, self._options, key, content_type, metadata)

    async def put(self, key: str, body: bytes, content_type: str) -> None:
        """Store a document."""
        kind, checksum = headers.content_type(content_type), crc32(body)
        await self._run(
            key,
            lambda client: client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=kind, ChecksumCRC32=checksum
            ),
        )

    async def put_if_absent(self, key: str, body: bytes, content_type: str) -> bool:
        """Store a document unless the key is taken. Of any number at once, in any process, one succeeds."""
        kind, checksum, mark = headers.content_type(content_type), crc32(body), secrets.token_hex(16)

        def work(client: "S3Client") -> bool:
            try:
                client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentType=kind,
                    ChecksumCRC32=checksum,
                    Metadata={MARK: mark},
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if status_of(error) != 412:
                    raise
                # It may be an earlier attempt of ours that took it, whose answer was lost.
                return _mark_of(client, self.bucket, key) == mark
            return True

        return await self._run(key, work)

    async def get(self, key: str) -> bytes | None:
        """Read a document.

        Raises:
            PermanentError: it is larger than ``MAX_DOCUMENT``.
        """

        def work(client: "S3Client") -> bytes | None:
            try:
                answer = client.get_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > MAX_DOCUMENT:
                    raise PermanentError(f"{key} is larger than the {MAX_DOCUMENT} bytes of a document")
                return _read(body, time.monotonic() + 2 * self._options.io_timeout)

        return await self._run(key, work)

    async def read(self, key: str, start: int, size: int) -> bytes | None:
        """Read a part of an object."""

        def work(client: "S3Client") -> bytes | None:
            try:
                answer = client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{start + size - 1}")
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                if status_of(error) == _BEHIND_ITS_END:
                    return b""
                raise
            with closing(answer["Body"]) as body:
                return _read(body, time.monotonic() + 2 * self._options.io_timeout + size / SLOWEST)

        return await self._run(key, work)

    async def head(self, key: str) -> ObjectHead | None:
        """Look at an object."""

        def work(client: "S3Client") -> ObjectHead | None:
            try:
                return ObjectHead(client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
            except ClientError as error:
                if status_of(error) != 404:
                    raise
            client.head_bucket(Bucket=self.bucket)  # the 404 did not say what is missing: in no bucket, every object is
            return None

        return await self._run(key, work)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        await self._run(key, lambda client: client.delete_object(Bucket=self.bucket, Key=key))

    async def sweep(self) -> int:
        """Abort the uploads below ``teltubby/`` that are older than ``orphan_age``, and return how many there were.

        Younger ones may be other workers' live ones.
        """
        await self._bucket.ensure()
        return await self._calls.run(lambda client: sweep(client, self.bucket, self._orphan_age))

    async def _run(self, key: str, call: "Callable[[S3Client], T]") -> T:
        _check(key)
        await self._bucket.ensure()
        return await self._calls.run(call)


def _check(key: str) -> None:
    if not is_valid(key):
        raise PermanentError(f"not a valid object key: {key!r}")


def _mark_of(client: "S3Client", bucket: str, key: str) -> str | None:
    try:
        return client.head_object(Bucket=bucket, Key=key)["Metadata"].get(MARK)
    except ClientError as error:
        if status_of(error) == 404:
            return None  # taken when we tried, and gone since
        raise


def _read(body: "StreamingBody", deadline: float) -> bytes:
    pieces = []
    for piece in body.iter_chunks(_BLOCK):
        pieces.append(piece)
        if time.monotonic() > deadline:
            raise TimeoutError("the document came too slowly")
    return b"".join(pieces)
