"""The one way an item gets into the bucket: stream → hash → dedup → commit. Bot and worker both call it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from teltubby_core.domain.routing import over_limit
from teltubby_core.errors import OverLimitError, TransferMismatchError, TransientError
from teltubby_core.ports import MediaSource, ObjectStore, ProgressCallback, Upload


@dataclass(frozen=True)
class Target:
    """Where an item goes. Bytes: ``expected_size`` as its message announced it, ``limit`` that it must not exceed."""

    key: str
    content_type: str
    expected_size: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None


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
    opening_timeout: float | None = None,
    already_stored: Callable[[str, int], Awaitable[bool]] | None = None,
    on_progress: ProgressCallback | None = None,
) -> Archived:
    """Stream ``source`` into ``target`` and return its sha256 and size.

    One chunk is held at a time: it is hashed in a thread while the store takes it. Nothing appears in the bucket
    unless as many bytes came as the server told when it opened the file or, when it told nothing, as the message
    announced; on any error or cancellation the upload is aborted. ``already_stored`` is asked with sha256 and size
    before the commit; without it (a worker has no index) the item is always committed. ``opening_timeout``: seconds
    that the first chunk may take, when that is more than ``stall_timeout``.

    Raises:
        OverLimitError: the file has more bytes than ``target.limit``, or its server says so.
        TransferMismatchError: fewer or more bytes than expected.
        TransientError: nothing came for ``stall_timeout`` seconds, or as the source and the store raise it.
        InfrastructureError: as the store raises it.
    """
    digest = hashlib.sha256()
    upload = await store.begin(target.key, target.content_type, target.metadata)
    try:
        patience = stall_timeout, opening_timeout or stall_timeout
        size = await _transfer(source, upload, target, digest.update, patience, on_progress)
        sha256 = digest.hexdigest()
        if already_stored and await already_stored(sha256, size):
            return Archived(sha256, size, committed=False)
        await upload.commit({"sha256": sha256})
        return Archived(sha256, size, committed=True)
    finally:
        await upload.abort()


async def _transfer(
    source: MediaSource,
    upload: Upload,
    target: Target,
    hash_update: Callable[[bytes], None],
    patience: tuple[float, float],
    on_progress: ProgressCallback | None,
) -> int:
    size = 0
    wait, timeout = patience[1], patience[0]
    async with aclosing(cast(AsyncGenerator[bytes], source.chunks())) as chunks:
        while (chunk := await _next_chunk(chunks, wait, size)) is not None:
            wait = timeout
            size += len(chunk)
            _check_so_far(size, _expected(source, target), target.limit)
            if not chunk:
                continue
            await asyncio.gather(asyncio.to_thread(hash_update, chunk), upload.write(chunk))
            if on_progress:
                await on_progress(size)
    expected = _expected(source, target)
    if expected is not None and size != expected:
        raise TransferMismatchError(f"{size} of the announced {expected} bytes came")
    return size


def _expected(source: MediaSource, target: Target) -> int | None:
    """Return how many bytes are to come: the server that sends them knows better than the message."""
    told = source.told_size()
    return target.expected_size if told is None else told


def _check_so_far(size: int, expected: int | None, limit: int | None) -> None:
    if limit is not None and max(size, expected or 0) > limit:
        raise OverLimitError(over_limit(limit))
    if expected is not None and size > expected:
        raise TransferMismatchError(f"more than the announced {expected} bytes came")


async def _next_chunk(chunks: AsyncGenerator[bytes], stall_timeout: float, so_far: int) -> bytes | None:
    try:
        async with asyncio.timeout(stall_timeout):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise TransientError(f"no data for {stall_timeout:g} s after {so_far} bytes") from error
