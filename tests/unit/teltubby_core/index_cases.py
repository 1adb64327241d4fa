"""Steps that the tests of the index share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from support import CURATOR, DATE, a_file, a_message
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobMessage,
    JobProgress,
    JobReplayed,
    JobRetrying,
    JobStarted,
)
from teltubby_core.domain.media import IncomingMessage, MediaItem
from teltubby_core.domain.records import ItemRecord, MessageRecord, Outcome, Queued, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.errors import ErrorCategory
from teltubby_core.ports import RawUpdate
from teltubby_core.testing import SteppedClock, sample_job

WINDOW = AlbumWindow(2.0, 10.0)
NONE: frozenset[int] = frozenset()


@dataclass
class Archive:
    """An index with its inbox and clock."""

    database: Database
    clock: SteppedClock = field(default_factory=SteppedClock)
    _update_ids: Iterator[int] = field(default_factory=lambda: count(100))

    def __post_init__(self) -> None:
        self.index = SqliteIndex(self.database)
        self.inbox = SqliteInbox(self.database, 1, self.clock)

    async def admit(self, message: IncomingMessage) -> int:
        """Take a message in as intake does; return its record's id."""
        update_id = next(self._update_ids)
        await self.inbox.store([RawUpdate(update_id, "{}")])
        return await self.index.admit(update_id, message, WINDOW, self.clock.now())

    async def item(self, message_id: int = 7, media: MediaItem | None = None, *, chat: int = CURATOR) -> ItemRecord:
        """Admit a single message and return its item."""
        record = await self.record(
            await self.admit(a_message(message_id, media or a_file(f"m{message_id}"), chat=chat))
        )
        return record.items[0]

    async def record(self, record_id: int) -> MessageRecord:
        """Read a message."""
        return await self.index.message(record_id)

    async def claimable(self) -> list[int]:
        """Return the message ids of the items that are due."""
        found = await self.index.claimable(self.clock.now(), NONE, 100)
        return [item.incoming.message_id for item in found]

    async def again(self, item: ItemRecord) -> ItemRecord:
        """Read an item anew."""
        record = await self.record(item.message)
        return next(other for other in record.items if other.id == item.id)

    async def store_as(self, item: ItemRecord, sha: str = "aa", key: str | None = None) -> Outcome:
        """Settle an item as stored by the bot."""
        return await self.index.settle(item.id, stored(sha, key or key_of(item)))

    async def queued(
        self, message_id: int = 7, media: MediaItem | None = None, *, job_id: str | None = None, chat: int = CURATOR
    ) -> tuple[ItemRecord, JobMessage]:
        """Admit a message whose file becomes a job."""
        item = await self.item(message_id, media, chat=chat)
        job = sample_job(job_id or f"job-{message_id}", message_id=message_id)
        job = job.model_copy(update={"user_id": chat, "chat_id": chat})
        await self.index.settle(item.id, Queued(job))
        return await self.again(item), job

    async def published(self, message_id: int = 7, media: MediaItem | None = None) -> tuple[ItemRecord, JobMessage]:
        """Admit a message whose file becomes a job that the queue has."""
        item, job = await self.queued(message_id, media)
        await self.index.job_published(job)
        return item, job

    async def unpublished(self) -> list[str]:
        """Return the ids of jobs that the queue is still to get."""
        return [job.job_id for job in await self.index.unpublished_jobs(100)]

    async def trail(self, job_id: str = "job-7") -> list[str]:
        """Return the kinds of a job's steps."""
        return [entry.kind for entry in await self.index.job_trail(job_id, 100)]

    async def update_state(self, item: ItemRecord) -> str:
        """Tell where the item's update stands in the inbox."""
        query = "SELECT state FROM inbox WHERE update_id = ?"
        state: str = await self.database.run(lambda c: c.execute(query, (item.update_id,)).fetchone()[0])
        return state

    async def count(self, query: str) -> int:
        """Run a counting query."""
        found: int = await self.database.run(lambda c: c.execute(query).fetchone()[0])
        return found


def sha_of(letters: str) -> str:
    """Return a whole sha256 from two letters."""
    return letters * 32


def key_of(item: ItemRecord) -> str:
    """Return a key of the item's own."""
    return f"teltubby/2025/03/ada/{item.incoming.message_id}/{item.id}.jpg"


def stored(sha: str, key: str, route: Route = Route.BOT_API) -> Stored:
    """Return an outcome of 1000 bytes."""
    return Stored(key, sha_of(sha), 1000, route)


def started(job: JobMessage) -> JobStarted:
    """Return the report that a worker took the job up."""
    return JobStarted(job_id=job.job_id, generation=job.generation, at=DATE, worker="worker-0", attempt=1)


def progress(job: JobMessage, done: int = 1) -> JobProgress:
    """Return a report of bytes."""
    return JobProgress(job_id=job.job_id, generation=job.generation, at=DATE, done_bytes=done, total_bytes=100)


def retrying(job: JobMessage) -> JobRetrying:
    """Return the report of a failed attempt."""
    return JobRetrying(
        job_id=job.job_id,
        generation=job.generation,
        at=DATE,
        error="the connection closed",
        category=ErrorCategory.TRANSIENT,
        retry_count=1,
        delay_seconds=2,
    )


def completed(job: JobMessage, sha: str = "aa") -> JobCompleted:
    """Return the report of an object at the job's key."""
    return JobCompleted(
        job_id=job.job_id, generation=job.generation, at=DATE, key=job.key, sha256=sha_of(sha), size_bytes=1000
    )


def failed(job: JobMessage) -> JobFailed:
    """Return the report of an end without object."""
    return JobFailed(
        job_id=job.job_id,
        generation=job.generation,
        at=DATE,
        error="the file is gone",
        category=ErrorCategory.PERMANENT,
    )


def cancelled(job: JobMessage) -> JobCancelled:
    """Return the report that a worker stopped as ordered."""
    return JobCancelled(job_id=job.job_id, generation=job.generation, at=DATE, worker="worker-0")


def replayed(job: JobMessage) -> JobReplayed:
    """Return the wish of an operator to have a dead letter tried again."""
    return JobReplayed(job_id=job.job_id, generation=job.generation, at=DATE)
