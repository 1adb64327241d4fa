"""What the archive needs from the world, in its own verbs. Adapters raise nothing but the errors of ``errors``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import (
    CancelOrder,
    JobEvent,
    JobMessage,
    JobState,
    News,
    RelayCopy,
    Report,
    SessionReport,
)
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.quota import Usage
from teltubby_core.domain.records import (
    ArchiveStats,
    Backlog,
    CarriedJob,
    Effect,
    Found,
    ItemRecord,
    JobRecord,
    KnownFile,
    Maintenance,
    MessageRecord,
    Outcome,
    Person,
    Reply,
    TrailEntry,
)
from teltubby_core.domain.sessions import SessionNotes, SessionSight
from teltubby_core.domain.speech import Answer, Buttons


class Clock(Protocol):
    """The time of day."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class MediaSource(Protocol):
    """One file at Telegram."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes in order. Errors: Transient, Permanent, FileTooBig.

        A first chunk may be empty: then the file is open and its size told, before any byte of it was asked for.
        """
        ...

    def told_size(self) -> int | None:
        """Return the bytes that the server said the file has when it was opened; None before, or when it did not."""
        ...


@dataclass(frozen=True)
class ObjectHead:
    """What the store tells of an object without reading it."""

    size_bytes: int


class Upload(Protocol):
    """An object in the making; invisible until committed."""

    async def write(self, chunk: bytes) -> None:
        """Append bytes. Bounded: returns when the store can take more."""
        ...

    async def commit(self, late: Mapping[str, str] | None = None) -> None:
        """Make the object appear, whole and durable, in place of one of the same key.

        ``late`` is metadata that was not known when it began. A store that has fixed its metadata by then, as S3 does
        for an upload in parts, leaves it out: the JSON beside the object has it.
        """
        ...

    async def abort(self) -> None:
        """Leave nothing behind. Safe to call at any time, also twice; does nothing after a commit."""
        ...


class ObjectStore(Protocol):
    """Private objects by key. Errors: StorageFull, StorageUnavailable, Transient."""

    @property
    def bucket(self) -> str:
        """Name of the bucket, as written to message.json."""
        ...

    async def begin(self, key: str, content_type: str, metadata: Mapping[str, str]) -> Upload:
        """Start an object of unknown size."""
        ...

    async def put(self, key: str, body: bytes, content_type: str) -> None:
        """Store a small object, replacing one of the same key in one step."""
        ...

    async def put_if_absent(self, key: str, body: bytes, content_type: str) -> bool:
        """Store a small object unless the key is taken; tell whether it was stored."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Read a small object (a document of ours), None when it is not there."""
        ...

    async def read(self, key: str, start: int, size: int) -> bytes | None:
        """Read up to ``size`` bytes of any object from ``start`` on; None when it is not there.

        Fewer only at its end, none behind it. ``size`` bounds the memory taken.
        """
        ...

    async def head(self, key: str) -> ObjectHead | None:
        """Look at an object, None when it is not there."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; no error when it is not there."""
        ...

    async def sweep(self) -> int:
        """Remove what dead uploads left behind and return how many there were."""
        ...


class Revocation:
    """Tells whoever holds a job that the queue took it back for being held too long: it is for others now."""

    def __init__(self) -> None:
        self._revoked = asyncio.Event()
        self._reason = ""

    def revoke(self, reason: str) -> None:
        """Take it back. ``reason`` names the limit and the setting behind it."""
        self._reason = self._reason or reason
        self._revoked.set()

    async def wait(self) -> str:
        """Wait until it is taken back, maybe for ever; return the reason."""
        await self._revoked.wait()
        return self._reason


@dataclass(frozen=True)
class Delivery:
    """A job in our hands until it is acked, retried, given back or dead-lettered. ``tag`` is the adapter's."""

    job: JobMessage
    redeliveries: int
    tag: int
    revocation: Revocation = field(default_factory=Revocation, compare=False)


