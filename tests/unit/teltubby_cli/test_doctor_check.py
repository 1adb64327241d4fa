"""Checks run side by side: none hides another, none takes longer than its limit, none tells a secret."""

import asyncio
import io

import pytest

from teltubby_cli.doctor.check import Check, NotCheckedError, Said, findings_of
from teltubby_cli.doctor.finding import Finding, Verdict
from teltubby_core.errors import BrokerUnavailableError, ConfigurationError
from teltubby_core.logs import set_up_logging

LONG = 30.0


async def fine() -> Said:
    yield Verdict.FINE, "all is well"


def raising(error: Exception):
    async def look() -> Said:
        yield Verdict.FINE, "so far so good"
        raise error

    return look


async def texts(*checks: Check, limit: float = LONG) -> list[str]:
    return [str(finding) for finding in await findings_of(checks, limit)]


async def test_findings_come_in_the_order_of_the_checks_not_of_their_ends():
    first_may_end = asyncio.Event()

    async def slow() -> Said:
        await first_may_end.wait()
        yield Verdict.FINE, "late"

    async def quick() -> Said:
        first_may_end.set()
        yield Verdict.WRONG, "early"

    assert await texts(Check("A", slow), Check("B", quick)) == ["✔ A: late", "✘ B: early"]


async def test_no_checks_find_nothing():
    assert await findings_of([], LONG) == []


async def test_one_that_hangs_costs_neither_the_others_nor_what_it_said_before():
    stopped = asyncio.Event()

    async def hangs() -> Said:
        yield Verdict.FINE, "connected"
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    lines = await texts(Check("Broker", hangs), Check("Clock", fine), limit=0.05)
    await asyncio.wait_for(stopped.wait(), LONG)
    assert lines[0] == "✔ Broker: connected"
    assert lines[1].startswith("✘ Broker: no answer within 0.05 s")
    assert lines[2:] == ["✔ Clock: all is well"]


async def test_one_that_ignores_being_stopped_is_not_waited_for():
    let_go = asyncio.Event()

    async def stubborn() -> Said:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        yield Verdict.FINE, "never seen"

    async with asyncio.timeout(LONG):
        lines = await texts(Check("Store", stubborn), limit=0.05)
    let_go.set()
    assert [line[:24] for line in lines] == ["✘ Store: no answer withi"]


async def test_our_errors_are_findings_behind_what_was_said_before():
    check = Check("Broker", raising(BrokerUnavailableError("it is down; start it")))
    assert await texts(check) == ["✔ Broker: so far so good", "✘ Broker: it is down; start it"]


async def test_each_problem_of_a_configuration_error_is_a_finding():
    check = Check("Bucket", raising(ConfigurationError(["S3_BUCKET: no", "S3_REGION: no"])))
    assert await texts(check) == ["✔ Bucket: so far so good", "✘ Bucket: S3_BUCKET: no", "✘ Bucket: S3_REGION: no"]


async def test_what_can_not_be_checked_is_not_wrong():
    assert (await texts(Check("Clock", raising(NotCheckedError("no settings")))))[-1] == "– Clock: no settings"


async def test_a_defect_of_a_check_is_told_and_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture):
    lines = await texts(Check("Clock", raising(ZeroDivisionError())), Check("Folder", fine))
    assert lines[1].startswith("✘ Clock: the check itself failed (ZeroDivisionError)")
    assert lines[2] == "✔ Folder: all is well"
    assert "the check of Clock failed" in caplog.text


async def test_no_finding_tells_a_secret():
    set_up_logging("ERROR", "text", io.StringIO(), secrets=["correct-horse-battery"])
    try:
        (_, finding) = await findings_of([Check("S3", raising(BrokerUnavailableError("key correct-horse-battery")))], 1)
    finally:
        set_up_logging("ERROR", "text", io.StringIO())
    assert isinstance(finding, Finding)
    assert "correct-horse" not in finding.text
