"""News go out beside the work: it waits for none of them, and none of them fails it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support import eventually
from teltubby_bot.announcing import Announcer
from teltubby_core.domain.jobs import ArchiveStored, JobQueued, News, Priority
from teltubby_core.domain.records import Stored
from teltubby_core.domain.routing import Route
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.testing import MemoryEvents, SteppedClock, sample_job

STORED = Stored("teltubby/x.jpg", "ab" * 32, 5, Route.BOT_API)


class SlowEvents(MemoryEvents):
    """Takes news when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def announce(self, news: News) -> None:
        await self.gate.wait()
        await super().announce(news)


@pytest.fixture
async def events() -> SlowEvents:
    return SlowEvents()


@pytest.fixture
async def announcer(events: SlowEvents) -> AsyncIterator[Announcer]:
    announcer = Announcer(events, SteppedClock(), "archive")
    yield announcer
    await announcer.stop()


async def test_queued_jobs_and_stored_files_are_announced(events: SlowEvents, announcer: Announcer) -> None:
    events.gate.set()
    announcer.queued(sample_job("j", priority=Priority.HIGH).model_copy(update={"generation": 2}))
    announcer.stored(STORED)
    await eventually(lambda: len(events.announced) == 2)
    queued, stored = events.announced
    assert isinstance(queued, JobQueued)
    assert (queued.job_id, queued.generation, queued.priority) == ("j", 2, Priority.HIGH)
    assert isinstance(stored, ArchiveStored)
    assert (stored.bucket, stored.key, stored.sha256, stored.size_bytes) == (
        "archive",
        STORED.key,
        STORED.sha256,
        5,
    )


async def test_a_broker_that_is_away_is_only_logged(
    events: SlowEvents, announcer: Announcer, caplog: pytest.LogCaptureFixture
) -> None:
    events.gate.set()
    events.fail_with = BrokerUnavailableError("connection refused")
    announcer.stored(STORED)
    await eventually(lambda: "archive.stored not announced: connection refused" in caplog.text)


async def test_one_that_does_not_answer_is_waited_for_no_longer_than_so(
    events: SlowEvents,
    announcer: Announcer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("teltubby_bot.announcing._SECONDS", 0.01)
    announcer.stored(STORED)
    await eventually(lambda: "no answer within 0.01 s" in caplog.text)


async def test_while_it_does_not_answer_news_are_bounded(events: SlowEvents, announcer: Announcer) -> None:
    for _ in range(250):
        announcer.stored(STORED)
    events.gate.set()
    await eventually(lambda: len(events.announced) == 100 and announcer._tasks.idle)


async def test_a_stop_leaves_what_is_under_way(events: SlowEvents, announcer: Announcer) -> None:
    announcer.stored(STORED)
    await announcer.stop()
    assert events.announced == []
