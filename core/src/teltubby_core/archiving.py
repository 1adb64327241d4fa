"""The one way an item gets into the bucket: stream → hash → dedup → commit. Bot and worker both call it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from teltubby_core.errors import TransferMismatchError, TransientError
from teltubby_core.ports import MediaSource, ObjectStore, ProgressCallback, Upload


@dataclass(frozen=True)
class Target:
    """Where an item goes. ``expected_size`` in bytes, None when Telegram did not tell."""

    key: str
    content_type: str
    expected_size: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Archived:
    """What came. ``committed`` is False when the bytes were already in the archive and no object was made."""

    sha256: str
    size_bytes: int
    committed: bool


async def archive_item(
    source: MediaSource,
    store: ObjectStore,
    target: Target,
    *,
    stall_timeout: float,
    already_stored: Callable[[str], Awaitable[bool]] | None = None,
    on_progress: ProgressCallback | None = None,
) -> Archived:
    """Stream ``source`` into ``target`` and return its sha256 and size.

    One chunk is held at a time: it is hashed in a thread while the store takes it. Nothing appears in the bucket
    unless the size is the expected one; on any error or cancellation the upload is aborted. ``already_stored`` is
    asked with the sha256 before the commit; without it (a worker has no index) the item is always committed.

    Raises:
        TransferMismatchError: fewer or more bytes than expected.
        TransientError: nothing came for ``stall_timeout`` seconds, or as the source and the store raise it.
        InfrastructureError: as the store raises it.
    """
    digest = hashlib.sha256()
    upload = await store.begin(target.key, target.content_type, target.metadata)
    try:
        size = await _transfer(source, upload, digest.update, target.expected_size, stall_timeout, on_progress)
        sha256 = digest.hexdigest()
        if already_stored and await already_stored(sha256):
            return Archived(sha256, size, committed=False)
        await upload.commit()
        return Archived(sha256, size, committed=True)
    finally:
        await upload.abort()


async def _transfer(
    source: MediaSource,
    upload: Upload,
    hash_update: Callable[[bytes], None],
    expected: int | None,
    stall_timeout: float,
    on_progress: ProgressCallback | None,
) -> int:
    size = 0
    async with aclosing(cast(AsyncGenerator[bytes], source.chunks())) as chunks:
        while (chunk := await _next_chunk(chunks, stall_timeout, size)) is not None:
            size += len(chunk)
            if expected is not None and size > expected:
                raise TransferMismatchError(f"more than the announced {expected} bytes came")
            await asyncio.gather(asyncio.to_thread(hash_update, chunk), upload.write(chunk))
            if on_progress:
                await on_progress(size)
    if expected is not None and size != expected:
        raise TransferMismatchError(f"{size} of the announced {expected} bytes came")
    return size


async def _next_chunk(chunks: AsyncGenerator[bytes], stall_timeout: float, so_far: int) -> bytes | None:
    try:
        async with asyncio.timeout(stall_timeout):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise TransientError(f"no data for {stall_timeout:g} s after {so_far} bytes") from error
