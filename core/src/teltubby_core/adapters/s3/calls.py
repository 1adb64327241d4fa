"""Runs boto3's blocking calls in threads: tries again where that helps, and raises our errors.

Knows no operation of S3.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from teltubby_core.adapters.s3.client import new_client
from teltubby_core.adapters.s3.errors import FOREIGN, Meaning, meaning_of, ours
from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.errors import StorageUnavailableError, TransientError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
log = logging.getLogger(__name__)

THREADS = 32
"""Calls at once, of one store: eight items (CONCURRENCY) with three parts each, and some for documents and checks."""
ATTEMPTS = 4
"""How often a call is tried at most; and never again once ``io_timeout`` has passed since its first try."""
_FIRST_PAUSE = 0.2  # seconds, doubled each time: 1.4 in all, enough for a server's restart to be over
_JITTER = 0.5


class Calls:
    """One client and its threads."""

    def __init__(self, options: S3Options, threads: int = THREADS) -> None:
        """Open nothing yet: the first call makes the client."""
        self._options = options
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._making = threading.Lock()
        self._client: S3Client | None = None

    async def run(self, call: "Callable[[S3Client], T]", stop: threading.Event | None = None) -> T:
        """Return what ``call`` returns, which may run up to ``ATTEMPTS`` times.

        A cancelled caller sets ``stop``, which ends the attempts, and still waits for the one that runs in its thread,
        so that nothing goes on behind its back.

        Raises:
            TeltubbyError: as ``errors`` has it, or as ``call`` raised it.
        """
        ended = stop or threading.Event()
        try:
            job = self._executor.submit(self._attempts, call, ended)
        except RuntimeError as error:
            raise StorageUnavailableError(f"the object store at {self._options.place} was closed") from error
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            ended.set()
            job.cancel()  # unless it has begun
            await finished(future)
            raise

    async def close(self) -> None:
        """Wait for the calls that run, and close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._executor.shutdown()
        if self._client is not None:
            self._client.close()

    def _attempts(self, call: "Callable[[S3Client], T]", ended: threading.Event) -> T:
        deadline = time.monotonic() + self._options.io_timeout
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call(self._made_client())
            except FOREIGN as error:
                meaning = meaning_of(error)
                if ended.is_set():
                    raise TransientError("ended by whoever began it") from error
                if not _again(meaning, attempt, deadline):
                    raise ours(error, meaning, self._options) from error
                log.debug("attempt %s at the object store failed: %s", attempt, type(error).__name__)
            ended.wait(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    def _made_client(self) -> "S3Client":
        with self._making:
            if self._client is None:
                self._client = new_client(self._options, self._threads)
            return self._client


def _again(meaning: Meaning, attempt: int, deadline: float) -> bool:
    return meaning.again and attempt < ATTEMPTS and time.monotonic() < deadline


async def finished(future: "asyncio.Future[T]") -> None:
    """Wait until ``future`` is done, whoever cancels us meanwhile; what came of it is not told."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue  # the first one is raised by our caller, once nothing runs any more
    if not future.cancelled():
        future.exception()  # read, or asyncio reports it as one that nobody saw
