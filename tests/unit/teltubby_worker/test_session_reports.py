"""What the bot hears of the worker's login: each change, and now and then that it lives."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from support import eventually
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.observability import Metrics
from teltubby_core.testing import MemoryEvents, SteppedClock
from teltubby_worker.session_reports import SessionReports

READY = SessionNotes(state=SessionState.READY, kind=SessionKind.USER, dc_id=2)
LOST = SessionNotes(state=SessionState.LOST, kind=SessionKind.USER, reason="revoked")


class Office:
    def __init__(self) -> None:
        self.events = MemoryEvents()
        self.clock = SteppedClock()
        self.metrics = Metrics("worker")
        self.reports = SessionReports(self.events, self.clock, "w-0", self.metrics, pause=lambda _: 0.0)

    async def heard(self) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        while delivery := await self.events.next(0.05):
            assert isinstance(delivery.event, SessionReport)
            assert (delivery.event.session, delivery.event.worker) == ("s-0", "w-0")
            found.append((delivery.event.kind, delivery.event.held))
            await self.events.ack(delivery)
        return found


@pytest.fixture
async def office() -> Office:
    return Office()


async def test_each_change_is_told_and_what_stays_is_not(office: Office) -> None:
    for notes in (READY, READY, LOST, LOST, READY):
        office.reports("s-0", notes, True)
        await asyncio.sleep(0)
    await eventually(lambda: office.reports.idle)
    assert await office.heard() == [("session.ready", True), ("session.lost", True), ("session.ready", True)]


async def test_use_alone_is_told_every_five_minutes(office: Office) -> None:
    for minute in range(11):
        used = datetime.now(UTC) + timedelta(minutes=minute)
        office.reports("s-0", READY.model_copy(update={"used_at": used}), True)
        await eventually(lambda: office.reports.idle)
        office.clock.advance(60)
    assert await office.heard() == [("session.ready", True)] * 3


async def test_the_latest_word_is_told_once_the_broker_takes_it(office: Office) -> None:
    office.events.fail_with = BrokerUnavailableError("away")
    office.reports("s-0", READY, True)
    await asyncio.sleep(0)
    office.reports("s-0", LOST, True)
    office.events.fail_with = None
    await eventually(lambda: office.reports.idle)
    assert (await office.heard())[-1] == ("session.lost", True)


async def test_the_last_word_is_that_it_is_given_back(office: Office) -> None:
    office.reports("s-0", READY, True)
    office.reports("s-0", READY, False)
    await office.reports.close()
    assert (await office.heard())[-1] == ("session.ready", False)


async def test_closing_does_not_wait_for_a_broker_that_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teltubby_worker.session_reports._LAST_WORD_SECONDS", 0.05)
    office.events.fail_with = BrokerUnavailableError("away")
    office.reports("s-0", READY, True)
    async with asyncio.timeout(5):
        await office.reports.close()
    assert office.reports.idle
