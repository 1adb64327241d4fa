"""What the archive knows of each message and item: the rows of the index as values, and the outcomes of an item."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from teltubby_core.domain.jobs import CancelOrder, JobMessage, JobState
from teltubby_core.domain.media import IncomingMessage, MediaItem
from teltubby_core.domain.routing import Route
from teltubby_core.domain.speech import Buttons


class DedupReason(StrEnum):
    """By what a duplicate was recognised."""

    FILE_UNIQUE_ID = "file_unique_id"
    SHA256 = "sha256"


class ItemState(StrEnum):
    """Where one item stands."""

    PENDING = "pending"  # to be routed and archived by the bot
    QUEUED = "queued"  # a job carries it
    STORED = "stored"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"  # by a person, while a job carried it

    @property
    def final(self) -> bool:
        """Whether the item has its outcome."""
        return self not in {ItemState.PENDING, ItemState.QUEUED}


@dataclass(frozen=True)
class Stored:
    """The item's object lies at ``key``. Size in bytes."""

    key: str
    sha256: str
    size_bytes: int
    route: Route


@dataclass(frozen=True)
class Duplicate:
    """The same bytes already lie at ``duplicate_of``.

    What an earlier attempt may have left at ``own_key`` is to go; None when there was no attempt.
    """

    duplicate_of: str
    reason: DedupReason
    sha256: str
    own_key: str | None
    route: Route | None = None


