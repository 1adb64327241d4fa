"""ArchiveIndex on SQLite: each verb one transaction, its work in the module of its subject."""

from collections.abc import Sequence

from teltubby_core.adapters.sqlite import (
    finding,
    intake,
    job_lists,
    job_orders,
    job_rows,
    jobs,
    maintenance,
    outcomes,
    people,
    projections,
    relays,
    replies,
    rows,
    session_reports,
    trail,
)
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import CancelOrder, JobEvent, JobMessage, JobState, RelayCopy, SessionReport
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
from teltubby_core.domain.speech import Answer, Buttons


class SqliteIndex:
    """The index of one bot. Method by method as described in ArchiveIndex."""

    def __init__(self, database: Database, *, dedup: bool = True) -> None:
        """Use ``database``; without ``dedup`` equal bytes become objects of their own."""
        self._database = database
        self._dedup = dedup

    async def claim(self, bot_id: int) -> int:
        return await self._database.run(lambda c: intake.claim(c, bot_id))

    async def admit(self, update_id: int, message: IncomingMessage, window: AlbumWindow, now: float) -> int:
        return await self._database.run(lambda c: intake.admit(c, update_id, message, window, now))

    async def edit(self, update_id: int, message: IncomingMessage) -> int | None:
        return await self._database.run(lambda c: intake.edit(c, update_id, message))

    async def answer(
        self, update_id: int, chat_id: int, reply_to: int, answer: Answer, pressed: int | None = None
    ) -> None:
        await self._database.run(lambda c: replies.answer(c, update_id, chat_id, reply_to, answer, pressed))

    async def close_due(self, now: float) -> list[int]:
        return await self._database.run(lambda c: intake.close_due(c, now))

    async def next_close(self) -> float | None:
        return await self._database.run(intake.next_close)

    async def claimable(self, now: float, exclude: frozenset[int], limit: int) -> list[ItemRecord]:
        return await self._database.run(lambda c: intake.claimable(c, now, exclude, limit))

    async def next_due(self, exclude: frozenset[int]) -> float | None:
        return await self._database.run(lambda c: intake.next_due(c, exclude))

    async def postpone(self, item_id: int, error: str, due_at: float, *, counts: bool) -> int:
        return await self._database.run(lambda c: intake.postpone(c, item_id, error, due_at, counts=counts))

    async def hold(self, item_id: int, reason: str, due_at: float) -> None:
        await self._database.run(lambda c: intake.hold(c, item_id, reason, due_at))

    async def release_held(self, now: float) -> int:
        return await self._database.run(lambda c: intake.release_held(c, now))

    async def place(self, item_id: int, filename: str) -> str:
        return await self._database.run(lambda c: intake.place(c, item_id, filename))

    async def intend(self, item_id: int, sha256: str, size_bytes: int) -> None:
        await self._database.run(lambda c: intake.intend(c, item_id, sha256, size_bytes))

    async def settle(self, item_id: int, outcome: Outcome) -> Outcome:
        return await self._database.run(lambda c: outcomes.settle(c, item_id, outcome, dedup=self._dedup))

    async def known_file(self, file_unique_id: str) -> KnownFile | None:
        return await self._database.run(lambda c: outcomes.known_by_file_id(c, file_unique_id))

    async def known_hash(self, sha256: str) -> KnownFile | None:
        return await self._database.run(lambda c: rows.known_file(c, sha256))

    async def forget_object(self, key: str) -> None:
        await self._database.run(lambda c: outcomes.forget_object(c, key))

    async def pending_deletes(self) -> list[str]:
        return await self._database.run(outcomes.pending_deletes)

    async def deleted(self, key: str) -> None:
        await self._database.run(lambda c: outcomes.deleted(c, key))

    async def message(self, record_id: int) -> MessageRecord:
        return await self._database.run(lambda c: rows.message(c, record_id))

    async def undocumented(self, limit: int, exclude: frozenset[int] = frozenset()) -> list[MessageRecord]:
        return await self._database.run(lambda c: projections.undocumented(c, limit, exclude))

    async def documented(self, record_id: int, revision: int, at: float) -> None:
        await self._database.run(lambda c: projections.documented(c, record_id, revision, at))

    async def unpublished_jobs(self, limit: int) -> list[JobMessage]:
        return await self._database.run(lambda c: jobs.unpublished(c, limit))

    async def job_published(self, job: JobMessage) -> None:
        await self._database.run(lambda c: jobs.published(c, job))

    async def relay_copy(self, job: JobMessage) -> RelayCopy | None:
        return await self._database.run(lambda c: relays.of(c, job))

    async def relayed(self, job: JobMessage, copy: RelayCopy) -> None:
        await self._database.run(lambda c: relays.note(c, job, copy))

    async def spent_relay_copies(self, limit: int) -> list[RelayCopy]:
        return await self._database.run(lambda c: relays.spent(c, limit))

    async def relay_copy_removed(self, copy: RelayCopy) -> None:
        await self._database.run(lambda c: relays.forget(c, copy))

    async def job_item(self, job_id: str) -> ItemRecord | None:
        return await self._database.run(lambda c: job_rows.item_of_job(c, job_id))

    async def apply(self, event: JobEvent) -> Effect:
        return await self._database.run(lambda c: jobs.apply(c, event, dedup=self._dedup))

    async def session_reported(self, report: SessionReport) -> bool:
        return await self._database.run(lambda c: session_reports.note(c, report))

    async def session_reports(self) -> list[SessionReport]:
        return await self._database.run(session_reports.last)

    async def cancel(self, job_id: str, by: int) -> CancelOrder | None:
        return await self._database.run(lambda c: job_orders.cancel(c, job_id, by))

    async def retry(self, job_id: str, by: int) -> bool:
        return await self._database.run(lambda c: job_orders.retry(c, job_id, by, dedup=self._dedup))

    async def republish(self, job_id: str, reason: str, limit: int) -> JobState | None:
        return await self._database.run(lambda c: job_orders.republish(c, job_id, reason, limit))

    async def carried_jobs(self) -> list[CarriedJob]:
        return await self._database.run(job_lists.carried)

    async def jobs(self, user_id: int | None, limit: int, *, ended: bool, offset: int = 0) -> list[JobRecord]:
        return await self._database.run(lambda c: job_lists.listed(c, user_id, limit, ended=ended, offset=offset))

    async def failed_jobs(self, user_id: int | None, limit: int, offset: int) -> tuple[list[JobRecord], int]:
        return await self._database.run(lambda c: job_lists.failed(c, user_id, limit, offset))

    async def open_jobs(self, user_id: int | None) -> dict[JobState, int]:
        return await self._database.run(lambda c: job_lists.counts(c, user_id))

    async def find_jobs(self, prefix: str, user_id: int | None, limit: int) -> list[JobRecord]:
        return await self._database.run(lambda c: job_lists.by_prefix(c, prefix, user_id, limit))

    async def jobs_ahead(self, job_ids: Sequence[str]) -> dict[str, int]:
        return await self._database.run(lambda c: job_lists.ahead(c, job_ids))

    async def job_trail(self, job_id: str, limit: int) -> list[TrailEntry]:
        return await self._database.run(lambda c: trail.last(c, job_id, limit))

    async def replies(self, after: int, limit: int) -> list[Reply]:
        return await self._database.run(lambda c: replies.open_ones(c, after, limit))

    async def reply_of(self, record_id: int) -> Reply | None:
        return await self._database.run(lambda c: replies.of_record(c, record_id))

    async def burst(self, reply_id: int) -> list[MessageRecord]:
        return await self._database.run(lambda c: replies.burst(c, reply_id))

    async def reply_sent(self, reply_id: int, sent_id: int, text: str, version: int, buttons: Buttons = ()) -> None:
        await self._database.run(lambda c: replies.sent(c, reply_id, sent_id, text, version, buttons))

    async def reply_ended(self, reply_id: int, *, chat_closed: bool) -> None:
        await self._database.run(lambda c: replies.ended(c, reply_id, chat_closed=chat_closed))

    async def find(self, user_id: int, words: str, offset: int, limit: int) -> Found:
        return await self._database.run(lambda c: finding.find(c, user_id, words, offset, limit))

    async def latest(self, user_id: int, limit: int) -> list[ItemRecord]:
        return await self._database.run(lambda c: finding.latest(c, user_id, limit))

    async def item(self, item_id: int) -> ItemRecord | None:
        return await self._database.run(lambda c: finding.item(c, item_id))

    async def keep_search(self, user_id: int, words: str) -> int:
        return await self._database.run(lambda c: finding.keep(c, user_id, words))

    async def kept_search(self, user_id: int, search_id: int) -> str | None:
        return await self._database.run(lambda c: finding.kept(c, user_id, search_id))

    async def maintain(self) -> Maintenance:
        return await self._database.alone(maintenance.maintain)

    async def people(self) -> list[Person]:
        return await self._database.run(people.everybody)

    async def note_person(self, person: Person) -> None:
        await self._database.run(lambda c: people.note(c, person))

    async def stats(self) -> ArchiveStats:
        return await self._database.run(projections.stats)

    async def usage(self) -> Usage:
        return await self._database.run(projections.usage)

    async def backlog(self) -> Backlog:
        return await self._database.run(projections.backlog)
