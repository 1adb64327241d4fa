"""What every event channel does. A further adapter is a further maker in ``MAKERS``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from teltubby_core.adapters.rabbitmq import Broker, RabbitEvents
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.domain.jobs import (
    JobCompleted,
    JobEvent,
    JobFailed,
    JobProgress,
    JobQueued,
    JobRetrying,
    JobStarted,
    Priority,
    Report,
    SessionReport,
)
from teltubby_core.domain.sessions import SessionNotes, SessionState
from teltubby_core.errors import ErrorCategory
from teltubby_core.ports import Events
from teltubby_core.testing import MemoryEvents
from testbed.brokers import rabbit_settings

AT = datetime(2025, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC)
SOON = 10.0


@dataclass
class Harness:
    """A channel, what makes its reader forget what it read, and the seconds after which what is there has come."""

    events: Events
    restart: Callable[[], Awaitable[Events]]
    wait: float = 0.0

    async def drain(self, events: Events | None = None) -> list[Report]:
        """Read and ack all that is there."""
        found = []
        while delivery := await (events or self.events).next(self.wait):
            found.append(delivery.event)
            await (events or self.events).ack(delivery)
        return found


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    events = MemoryEvents()

    async def same() -> Events:
        return events

    yield Harness(events, same)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    path: Path = request.getfixturevalue("tmp_path")
    opened: list[Database] = []

    async def reopened() -> Events:
        if opened:
            await opened[-1].close()
        opened.append(Database(path / "teltubby.db"))
        await opened[-1].open()
        return SqliteEvents(opened[-1])

    yield Harness(await reopened(), reopened)
    await opened[-1].close()


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    settings = rabbit_settings(request.getfixturevalue("rabbitmq"))
    brokers = [Broker(settings, "contract test")]

    async def reconnected() -> Events:
        await brokers[-1].close()
        brokers.append(Broker(settings, "contract test"))
        return RabbitEvents(brokers[-1])

    yield Harness(RabbitEvents(brokers[0]), reconnected, wait=0.3)
    await brokers[-1].close()


MAKERS = [memory, sqlite, rabbitmq]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with request.param(request) as made:
        yield made


@pytest.fixture
def events(harness: Harness) -> Events:
    return harness.events


def started(job_id: str) -> JobStarted:
    return JobStarted(job_id=job_id, at=AT, worker="worker-0", attempt=1)


def progress(job_id: str, done: int) -> JobProgress:
    return JobProgress(job_id=job_id, at=AT, done_bytes=done, total_bytes=None)


def completed(job_id: str) -> JobCompleted:
    return JobCompleted(job_id=job_id, at=AT, key="teltubby/a", sha256="0" * 64, size_bytes=1)


async def test_nothing_comes_of_nothing(events: Events) -> None:
    assert await events.next(0) is None
    assert await events.next(0.01) is None


async def test_events_come_in_order_and_unchanged(harness: Harness) -> None:
    sent: list[JobEvent] = [
        started("job-1"),
        JobRetrying(
            job_id="job-1", at=AT, error="reset", category=ErrorCategory.TRANSIENT, retry_count=1, delay_seconds=2.5
        ),
        started("job-2"),
        JobFailed(job_id="job-2", generation=3, at=AT, error="gone", category=ErrorCategory.PERMANENT),
        completed("job-1"),
    ]
    for event in sent:
        await harness.events.publish(event)

    assert await harness.drain() == sent


@pytest.mark.parametrize("state", SessionState)
async def test_words_about_a_session_come_in_order_with_those_about_jobs(harness: Harness, state: SessionState) -> None:
    notes = SessionNotes(state=state, flood_until=AT, reason="why")
    word = SessionReport(kind=f"session.{state}", at=AT, session="s-0", worker="w-0", notes=notes, held=False)
    sent: list[Report] = [started("job-1"), word, completed("job-1")]
    for event in sent:
        await harness.events.publish(event)

    assert await harness.drain() == sent


async def test_an_event_comes_again_until_it_is_acked(harness: Harness) -> None:
    await harness.events.publish(started("job-1"))
    await harness.events.publish(completed("job-1"))

    for _ in range(3):
        first = await harness.events.next(SOON)
        assert first is not None
        assert first.event == started("job-1")
    events = await harness.restart()

    assert await harness.drain(events) == [started("job-1"), completed("job-1")]
    assert await (await harness.restart()).next(harness.wait) is None


async def test_an_event_acked_twice_takes_no_other_away(harness: Harness) -> None:
    events = harness.events
    await events.publish(started("job-1"))
    first = await events.next(SOON)
    assert first is not None
    await events.ack(first)
    await events.publish(completed("job-1"))

    await events.ack(first)

    assert await harness.drain() == [completed("job-1")]


async def test_of_progress_only_the_latest_comes_once(harness: Harness) -> None:
    events = harness.events
    for done in (1, 2, 3):
        await events.publish(progress("job-1", done))

    delivery = await events.next(SOON)
    assert delivery is not None
    assert delivery.event == progress("job-1", 3)
    await events.ack(delivery)
    assert await events.next(harness.wait) is None


async def test_progress_never_overtakes_its_job(harness: Harness) -> None:
    await harness.events.publish(started("job-1"))
    await harness.events.publish(progress("job-1", 5))

    assert await harness.drain() == [started("job-1"), progress("job-1", 5)]


async def test_progress_never_comes_after_what_ended_it(harness: Harness) -> None:
    await harness.events.publish(progress("job-1", 5))
    await harness.events.publish(progress("job-2", 6))
    await harness.events.publish(completed("job-1"))

    assert await harness.drain() == [completed("job-1"), progress("job-2", 6)]


async def test_progress_read_while_its_job_ends_comes_before_the_end_or_never(harness: Harness) -> None:
    events = harness.events
    await events.publish(progress("job-1", 5))
    reading = asyncio.ensure_future(events.next(SOON))
    await asyncio.sleep(0)
    await events.publish(completed("job-1"))

    async with asyncio.timeout(SOON):
        first = await reading
    assert first is not None
    await events.ack(first)

    found = [first.event, *await harness.drain()]
    assert found in ([completed("job-1")], [progress("job-1", 5), completed("job-1")])


async def test_progress_of_many_jobs_is_bounded_and_the_oldest_goes_first(harness: Harness) -> None:
    await harness.events.publish(progress("job-0", 1))
    await harness.events.publish(progress("job-1", 1))
    await harness.events.publish(progress("job-0", 2))
    for number in range(2, 1001):
        await harness.events.publish(progress(f"job-{number}", 1))

    found = {event.job_id for event in await harness.drain() if isinstance(event, JobProgress)}

    assert len(found) == 1000
    assert "job-1" not in found
    assert "job-0" in found


@pytest.mark.parametrize("event", [started("job-1"), progress("job-1", 5)], ids=["durable", "progress"])
async def test_a_waiting_reader_wakes_at_once(events: Events, event: JobEvent) -> None:
    async with asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(events.next(SOON * 2))
        assert await events.next(0) is None  # by now the waiting one has looked
        await events.publish(event)
        delivery = await waiting

    assert delivery is not None
    assert delivery.event == event


async def test_news_reach_no_reader_of_reports(harness: Harness) -> None:
    await harness.events.announce(JobQueued(job_id="job-1", at=AT, priority=Priority.HIGH))
    await harness.events.publish(started("job-1"))

    assert await harness.drain() == [started("job-1")]


async def test_a_read_that_is_cancelled_loses_no_event(harness: Harness) -> None:
    sent: list[JobEvent] = [started(f"job-{number}") for number in range(10)]
    for event in sent:
        await harness.events.publish(event)
    for number in range(20):
        reading = asyncio.ensure_future(harness.events.next(SOON))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert await harness.drain() == sent
