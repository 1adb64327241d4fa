"""What the index keeps of workers' words about their logins."""

from datetime import UTC, datetime, timedelta

import pytest

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def index(either_database: Database) -> SqliteIndex:
    return SqliteIndex(either_database)


def report(worker: str = "w-0", *, session: str = "s-0", ago: timedelta = timedelta()) -> SessionReport:
    notes = SessionNotes(state=SessionState.READY, kind=SessionKind.BOT, dc_id=2, used_at=NOW)
    return SessionReport(kind="session.ready", at=NOW - ago, session=session, worker=worker, notes=notes)


async def test_the_last_word_of_each_worker_on_each_session_is_kept_the_latest_first(index: SqliteIndex) -> None:
    older, newer = report(ago=timedelta(minutes=3)), report(ago=timedelta(minutes=1))
    others = [report("w-1"), report(session="s-1", ago=timedelta(minutes=2))]
    for each in (older, newer, *others):
        assert await index.session_reported(each)
    assert await index.session_reports() == [others[0], newer, others[1]]


async def test_a_word_that_was_overtaken_changes_nothing(index: SqliteIndex) -> None:
    newer = report()
    await index.session_reported(newer)
    assert not await index.session_reported(report(ago=timedelta(seconds=1)))
    assert await index.session_reports() == [newer]


async def test_words_of_workers_long_gone_are_forgotten(index: SqliteIndex) -> None:
    await index.session_reported(report("gone", ago=timedelta(days=7, seconds=1)))
    await index.session_reported(report())
    assert [each.worker for each in await index.session_reports()] == ["w-0"]
