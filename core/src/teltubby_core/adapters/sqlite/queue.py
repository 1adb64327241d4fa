"""The job queue of one machine, on table ``queued_jobs``. It carries jobs and knows nothing of what they do."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from teltubby_core.adapters._unreadable import unreadable_reason
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import Clock, Delivery, QueueDepth
from teltubby_core.wakeup import Wakeup

T = TypeVar("T")

log = logging.getLogger(__name__)

_FREE = "UPDATE queued_jobs SET holder = NULL, redeliveries = redeliveries + 1 WHERE holder IS NOT NULL"
_MAKE_ROOM = "DELETE FROM queued_jobs WHERE job_id = ? AND dead_reason IS NOT NULL"
_QUEUE = """
    INSERT INTO queued_jobs (tag, job_id, priority, payload, available_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (job_id) DO UPDATE SET tag = excluded.tag, priority = excluded.priority, payload = excluded.payload,
        available_at = excluded.available_at, redeliveries = 0, holder = NULL
    WHERE json_extract(excluded.payload, '$.generation') > json_extract(queued_jobs.payload, '$.generation')
"""
_FIRST_DUE = """
    SELECT tag, job_id, payload, redeliveries FROM queued_jobs
    WHERE holder IS NULL AND dead_reason IS NULL AND available_at <= ?
    ORDER BY priority DESC, tag LIMIT 1
"""
_NEXT_DUE = "SELECT min(available_at) FROM queued_jobs WHERE holder IS NULL AND dead_reason IS NULL"
_TAKE = "UPDATE queued_jobs SET holder = ? WHERE tag = ?"
_PUT_BACK = "UPDATE queued_jobs SET holder = NULL WHERE tag = ? AND job_id = ? AND holder = ?"
_BURY_UNREADABLE = "UPDATE queued_jobs SET dead_reason = ?, tag = ? WHERE tag = ?"
_ACK = "DELETE FROM queued_jobs WHERE tag = ? AND job_id = ? AND holder = ?"
_RETRY = """
    UPDATE queued_jobs SET tag = ?, priority = ?, payload = ?, available_at = ?, holder = NULL
    WHERE tag = ? AND job_id = ? AND holder = ?
"""
_GIVE_BACK = "UPDATE queued_jobs SET tag = ?, holder = NULL WHERE tag = ? AND job_id = ? AND holder = ?"
_BURY = "UPDATE queued_jobs SET dead_reason = ?, tag = ?, holder = NULL WHERE tag = ? AND job_id = ? AND holder = ?"
_COUNT = """
    SELECT count(*) FILTER (WHERE holder IS NULL AND dead_reason IS NULL),
           count(*) FILTER (WHERE holder IS NOT NULL),
           count(*) FILTER (WHERE dead_reason IS NOT NULL)
    FROM queued_jobs
"""


class SqliteJobQueue:
    """Jobs as rows. A row's tag is its age: it changes each time the job is queued, so an old delivery means nothing.

    One instance serves a process, since it is what wakes its waiters. Every method raises DatabaseUnavailableError
    when the database does.
    """

    def __init__(self, database: Database, clock: Clock, holder: str) -> None:
        """Take jobs in the name of ``holder``, which a row in our hands shows to whoever looks into the file."""
        self._database = database
        self._clock = clock
        self._holder = holder
        self._wakeup = Wakeup()
        self._last_tag = 0  # touched in the database's thread only

    async def recover(self) -> int:
        """Free the jobs of processes that died, which counts as a redelivery; return how many.

        To be called once, before the first fetch: the database is locked to this process, so whoever holds a job
        by then is dead.
        """
        return await self._change(lambda db: db.execute(_FREE).rowcount)

    async def publish(self, job: JobMessage) -> None:
        """Queue a job durably unless its job_id waits or runs in this generation or a later one.

        It takes the place of a dead letter of that job_id, and of an earlier generation, in whose hands that ever is.
        """

        def work(db: sqlite3.Connection) -> None:
            db.execute(_MAKE_ROOM, (job.job_id,))
            row = (self._new_tag(db), job.job_id, _level(job), job.model_dump_json(), self._clock.now())
            db.execute(_QUEUE, row)

        await self._change(work)

    async def fetch(self, timeout: float) -> Delivery | None:
        """Wait up to ``timeout`` seconds for a job. One that can't be read becomes a dead letter."""
        return await self._wakeup.poll(self._look, timeout)

    async def ack(self, delivery: Delivery) -> None:
        """Forget the job. Like all that follow it leaves alone what is no longer in our hands."""
        await self._settle(delivery, _ACK, lambda _: ())

    async def retry(self, delivery: Delivery, job: JobMessage, delay: float) -> None:
        """Queue ``job`` in place of the delivered one, to be had after ``delay`` seconds."""
        payload, due = job.model_dump_json(), self._clock.now() + delay
        await self._settle(delivery, _RETRY, lambda db: (self._new_tag(db), _level(job), payload, due))

    async def give_back(self, delivery: Delivery) -> None:
        """Queue it again unchanged, behind what waits with the same priority."""
        await self._settle(delivery, _GIVE_BACK, lambda db: (self._new_tag(db),))

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put it aside with the reason."""
        await self._settle(delivery, _BURY, lambda db: (reason, self._new_tag(db)))

    async def stop_fetching(self) -> None:
        """Nothing is brought here ahead of a fetch."""

    async def depth(self) -> QueueDepth:
        """Count."""
        ready, held, dead = await self._database.run(lambda db: tuple(db.execute(_COUNT).fetchone()))
        return QueueDepth(ready=ready, unacknowledged=held, dead=dead)

    async def _look(self) -> tuple[Delivery | None, float | None]:
        claimed: list[Delivery] = []

        def work(db: sqlite3.Connection) -> float | None:
            now = self._clock.now()
            claimed.extend(self._claim(db, now))
            due = None if claimed else db.execute(_NEXT_DUE).fetchone()[0]
            return None if due is None else due - now

        try:
            pause = await self._database.run(work)
        except asyncio.CancelledError:
            # whoever asked is gone, but the transaction may have been committed: nobody would know of the job
            if claimed:
                await self._settle(claimed[0], _PUT_BACK, lambda _: ())
            raise
        return (claimed[0] if claimed else None), pause

    def _claim(self, db: sqlite3.Connection, now: float) -> list[Delivery]:
        """Take the first due job that can be read; at most one."""
        while row := db.execute(_FIRST_DUE, (now,)).fetchone():
            try:
                job = JobMessage.model_validate_json(row["payload"])
            except ValidationError as error:
                reason = unreadable_reason(error)
                log.error("job %s is a dead letter: %s", row["job_id"], reason)  # input stays out
                db.execute(_BURY_UNREADABLE, (reason, self._new_tag(db), row["tag"]))
                continue
            db.execute(_TAKE, (self._holder, row["tag"]))
            return [Delivery(job, row["redeliveries"], row["tag"])]
        return []

    async def _settle(
        self, delivery: Delivery, sql: str, values: Callable[[sqlite3.Connection], tuple[object, ...]]
    ) -> None:
        held = (delivery.tag, delivery.job.job_id, self._holder)
        await self._change(lambda db: db.execute(sql, (*values(db), *held)).rowcount)

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._database.run(work)
        finally:
            self._wakeup.notify()  # also when cancelled: the change may have been made

    def _new_tag(self, db: sqlite3.Connection) -> int:
        highest = db.execute("SELECT coalesce(max(tag), 0) FROM queued_jobs").fetchone()[0]
        self._last_tag = max(self._last_tag, highest) + 1
        return self._last_tag


def _level(job: JobMessage) -> int:
    return job.job_metadata.priority.level
