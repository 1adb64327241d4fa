"""Takes pending items, each to its end: skipped, known already, archived here, or handed over as a job."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from teltubby_bot.placement import Place, filename_for, job_for
from teltubby_bot.quota import Room
from teltubby_bot.telegram import Telegram
from teltubby_bot.twins import known_and_there, still_there
from teltubby_core.archiving import Archived, Target, archive_item
from teltubby_core.domain import routing
from teltubby_core.domain.jobs import retry_delay
from teltubby_core.domain.media import content_type
from teltubby_core.domain.records import (
    Cancelled,
    DedupReason,
    Duplicate,
    Failed,
    ItemRecord,
    KnownFile,
    Outcome,
    Queued,
    Skipped,
    Stored,
)
from teltubby_core.domain.routing import Limits, Route
from teltubby_core.errors import FileTooBigError, InfrastructureError, OverLimitError, TeltubbyError, TransientError
from teltubby_core.logs import tracing
from teltubby_core.observability import Metrics, SkipReason
from teltubby_core.ports import ArchiveIndex, Clock, ObjectStore

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 30
"""Transient failures of one small file before it is given up: about two hours with the pauses between them."""
_LONGEST_PAUSE = 60.0  # seconds between tries while our own house is out of order
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class ArchiverOptions:
    """How items are treated. ``stall_timeout`` in seconds, so too the pause when nothing can be recorded.

    ``opening_timeout``: seconds until a file's first bytes, when they may take longer than the others.
    """

    limits: Limits
    concurrency: int
    dedup: bool
    stall_timeout: float
    max_retries: int = 8
    unrecorded_pause: float = 5.0
    opening_timeout: float | None = None


class Archiver:
    """Works on up to ``concurrency`` items at once; which are due is the index's word, so a restart goes on."""

    def __init__(
        self,
        telegram: Telegram,
        store: ObjectStore,
        index: ArchiveIndex,
        clock: Clock,
        options: ArchiverOptions,
        *,
        room: Room,
        ensure_bucket: Callable[[], Awaitable[None]],
        on_stored: Callable[[Stored], None],
        on_change: Callable[[], None],
        metrics: Metrics | None = None,
    ) -> None:
        """``ensure_bucket`` raises while the bucket is not known to be ours; ``on_stored`` is told of new objects."""
        self._telegram = telegram
        self._store = store
        self._index = index
        self._clock = clock
        self._options = options
        self._room = room
        self._ensure_bucket = ensure_bucket
        self._on_stored = on_stored
        self._on_change = on_change
        self._metrics = metrics or Metrics("bot")
        self._active: dict[int, asyncio.Task[None]] = {}
        self._house_troubles: Counter[int] = Counter()  # by item: they count no attempt, yet the pauses grow
        self.wake: Callable[[], None] = lambda: None
        """Called when a slot is free again."""

    async def step(self) -> float | None:
        """Start what is due and fits; return the seconds until the next item is due."""
        busy = frozenset(self._active)
        free = self._options.concurrency - len(busy)
        if free <= 0:
            return None
        for item in await self._index.claimable(self._clock.now(), busy, free):
            self._active[item.id] = asyncio.create_task(self._work(item), name=f"archive {item.correlation_id}")
        due = await self._index.next_due(frozenset(self._active))
        if due is None or len(self._active) >= self._options.concurrency:
            return None
        return max(due - self._clock.now(), 0.01)

    async def stop(self) -> None:
        """Give what runs a moment to end, then cancel it: it starts anew next time."""
        tasks = list(self._active.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, item: ItemRecord) -> None:
        began = asyncio.get_running_loop().time()
        try:
            with tracing(correlation_id=item.correlation_id):
                await self._attempt(item)
            self._metrics.processing(asyncio.get_running_loop().time() - began, Route.BOT_API)
        except TeltubbyError as error:
            # Not even the trouble could be recorded, so the item is still due: the pause is held here.
            pause = self._options.unrecorded_pause
            log.warning("%s: %s; next try in %.1f s", item.correlation_id, error, pause)
            await asyncio.sleep(pause)
        finally:
            self._room.free(item.id)
            del self._active[item.id]
            self._on_change()
            self.wake()

    async def _attempt(self, item: ItemRecord) -> None:
        try:
            await self._ensure_bucket()
            outcome = await self._outcome(item)
            if outcome is not None:
                await self._settle(item, outcome)
        except TeltubbyError as error:
            await self._trouble(item, error)
        except Exception:  # the edge of one item's work: logged, tried again
            log.exception("%s: unexpected error", item.correlation_id)
            await self._trouble(item, TransientError("an unexpected error, see the log"))

    async def _settle(self, item: ItemRecord, outcome: Outcome) -> None:
        settled = await self._index.settle(item.id, outcome)
        self._house_troubles.pop(item.id, None)
        log.info("%s: %s", item.correlation_id, _describe(settled))
        if isinstance(settled, Stored):
            self._on_stored(settled)
        self._count(settled)

    def _count(self, settled: Outcome) -> None:
        match settled:
            case Stored():
                self._metrics.bytes_ingested(settled.size_bytes, settled.route)
            case Duplicate():
                self._metrics.dedup_hit(settled.reason)
            case Skipped():
                self._metrics.skipped(SkipReason.OVER_LIMIT)

    async def _outcome(self, item: ItemRecord) -> Outcome | None:
        """Bring an item to its outcome; None when it has to wait for room, which is recorded."""
        size, limits = item.media.size_bytes, self._options.limits
        if reason := routing.skip_reason(size, limits):
            return Skipped(reason)
        place = await self._place(item)
        if left := await self._left_by_an_earlier_attempt(place):
            return left
        if known := await self._known(item.media.file_unique_id):
            return Duplicate(known.key, DedupReason.FILE_UNIQUE_ID, known.sha256, place.key)
        if reason := await self._room.reserve(item.id, size):
            await self._hold(item, reason)
            return None
        if routing.choose_route(size, limits) is Route.MTPROTO:
            return self._job(place)
        return await self._by_bot_api(place)

    async def _by_bot_api(self, place: Place) -> Outcome:
        try:
            return await self._archive(place)
        except FileTooBigError:
            return self._job(place)
        except OverLimitError as error:
            return Skipped(str(error))

    async def _place(self, item: ItemRecord) -> Place:
        record = await self._index.message(item.message)
        if item.filename is not None:
            return Place(item, record, item.filename)
        filename = await asyncio.to_thread(filename_for, item, record)  # transliteration reads its tables from the disk
        return Place(item, record, await self._index.place(item.id, filename))

    async def _left_by_an_earlier_attempt(self, place: Place) -> Stored | None:
        """Return the object of an attempt that was killed between its commit and its outcome."""
        sha256, size = place.item.intended_sha256, place.item.intended_size
        head = await self._store.head(place.key) if sha256 else None
        if sha256 is None or head is None or size != head.size_bytes:
            return None
        return Stored(place.key, sha256, head.size_bytes, Route.BOT_API)

    async def _known(self, file_unique_id: str) -> KnownFile | None:
        return await known_and_there(self._store, self._index, file_unique_id) if self._options.dedup else None

    async def _archive(self, place: Place) -> Outcome:
        item, own_key = place.item, place.key
        message = item.incoming
        target = Target(
            own_key,
            content_type(item.media.mime_type),
            item.media.size_bytes,
            {"file-unique-id": item.media.file_unique_id, "message": f"{message.chat_id}/{message.message_id}"},
            self._options.limits.max_file_bytes,
        )
        already: list[KnownFile] = []

        async def already_stored(sha256: str, size: int) -> bool:
            known = await self._index.known_hash(sha256) if self._options.dedup else None
            if known is None or known.key == own_key or not await still_there(self._store, self._index, known):
                await self._index.intend(item.id, sha256, size)
                return False
            already.append(known)
            return True

        archived: Archived = await archive_item(
            self._telegram.source(item.media),
            self._store,
            target,
            stall_timeout=self._options.stall_timeout,
            opening_timeout=self._options.opening_timeout,
            already_stored=already_stored,
        )
        if already:
            return Duplicate(already[0].key, DedupReason.SHA256, archived.sha256, own_key, Route.BOT_API)
        return Stored(own_key, archived.sha256, archived.size_bytes, Route.BOT_API)

    def _job(self, place: Place) -> Queued:
        created_at = datetime.fromtimestamp(self._clock.now(), UTC)
        return Queued(job_for(place, created_at, self._options.max_retries))

    async def _hold(self, item: ItemRecord, reason: str) -> None:
        await self._index.hold(item.id, reason, self._clock.now() + self._room.look_seconds)
        log.log(logging.DEBUG if item.held else logging.WARNING, "%s: %s", item.correlation_id, reason)

    async def _trouble(self, item: ItemRecord, error: TeltubbyError) -> None:
        self._metrics.error(error, "archiving")
        if isinstance(error, TransientError | InfrastructureError):
            await self._postpone(item, error)
            return
        log.error("%s: given up: %s", item.correlation_id, error)
        self._metrics.item_failed(error.category)
        await self._index.settle(item.id, Failed(str(error)))

    async def _postpone(self, item: ItemRecord, error: TransientError | InfrastructureError) -> None:
        counts = isinstance(error, TransientError)
        ceiling = 300.0 if counts else _LONGEST_PAUSE
        before = item.attempts if counts else self._house_troubles[item.id]
        pause = retry_delay(before, random.random(), base=1.0, ceiling=ceiling)  # noqa: S311 - jitter
        pause = max(pause, getattr(error, "retry_after", None) or 0.0)
        due = self._clock.now() + pause
        attempts = await self._index.postpone(item.id, str(error), due, counts=counts)
        self._house_troubles[item.id] += not counts
        log.warning("%s: %s; next try in %.1f s", item.correlation_id, error, pause)
        if attempts >= MAX_ATTEMPTS:
            log.error("%s: given up after %d attempts", item.correlation_id, attempts)
            self._metrics.item_failed(error.category)
            await self._index.settle(item.id, Failed(f"{error} (given up after {attempts} attempts; send it again)"))


def _describe(outcome: Outcome) -> str:
    match outcome:
        case Stored():
            return f"stored {outcome.key}, {outcome.size_bytes} bytes"
        case Duplicate():
            return f"duplicate of {outcome.duplicate_of} by {outcome.reason}"
        case Queued():
            follows = f", which follows {outcome.follows}" if outcome.follows else ""
            return f"queued as job {outcome.job.job_id}{follows}"
        case Skipped() | Failed() | Cancelled():
            return f"not archived: {outcome.reason}"