@dataclass(frozen=True)
class QueueDepth:
    """How many jobs wait (those that wait for their time included), are in somebody's hands, or are dead letters.

    ``unacknowledged`` is None where the carrier does not tell.
    """

    ready: int
    unacknowledged: int | None
    dead: int


class JobQueue(Protocol):
    """Carries jobs; the index is the truth about them. Higher priority first, then older first.

    A job may come twice, to two holders at once too: whoever does it gives the same result each time. Errors:
    BrokerUnavailable, DatabaseUnavailable.
    """

    async def publish(self, job: JobMessage) -> None:
        """Queue a job durably. Where the carrier can tell, a job_id that waits or runs is not queued twice."""
        ...

    async def fetch(self, timeout: float) -> Delivery | None:
        """Wait up to ``timeout`` seconds for a job."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """The job has its outcome."""
        ...

    async def retry(self, delivery: Delivery, job: JobMessage, delay: float) -> None:
        """Queue ``job`` in place of the delivered one, to be had after ``delay`` seconds."""
        ...

    async def give_back(self, delivery: Delivery) -> None:
        """Queue it again unchanged, for whoever comes next."""
        ...

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put it aside with the reason."""
        ...

    async def stop_fetching(self) -> None:
        """No fetch follows: what was brought here ahead of one goes to others at once. Jobs in hand stay ours."""
        ...

    async def depth(self) -> QueueDepth:
        """Count."""
        ...


@dataclass(frozen=True)
class DeadLetter:
    """A message that nobody could do: a job, or None with what can't be read as one. ``at``: when it was put aside."""

    reason: str
    job: JobMessage | None
    at: datetime | None = None


class DeadLetters(Protocol):
    """What was put aside, for people to look at. Errors as of JobQueue."""

    async def browse(self, limit: int) -> list[DeadLetter]:
        """Return the oldest; they stay."""
        ...

    async def drain(self, decide: Callable[[DeadLetter], Awaitable[bool]]) -> int:
        """Show each that lies there now to ``decide``, oldest first; remove those it accepts, return how many.

        What ``decide`` raises ends it: that one and those behind it stay.
        """
        ...


class Control(Protocol):
    """Orders to all workers at once. They reach those that listen now; nobody keeps them. Errors as of JobQueue."""

    async def cancel(self, order: CancelOrder) -> None:
        """Tell every worker to stop a job."""
        ...

    async def next(self, timeout: float) -> CancelOrder | None:
        """Listen from the first call on; wait up to ``timeout`` seconds for an order."""
        ...


@dataclass(frozen=True)
class EventDelivery:
    """An event in our hands until it is acked."""

    event: Report
    tag: int | None


class Events(Protocol):
    """What workers report to the bot: durable and in order a job, but progress, which is bounded and may be lost.

    Errors as of JobQueue.
    """

    async def publish(self, event: Report) -> None:
        """Report."""
        ...

    async def announce(self, news: News) -> None:
        """Tell whoever listens, for the moment: nobody need, and nothing is kept."""
        ...

    async def next(self, timeout: float) -> EventDelivery | None:
        """Wait up to ``timeout`` seconds for an event; the same one again until it is acked."""
        ...

    async def ack(self, delivery: EventDelivery) -> None:
        """Its effect is in the index."""
        ...


@dataclass(frozen=True)
class RawUpdate:
    """An update as Telegram sent it. ``attempts`` counts failures so far."""

    update_id: int
    raw: str
    attempts: int = 0


