"""An object on its way into the bucket: one put when it fits into a part, else parts side by side.

A multipart upload's metadata has ``teltubby-upload``, a random word, by which a commit whose answer was lost finds out
whether it is its own object that lies there.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, cast

from teltubby_core.adapters.s3 import headers
from teltubby_core.adapters.s3.body import Body, Part, crc32
from teltubby_core.adapters.s3.calls import Calls, finished
from teltubby_core.adapters.s3.errors import FOREIGN, code_of
from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.adapters.s3.sweep import clear, time_there
from teltubby_core.errors import PermanentError, TeltubbyError, TransientError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

log = logging.getLogger(__name__)

MARK = "teltubby-upload"
_MOST_PARTS = 10_000
"""Amazon S3 User Guide, "Multipart upload limits"."""


class S3Upload:
    """See Upload. Its calls follow one another. It holds one part that fills, and those that upload."""

    def __init__(
        self, calls: Calls, options: S3Options, key: str, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Send nothing yet."""
        self._calls = calls
        self._options = options
        self._key = key
        self._content_type = headers.content_type(content_type)
        self._metadata = headers.metadata(metadata)
        self._mark = secrets.token_hex(16)
        self._filling = Part(options.part_size)
        self._spare: list[Part] = []  # used again: what still refers to a part that was sent may be garbage for a while
        self._size = 0
        self._sent = 0  # parts that were handed over
        self._running: set[asyncio.Task[CompletedPartTypeDef]] = set()
        self._parts: list[CompletedPartTypeDef] = []
        self._stop = threading.Event()
        self._upload_id: str | None = None
        self._began_at: datetime | None = None  # by the server's clock
        self._over = False
        self._committed = False
        self._failure: TeltubbyError | None = None

    async def write(self, chunk: bytes) -> None:
        """Append bytes. Returns once there is room for more: at most ``part_uploads`` + 1 parts are held."""
        with self._or_fail():
            self._collect()
            left = memoryview(chunk)
            while left:
                if self._filling.full:
                    await self._hand_over()
                taken = self._filling.take(left)
                self._size += taken
                left = left[taken:]

    async def commit(self, late: Mapping[str, str] | None = None) -> None:
        """Make the object appear. Only one that is put at once can still take the ``late`` metadata.

        Raises:
            TeltubbyError: as the store raises it; what was written is of no further use then.
        """
        with self._or_fail():
            if not self._sent:
                self._metadata |= headers.metadata(late or {})
                await self._calls.run(self._put, self._stop)
                return
            if self._filling:
                await self._hand_over()
            while self._running:
                await self._next_part()
            await self._complete()
            await self._calls.run(self._clear, self._stop)

    async def abort(self) -> None:
        """Leave nothing behind. What can't be removed, because the server is away, is logged and left to the sweep."""
        self._over = True
        self._stop.set()
        if self._committed:
            return
        cleaning = asyncio.ensure_future(self._leave_nothing())
        try:
            await asyncio.shield(cleaning)
        except asyncio.CancelledError:
            await finished(cleaning)
            raise

    @contextmanager
    def _or_fail(self) -> Iterator[None]:
        """After a call that did not end well nobody knows what was taken: it can't be gone on with."""
        if self._over or self._committed:
            raise PermanentError(f"the upload of {self._key!r} is over")
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except TeltubbyError as error:
            self._failure = error
            raise
        except asyncio.CancelledError:
            self._failure = TransientError(f"the upload of {self._key!r} was cut short")
            raise

    async def _hand_over(self) -> None:
        while len(self._running) >= self._options.part_uploads:
            await self._next_part()
        if self._sent == _MOST_PARTS:
            raise PermanentError(f"the object would have more than {_MOST_PARTS} parts: raise S3_PART_MIB")
        if self._upload_id is None:
            await self._calls.run(self._begin, self._stop)
        self._sent += 1
        part, self._filling = self._filling, self._spare.pop() if self._spare else Part(self._options.part_size)
        sending = asyncio.create_task(self._send(self._sent, part), name=f"part {self._sent} of {self._key}")
        sending.add_done_callback(_seen)
        self._running.add(sending)

    async def _next_part(self) -> None:
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._collect()

    def _collect(self) -> None:
        for task in [task for task in self._running if task.done()]:
            self._running.discard(task)
            self._parts.append(task.result())

    async def _send(self, number: int, part: Part) -> "CompletedPartTypeDef":
        def send(client: "S3Client") -> "CompletedPartTypeDef":
            checksum = crc32(part.content)
            answer = client.upload_part(
                Bucket=self._options.bucket,
                Key=self._key,
                UploadId=self._upload_id or "",
                PartNumber=number,
                Body=self._body(part),
                ChecksumCRC32=checksum,
            )
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": checksum}

        sent = await self._calls.run(send, self._stop)
        part.empty()
        self._spare.append(part)
        return sent

    async def _complete(self) -> None:
        self._parts.sort(key=lambda part: part["PartNumber"])
        try:
            await self._calls.run(self._finish, self._stop)
        except TeltubbyError:
            # The server may have done it, and only its answer got lost.
            if not await self._appeared():
                raise
            self._committed = True

    async def _appeared(self) -> bool:
        try:
            return await self._calls.run(self._is_there, self._stop)
        except TeltubbyError:
            return False  # it is not there, or nobody can tell: what the commit met says more

    async def _leave_nothing(self) -> None:
        if self._running:
            await asyncio.wait(self._running)  # a part that arrives later would stay
        self._filling = Part(1)  # what it held is of no use any more
        self._spare.clear()
        if self._upload_id is None:
            return
        try:
            await self._calls.run(self._remove)
        except TeltubbyError as error:
            log.warning("an unfinished upload of %s is left to the sweep: %s", self._key, error)

    # What follows runs in threads. It notes there what it did: a cancelled caller does not get to see a result.

    def _begin(self, client: "S3Client") -> None:
        answer = client.create_multipart_upload(
            Bucket=self._options.bucket,
            Key=self._key,
            ContentType=self._content_type,
            Metadata={**self._metadata, MARK: self._mark},
            ChecksumAlgorithm="CRC32",
        )
        self._upload_id = answer["UploadId"]
        self._began_at = time_there(answer["ResponseMetadata"])

    def _put(self, client: "S3Client") -> None:
        client.put_object(
            Bucket=self._options.bucket,
            Key=self._key,
            Body=self._body(self._filling),
            ContentType=self._content_type,
            Metadata=self._metadata,
            ChecksumCRC32=crc32(self._filling.content),
        )
        self._committed = True

    def _finish(self, client: "S3Client") -> None:
        client.complete_multipart_upload(
            Bucket=self._options.bucket,
            Key=self._key,
            UploadId=self._upload_id or "",
            MultipartUpload={"Parts": self._parts},
            MpuObjectSize=self._size,
        )
        self._committed = True

    def _clear(self, client: "S3Client") -> None:
        """Abort what attempts before this one left of the object. It appeared all the same if that fails."""
        assert self._began_at is not None
        try:
            clear(client, self._options.bucket, self._key, self._began_at)
        except FOREIGN as error:
            why = code_of(error) or type(error).__name__
            log.warning("what earlier attempts left of %s stays for the sweep: %s", self._key, why)

    def _is_there(self, client: "S3Client") -> bool:
        answer = client.head_object(Bucket=self._options.bucket, Key=self._key)
        return answer["Metadata"].get(MARK) == self._mark and answer["ContentLength"] == self._size

    def _remove(self, client: "S3Client") -> None:
        try:
            client.abort_multipart_upload(Bucket=self._options.bucket, Key=self._key, UploadId=self._upload_id or "")
        except FOREIGN as error:
            if code_of(error) != "NoSuchUpload":  # removed by an attempt before, by a sweep, or complete after all
                raise
        self._upload_id = None

    def _body(self, part: Part) -> IO[bytes]:
        return cast("IO[bytes]", Body(part.content, self._stop, self._options.io_timeout))


def _seen(sending: "asyncio.Task[CompletedPartTypeDef]") -> None:
    """Read an error, or asyncio reports those that come after the one that ended the upload."""
    if not sending.cancelled():
        sending.exception()
