"""Rows that another version wrote, or a hand: they hold nobody up, and nothing of them is logged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.domain.jobs import JobStarted
from teltubby_core.ports import QueueDepth
from teltubby_core.testing import SteppedClock, sample_job


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "teltubby.db")
    await database.open()
    yield database
    await database.close()


async def test_a_job_that_cannot_be_read_becomes_a_dead_letter_with_the_reason(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    queue = SqliteJobQueue(database, SteppedClock(), "worker-0")
    await queue.publish(sample_job("odd"))
    await database.run(lambda db: db.execute("""UPDATE queued_jobs SET payload = '{"caption": "private"}'""").rowcount)
    await queue.publish(sample_job("fine"))

    delivery = await queue.fetch(0)

    assert delivery is not None
    assert delivery.job.job_id == "fine"
    assert await queue.depth() == QueueDepth(ready=0, unacknowledged=1, dead=1)
    reason = await database.run(lambda db: db.execute("SELECT max(dead_reason) FROM queued_jobs").fetchone()[0])
    assert reason.startswith("can't be read")
    assert "odd" in caplog.text
    assert "private" not in caplog.text + reason


async def test_an_event_that_cannot_be_read_is_logged_and_dropped(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    events = SqliteEvents(database)
    started = JobStarted(job_id="job-1", at=sample_job().date, worker="worker-0", attempt=1)
    await events.publish(started)
    await database.run(lambda db: db.execute("UPDATE queued_events SET payload = 'private'").rowcount)
    await events.publish(started)

    delivery = await events.next(0)

    assert delivery is not None
    assert delivery.event == started
    await events.ack(delivery)
    assert await events.next(0) is None
    assert "can't be read" in caplog.text
    assert "private" not in caplog.text