class Inbox(Protocol):
    """Updates on disk before their offset is confirmed. Errors: DatabaseUnavailable."""

    async def store(self, updates: Sequence[RawUpdate]) -> int:
        """Commit them durably; those already there are left alone. Return how many were new."""
        ...

    async def pending(self, limit: int) -> list[RawUpdate]:
        """Return the oldest that intake has not read yet, in order of update_id."""
        ...

    async def discard(self, update_id: int) -> None:
        """It is none of ours: nothing of it is kept."""
        ...

    async def fail(self, update_id: int, error: str, max_attempts: int) -> bool:
        """Count a failure; tell whether the row is now parked, which it is at ``max_attempts``."""
        ...

    async def unpark(self) -> int:
        """Have all parked ones read anew, as if for the first time; return how many there were."""
        ...

    async def prune(self, older_than: float) -> int:
        """Remove done rows received before this Unix time."""
        ...


class ArchiveIndex(Protocol):
    """The truth about messages, items, duplicates, jobs and replies. Every method is one transaction."""

    async def claim(self, bot_id: int) -> int:
        """Record whose index this is, at first sight; return the owner's bot id.

        Two bots in one index would give the same chat and message ids to different messages.
        """
        ...

    async def admit(self, update_id: int, message: IncomingMessage, window: AlbumWindow, now: float) -> int:
        """Take a message with a file in, once; return the id of its MessageRecord."""
        ...

    async def edit(self, update_id: int, message: IncomingMessage) -> int | None:
        """Take in the new form of a message, once, in whatever order edits come; return its MessageRecord's id.

        Its caption is kept beside the earlier ones. Another file becomes a further item of the message: the earlier
        one stays. None when we do not have the message; then nothing is kept, and its update is still to be discarded.
        """
        ...

    async def answer(
        self, update_id: int, chat_id: int, reply_to: int, answer: Answer, pressed: int | None = None
    ) -> None:
        """Record the answer to a command and finish its update; a parked one stays parked.

        ``pressed``: our message whose button was pressed; an answer that is to be in its place is shown there.
        """
        ...

    async def close_due(self, now: float) -> list[int]:
        """Fix ids, ordinals and base path of the albums whose window is over; return their records' ids."""
        ...

    async def next_close(self) -> float | None:
        """Return when the next album closes, as Unix time."""
        ...

    async def claimable(self, now: float, exclude: frozenset[int], limit: int) -> list[ItemRecord]:
        """Return the oldest pending items of closed messages that are due."""
        ...

    async def next_due(self, exclude: frozenset[int]) -> float | None:
        """Return when the next pending item is due, as Unix time."""
        ...

    async def place(self, item_id: int, filename: str) -> str:
        """Fix an item's filename, once; return the one that stays."""
        ...

    async def intend(self, item_id: int, sha256: str, size_bytes: int) -> None:
        """These bytes are about to become the item's object: who finds it there need not fetch them again."""
        ...

    async def settle(self, item_id: int, outcome: Outcome) -> Outcome:
        """Record an outcome and finish the item's update.

        A Stored one whose hash is known under another key becomes a Duplicate (returned), and the deletion of
        its object is recorded. A Queued one whose file another job brings already follows that job: it is not to be
        published unless that job ends without the file.
        """
        ...

    async def postpone(self, item_id: int, error: str, due_at: float, *, counts: bool) -> int:
        """Try again at ``due_at``; return the number of attempts that counted."""
        ...

    async def hold(self, item_id: int, reason: str, due_at: float) -> None:
        """Leave an item alone until there is room for it; look again at ``due_at``. No attempt counts."""
        ...

    async def release_held(self, now: float) -> int:
        """There may be room again: look at once at all that are held; return how many."""
        ...

    async def known_file(self, file_unique_id: str) -> KnownFile | None:
        """Return the object of a file that Telegram calls the same."""
        ...

    async def known_hash(self, sha256: str) -> KnownFile | None:
        """Return the object of these bytes."""
        ...

    async def forget_object(self, key: str) -> None:
        """The object is gone from the bucket: nothing may be called its duplicate any more."""
        ...

    async def message(self, record_id: int) -> MessageRecord:
        """Return a message with its items."""
        ...

    async def undocumented(self, limit: int, exclude: frozenset[int] = frozenset()) -> list[MessageRecord]:
        """Return settled messages whose message.json is older than their last change."""
        ...

    async def documented(self, record_id: int, revision: int, at: float) -> None:
        """message.json of this revision lies in the bucket."""
        ...

    async def unpublished_jobs(self, limit: int) -> list[JobMessage]:
        """Return jobs that are recorded but not yet on the queue."""
        ...

    async def job_published(self, job: JobMessage) -> None:
        """The queue has it. A later generation that was recorded meanwhile is still to be published."""
        ...

    async def relay_copy(self, job: JobMessage) -> RelayCopy | None:
        """Return the copy in the relay channel that this generation of a job has."""
        ...

    async def relayed(self, job: JobMessage, copy: RelayCopy) -> None:
        """This generation of a job has this copy."""
        ...

    async def spent_relay_copies(self, limit: int) -> list[RelayCopy]:
        """Return copies whose jobs have ended, or go on with another one, oldest first."""
        ...

    async def relay_copy_removed(self, copy: RelayCopy) -> None:
        """It is not in the channel any more."""
        ...

    async def job_item(self, job_id: str) -> ItemRecord | None:
        """Return the item that a job carries."""
        ...

    async def apply(self, event: JobEvent) -> Effect:
        """Record what a worker reports, or that an operator has a job tried again.

        Reports of an older generation and those that come after the outcome change nothing. But a completion always
        counts, also after a failure or a cancel: the object is there.
        """
        ...

    async def session_reported(self, report: SessionReport) -> bool:
        """Keep what a worker says of a login; False when a later word of it is known."""
        ...

    async def session_reports(self) -> list[SessionReport]:
        """Return the last word of each worker on each login that it had within a week, the latest first."""
        ...

    async def cancel(self, job_id: str, by: int) -> CancelOrder | None:
        """End an open job on the word of user ``by``, whether it waits or runs; those that follow it go on.

        Return the order that workers are to get, also when it was cancelled before; None when it has ended otherwise
        or there is no such job.
        """
        ...

    async def retry(self, job_id: str, by: int) -> bool:
        """Give a job that FAILED or was CANCELLED another try; False when it is none of these.

        Its generation grows. It ends at once when its file is known by now, and follows when another job brings it.
        """
        ...

    async def republish(self, job_id: str, reason: str, limit: int) -> JobState | None:
        """Have a job published again that the queue seems to have lost; ``reason``: what tells so.

        Return PENDING; FAILED when that has happened ``limit`` times already and the job is given up; None when
        nothing was done because it is not with the queue (any more).
        """
        ...

    async def carried_jobs(self) -> list[CarriedJob]:
        """Return the jobs that queue or workers should have, oldest first."""
        ...

    async def jobs(self, user_id: int | None, limit: int, *, ended: bool, offset: int = 0) -> list[JobRecord]:
        """Return a user's open jobs (None: everybody's), newest first, from ``offset`` on.

        With ``ended`` the others behind them, and no offset.
        """
        ...

    async def failed_jobs(self, user_id: int | None, limit: int, offset: int) -> tuple[list[JobRecord], int]:
        """Return a user's failed jobs (None: everybody's), newest first, and how many there are in all."""
        ...

    async def open_jobs(self, user_id: int | None) -> dict[JobState, int]:
        """Count a user's open jobs (None: everybody's) by state."""
        ...

    async def find_jobs(self, prefix: str, user_id: int | None, limit: int) -> list[JobRecord]:
        """Return a user's jobs (None: everybody's) whose id begins with ``prefix``, in order of their ids."""
        ...

    async def jobs_ahead(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Return how many jobs come before each of these that wait in the queue: of higher priority, or older."""
        ...

    async def job_trail(self, job_id: str, limit: int) -> list[TrailEntry]:
        """Return the last steps of a job, oldest first."""
        ...

    async def replies(self, after: int, limit: int) -> list[Reply]:
        """Return replies that have something new to show, ids above ``after``, oldest first."""
        ...

    async def reply_of(self, record_id: int) -> Reply | None:
        """Return the living reply of a message, which others may share; None when its chat is closed to us."""
        ...

    async def burst(self, reply_id: int) -> list[MessageRecord]:
        """Return the messages that share a reply, oldest first."""
        ...

    async def reply_sent(self, reply_id: int, sent_id: int, text: str, version: int, buttons: Buttons = ()) -> None:
        """This text stands in the chat, with these buttons, and shows this version."""
        ...

    async def reply_ended(self, reply_id: int, *, chat_closed: bool) -> None:
        """It can't be shown any more; with ``chat_closed``, not before its chat's next message comes in."""
        ...

    async def pending_deletes(self) -> list[str]:
        """Return keys of objects that are to be removed."""
        ...

    async def deleted(self, key: str) -> None:
        """The object is gone."""
        ...

    async def find(self, user_id: int, words: str, offset: int, limit: int) -> Found:
        """Return a user's items that have all ``words`` in their captions, names, origins or dates; newest first.

        When none has, those that come closest, best first.
        """
        ...

    async def latest(self, user_id: int, limit: int) -> list[ItemRecord]:
        """Return a user's latest items, newest first."""
        ...

    async def item(self, item_id: int) -> ItemRecord | None:
        """Return an item, None when there is none of this id."""
        ...

    async def keep_search(self, user_id: int, words: str) -> int:
        """Keep what a user looks for, for its further pages; return its number. Only the latest are kept."""
        ...

    async def kept_search(self, user_id: int, search_id: int) -> str | None:
        """Return what a user looked for, None when it is not kept (any more)."""
        ...

    async def maintain(self) -> Maintenance:
        """Check the database, write it anew without gaps, bring statistics up to date. Everything else waits."""
        ...

    async def people(self) -> list[Person]:
        """Return everybody whose language is known."""
        ...

    async def note_person(self, person: Person) -> None:
        """Keep what is known of somebody, in place of what was."""
        ...

    async def stats(self) -> ArchiveStats:
        """Count."""
        ...

    async def backlog(self) -> Backlog:
        """Look at what waits; cheap enough to be asked again and again."""
        ...

    async def usage(self) -> Usage:
        """Return the bytes of stored objects and of open jobs. Cheap, whatever the size of the index."""
        ...


class SessionLease(Protocol):
    """A session that nobody else holds."""

    @property
    def name(self) -> str:
        """The slot's name."""
        ...

    @property
    def held(self) -> bool:
        """Whether it is still nobody else's, for certain; asked right before each packet, so it costs nothing."""
        ...

    @property
    def sight(self) -> SessionSight:
        """What is known of it; ``retiring`` tells that it is to be logged out and given back."""
        ...

    async def load(self) -> str | None:
        """Return its content, None while nobody has logged in. Errors: SessionGone when its place is not there."""
        ...

    async def save(self, content: str) -> None:
        """Keep its content, encrypted."""
        ...

    async def clear(self) -> None:
        """Forget its content, which opens nothing any more."""
        ...

    async def note(self, notes: SessionNotes) -> None:
        """Let others know how it is, soon. Never fails: what can't be written now is with the next renewal."""
        ...

    async def release(self) -> None:
        """Let the next one have it."""
        ...


Fit = Callable[[SessionSight], bool]
"""Says of a free session whether it will do."""


class SessionStore(Protocol):
    """Logins at Telegram, each used from one place at a time."""

    async def acquire(self, timeout: float, fit: Fit = lambda _: True) -> SessionLease:
        """Wait up to ``timeout`` seconds for a free session that fits; those with a login go first.

        Errors: Transient when there is none.
        """
        ...

    async def survey(self) -> list[SessionSight]:
        """Return how all sessions are, as far as one can see from here, in the order of their slots."""
        ...


ProgressCallback = Callable[[int], Awaitable[None]]
"""Told the bytes so far."""
