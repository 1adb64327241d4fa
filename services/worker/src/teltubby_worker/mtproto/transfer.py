"""The streaming engine: many requests in flight, one ordered stream of parts out. It knows asyncio and no Telegram.

Parts are asked for side by side and handed on in order, through a window of bounded size. Whatever goes wrong with
a part is mended at its own offset: nothing that came is asked for twice, and the file never starts again at 0.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from teltubby_core.errors import TransferMismatchError, TransientError

T = TypeVar("T")

PART_SIZE = 1 << 20
"""Bytes of one request: the most that upload.getFile gives, and a request must not cross a border of 1 MiB
(core.telegram.org/api/files)."""


class ReferenceExpiredError(TransientError):
    """The file reference is too old to be served; the message has a new one."""


class PartSource(Protocol):
    """A file that can be read at any offset."""

    async def fetch(self, offset: int, limit: int) -> bytes:
        """Return ``limit`` bytes from ``offset``, fewer only at the end of the file. Ends by itself, in any case.

        Raises:
            ReferenceExpiredError: ``refresh`` is needed before the next call.
            TransientError: try again; with ``retry_after`` nothing is to be asked for that many seconds.
        """
        ...

    async def refresh(self) -> None:
        """Get a new file reference. Raises TransferMismatchError when it would now be another file."""
        ...


@dataclass(frozen=True)
class TransferLimits:
    """How eagerly a file is fetched, and how long what fails is tried again."""

    window: int = 8
    """Parts in flight or waiting for their turn; 4–8 MiB outstanding in all is what Telegram's servers like."""

    patience: float = 600.0
    """Seconds without any progress for which failing requests are repeated, floods not counted. Troubles on
    Telegram's side mostly end within minutes, and giving up costs every byte that came."""

    first_delay: float = 0.5
    """Seconds before a failed request is repeated; doubled with each failure in a row."""

    longest_delay: float = 30.0
    """Where the doubling ends, in seconds."""

    flood_limit: float = 3600.0
    """Seconds of flood waits borne within one transfer; beyond, the job is given up for now."""


class FloodGate:
    """Holds every request of a transfer back while Telegram wants it to be quiet."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._waited = 0.0
        self._open_at = 0.0

    def close(self, seconds: float) -> float:
        """Shut for ``seconds`` from now and return how many more that makes: floods overlap, they don't add up.

        Raises:
            TransientError: with this one, the transfer would have waited longer than its limit.
        """
        now = asyncio.get_running_loop().time()
        until = max(self._open_at, now + seconds)
        added = until - max(self._open_at, now)
        self._waited += added
        self._open_at = until
        if self._waited > self._limit:
            raise TransientError(f"Telegram asks to wait {seconds:g} s, more than a transfer may wait", seconds)
        return added

    async def passed(self) -> None:
        """Wait until it is open."""
        loop = asyncio.get_running_loop()
        while (left := self._open_at - loop.time()) > 0:  # noqa: ASYNC110  # a later flood may move the end
            await asyncio.sleep(left)


class Patience:
    """Repeats what fails on one file's way, until nothing has succeeded for too long."""

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._gate = FloodGate(limits.flood_limit)
        self._failing_since: float | None = None

    async def persist(self, ask: Callable[[], Awaitable[T]], what: str) -> T:
        """Return what ``ask`` returns once it succeeds. Many may persist side by side; each success is progress.

        Raises:
            TransientError: it failed too long, or (with ``retry_after``) Telegram asked to wait too long.
            TransferMismatchError, PermanentError, InfrastructureError: as ``ask`` raises them.
        """
        failures = 0
        while True:
            await self._gate.passed()
            try:
                result = await ask()
            except TransferMismatchError:
                raise
            except TransientError as error:
                failures = await self._bear(error, failures, what)
            else:
                self._failing_since = None
                return result

    async def _bear(self, error: TransientError, failures: int, what: str) -> int:
        if error.retry_after is not None:
            self._flooded(error.retry_after)
            return failures
        idle = self._idle()
        if idle >= self._limits.patience:
            raise TransientError(f"{what} could not be had for {idle:.0f} s: {error}") from error
        # The exponent is bounded: a float ends at 2 ** 1023.
        await asyncio.sleep(min(self._limits.first_delay * 2 ** min(failures, 32), self._limits.longest_delay))
        return failures + 1

    def _flooded(self, seconds: float) -> None:
        added = self._gate.close(seconds)
        if self._failing_since is not None:
            self._failing_since += added

    def _idle(self) -> float:
        # Counted from the first failure, not from the last success: a reader that is slow to take parts is no failure.
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since


class Transfer:
    """One file on its way, once. ``size`` in bytes; None when unknown, then the first short part is the last one."""

    def __init__(
        self, source: PartSource, size: int | None, limits: TransferLimits, patience: Patience | None = None
    ) -> None:
        """``patience`` is shared with what was asked about the file before."""
        self._source = source
        self._size = size
        self._limits = limits
        self._patience = patience or Patience(limits)
        self._next_offset = 0
        self._pending: deque[asyncio.Task[bytes]] = deque()
        self._references = 0
        self._refreshing = asyncio.Lock()

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes in order, in parts of PART_SIZE; at most ``window`` + 1 of them exist at a time.

        Raises:
            TransferMismatchError: a part is shorter or longer than the file's size allows.
            TransientError: parts failed too long, or (with ``retry_after``) Telegram asked to wait too long.
        """
        try:
            self._ask_ahead()
            while self._pending:
                part = await self._pending[0]
                self._pending.popleft()
                ended = self._size is None and len(part) < PART_SIZE
                if not ended:
                    self._ask_ahead()
                if part:
                    yield part
                if ended:
                    return
                del part  # or it would live on while the next one is awaited
        finally:
            await self._cancel_pending()

    def _ask_ahead(self) -> None:
        while len(self._pending) < self._limits.window and not self._beyond(self._next_offset):
            offset = self._next_offset
            self._pending.append(asyncio.create_task(self._part(offset), name=f"part at {offset}"))
            self._next_offset += PART_SIZE

    def _beyond(self, offset: int) -> bool:
        return self._size is not None and offset >= self._size

    async def _part(self, offset: int) -> bytes:
        return await self._patience.persist(lambda: self._ask(offset), f"the part at byte {offset}")

    async def _ask(self, offset: int) -> bytes:
        references = self._references
        try:
            part = await self._source.fetch(offset, PART_SIZE)
        except ReferenceExpiredError:
            await self._refresh(references)
            part = await self._source.fetch(offset, PART_SIZE)
        return self._checked(part, offset)

    async def _refresh(self, references: int) -> None:
        # Parts in flight learn of the expiry one by one; only the first to come gets the new reference.
        async with self._refreshing:
            if references == self._references:
                await self._source.refresh()
                self._references += 1

    def _checked(self, part: bytes, offset: int) -> bytes:
        room = PART_SIZE if self._size is None else min(PART_SIZE, self._size - offset)
        if len(part) > room or (self._size is not None and len(part) < room):
            raise TransferMismatchError(f"{len(part)} bytes came at byte {offset} where {room} were expected")
        return part

    async def _cancel_pending(self) -> None:
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        self._pending.clear()
