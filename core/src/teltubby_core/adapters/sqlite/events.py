"""Events on one machine: durable ones on table ``queued_events``, progress in memory only."""

import logging
import sqlite3

from pydantic import ValidationError

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobProgress, News, Report, SessionReport, report
from teltubby_core.ports import EventDelivery
from teltubby_core.wakeup import Wakeup

log = logging.getLogger(__name__)

_MAX_PROGRESS = 1000
"""Jobs whose latest progress is kept; more never run at once, and the oldest report is the first to go."""

_ADD = "INSERT INTO queued_events (tag, payload) VALUES (?, ?)"
_FIRST = "SELECT tag, payload FROM queued_events ORDER BY tag LIMIT 1"
_REMOVE = "DELETE FROM queued_events WHERE tag = ?"


class SqliteEvents:
    """Durable events in the order of their publishing, each again and again until it is acked.

    Progress is handed out when no durable event waits, once, and is dropped when its job publishes something
    durable: so it never comes out of turn. One instance serves a process, since it is what wakes its waiters. Every
    method raises DatabaseUnavailableError when the database does.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._progress: dict[str, JobProgress] = {}
        self._wakeup = Wakeup()
        self._last_tag = 0  # touched in the database's thread only

    async def publish(self, event: Report) -> None:
        """Report."""
        # taken out first: a newer report goes to the end, and what came before a durable event is out of date
        if not isinstance(event, SessionReport):
            self._progress.pop(event.job_id, None)
        try:
            if isinstance(event, JobProgress):
                self._keep(event)
            else:
                await self._store(report.dump_json(event).decode())
        finally:
            self._wakeup.notify()  # also when cancelled: the row may be there

    async def announce(self, news: News) -> None:
        """Tell whoever listens: in one process, nobody does."""

    async def next(self, timeout: float) -> EventDelivery | None:
        """Wait up to ``timeout`` seconds for an event. One that can't be read is logged and dropped."""
        return await self._wakeup.poll(self._look, timeout)

    async def ack(self, delivery: EventDelivery) -> None:
        """Its effect is in the index; of progress (tag None) there is nothing to ack."""
        tag = delivery.tag
        if tag is not None:
            await self._database.run(lambda db: db.execute(_REMOVE, (tag,)).rowcount)

    def _keep(self, event: JobProgress) -> None:
        self._progress[event.job_id] = event
        if len(self._progress) > _MAX_PROGRESS:
            del self._progress[next(iter(self._progress))]

    async def _store(self, payload: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            highest = db.execute("SELECT coalesce(max(tag), 0) FROM queued_events").fetchone()[0]
            # never a tag twice: acking an event again must not take another one away
            self._last_tag = max(self._last_tag, highest) + 1
            db.execute(_ADD, (self._last_tag, payload))

        await self._database.run(work)

    async def _look(self) -> tuple[EventDelivery | None, float | None]:
        # chosen before the database is asked: progress that comes during it may stand behind a durable event
        oldest = next(iter(self._progress.values()), None)
        durable = await self._database.run(_first)
        if durable is None and oldest and self._progress.get(oldest.job_id) is oldest:
            return EventDelivery(self._progress.pop(oldest.job_id), None), None
        return durable, None


def _first(db: sqlite3.Connection) -> EventDelivery | None:
    while row := db.execute(_FIRST).fetchone():
        try:
            return EventDelivery(report.validate_json(row["payload"]), row["tag"])
        except ValidationError as error:
            # as after a downgrade; the reconciler finds out what became of the job
            where = error.errors()[0]["loc"]
            log.error("event %d can't be read and is dropped: wrong at %s", row["tag"], where)
            db.execute(_REMOVE, (row["tag"],))
    return None