@dataclass(frozen=True)
class Skipped:
    """Not archived by rule."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """Not archived because it could not be had."""

    reason: str


@dataclass(frozen=True)
class Cancelled:
    """Not archived because somebody called its job off."""

    reason: str


@dataclass(frozen=True)
class Queued:
    """Handed over to a worker; or, while the same file is on its way already, to follow the job ``follows``."""

    job: JobMessage
    follows: str | None = None


Outcome = Stored | Duplicate | Skipped | Failed | Cancelled | Queued


@dataclass(frozen=True)
class KnownFile:
    """An object in the bucket and the curator who sent it first."""

    sha256: str
    key: str
    size_bytes: int


@dataclass(frozen=True)
class Caption:
    """A caption and since when its message had it, in Unix seconds; 0 for what it was sent with."""

    since: int
    text: str | None
    entities: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ItemRecord:
    """One item of a message. Times are Unix seconds, sizes bytes."""

    id: int
    message: int  # id of its MessageRecord
    update_id: int
    incoming: IncomingMessage
    media: MediaItem
    state: ItemState
    ordinal: int | None = None  # from 1; None while its album collects
    route: Route | None = None
    key: str | None = None  # of the stored object
    sha256: str | None = None
    size_bytes: int | None = None  # as stored
    duplicate_of: str | None = None
    dedup_reason: DedupReason | None = None
    skipped_reason: str | None = None
    last_error: str | None = None  # why it is not there yet
    held: bool = False  # until the archive has room for it; last_error says so
    attempts: int = 0
    job_id: str | None = None
    job_state: JobState | None = None
    filename: str | None = None  # fixed when the item is first placed: captions change later
    intended_sha256: str | None = None  # of the bytes that an attempt was about to make an object
    intended_size: int | None = None  # in bytes, of the same
    duplicate_owner: int | None = None  # chat of the first copy's curator
    follows: str | None = None  # the job that brings the same file already
    edition: int = 1  # how many-th file of its message: an edit may put another in place of the first
    later_captions: tuple[Caption, ...] = ()  # oldest first

    @property
    def captions(self) -> tuple[Caption, ...]:
        """All captions that its message had, oldest first; what changed nothing left out."""
        message = self.incoming
        since = int(message.edit_date.timestamp()) if message.edit_date else 0
        known = [Caption(since, message.caption, message.caption_entities), *self.later_captions]
        found: list[Caption] = []
        for caption in sorted(known, key=lambda each: each.since):
            if not found or (caption.text, caption.entities) != (found[-1].text, found[-1].entities):
                found.append(caption)
        return tuple(found)

    @property
    def caption(self) -> Caption:
        """The caption that its message has now."""
        return self.captions[-1]

    @property
    def correlation_id(self) -> str:
        """The name under which logs, jobs and documents speak of this item."""
        return f"u{self.update_id}"


@dataclass(frozen=True)
class MessageRecord:
    """One message or album with its items in Telegram's order.

    ``message_id`` is the lowest of the items when the album closed. ``revision`` grows with every change;
    ``documented`` is the revision of which message.json was last written.
    """

    id: int
    chat_id: int
    message_id: int
    media_group_id: str | None
    slug: str
    base_path: str | None  # None while the album collects
    revision: int
    documented: int
    documented_at: float | None
    items: tuple[ItemRecord, ...]

    @property
    def version(self) -> int:
        """Grows with every change that a reply may show, the writing of message.json included."""
        return self.revision + self.documented

    @property
    def complete(self) -> bool:
        """Whether it is settled and message.json says so."""
        return self.settled and self.documented >= self.revision

    @property
    def settled(self) -> bool:
        """Whether every item has its outcome."""
        return self.base_path is not None and all(item.state.final for item in self.items)


@dataclass(frozen=True)
class Reply:
    """A message of ours in a chat: a living one that follows a message or a burst of them, or the answer to a command.

    ``sent_id`` is Telegram's id once it was sent, ``sent_text`` and ``sent_buttons`` are what stands there now.
    ``version`` is that of all the records that it follows, as read; 0 for an answer.
    """

    id: int
    chat_id: int
    reply_to: int
    message: int | None  # the MessageRecord it follows
    text: str | None  # the answer to a command
    version: int
    sent_id: int | None
    sent_text: str | None
    burst: bool = False  # it follows several records
    buttons: Buttons = ()  # of the answer to a command
    sent_buttons: Buttons = ()
    file: int | None = None  # the item whose file it brings
    complete: bool = False  # nothing will follow of what it follows

    @property
    def living(self) -> bool:
        """Whether it follows messages."""
        return self.burst or self.message is not None


@dataclass(frozen=True)
class Found:
    """A page of what was looked for: its items, how many there are in all, and whether they only come close."""

    items: tuple[ItemRecord, ...]
    total: int
    close: bool = False


@dataclass(frozen=True)
class DatabaseSight:
    """How large a database is: bytes of its file and of those beside it, and how many of these are empty."""

    bytes: int
    empty_bytes: int


@dataclass(frozen=True)
class Maintenance:
    """What became of a database: before and after, what its check says (None: all is well), and the seconds taken."""

    before: DatabaseSight
    after: DatabaseSight
    problem: str | None
    seconds: float


@dataclass(frozen=True)
class Person:
    """Somebody who talks with the bot: the language that their app told last, and the one that they chose."""

    user_id: int
    seen: str | None = None
    chosen: str | None = None


@dataclass(frozen=True)
class ArchiveStats:
    """Counts over the whole index. Bytes are of stored objects."""

    messages: int
    stored: int
    stored_bytes: int
    duplicates: int
    skipped: int
    failed: int
    waiting: int
    jobs: dict[JobState, int]
    parked_updates: int
    cancelled: int = 0


@dataclass(frozen=True)
class Effect:
    """What became of a report about a job.

    ``message``: the id of the MessageRecord that it concerns, None when it came too late or is about nothing we know.
    ``stored``: the object that it brought, when this is the first that we hear of it. ``stop``: the order that its
    worker has not heard of, for it is at something that nobody wants any more.
    """

    message: int | None = None
    stored: Stored | None = None
    stop: CancelOrder | None = None


@dataclass(frozen=True)
class JobRecord:
    """A job as the index knows it, and the item that it carries. ``published``: the queue was given it."""

    message: JobMessage
    state: JobState
    item: ItemRecord
    created_at: datetime
    updated_at: datetime
    last_error: str | None
    published: bool

    @property
    def id(self) -> str:
        """Return the job's id."""
        return self.message.job_id

    @property
    def size_bytes(self) -> int | None:
        """Return the file's size: as stored, else as announced; None when nobody told."""
        return self.item.media.size_bytes if self.item.size_bytes is None else self.item.size_bytes


@dataclass(frozen=True)
class TrailEntry:
    """One step of a job in its audit trail: a report of a worker, or what bot and people did with it."""

    at: datetime
    kind: str
    details: dict[str, Any]


@dataclass(frozen=True)
class CarriedJob:
    """A job that the queue or a worker should have: open, published, following none.

    ``delay_seconds``: of one that is RETRYING, the pause that it was queued again with.
    """

    id: str
    correlation_id: str
    state: JobState
    priority: int
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Backlog:
    """What waits: updates that are not read yet, and since when the oldest open job does."""

    unread_updates: int
    oldest_job_at: datetime | None
