"""Strangers are counted, logged without what they sent, and alerted when they come in a burst."""

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from teltubby_core.observability import Metrics, SecurityKind, SecurityLog
from teltubby_core.testing import SteppedClock


class Rig:
    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.metrics = Metrics("test")
        self.bursts: list[tuple[SecurityKind, str]] = []
        self.log = SecurityLog(
            self.metrics, lambda kind, text: self.bursts.append((kind, text)), burst=20, now=self.clock.now
        )

    def counted(self, kind: SecurityKind) -> float:
        families = text_string_to_metric_families(self.metrics.render("")[0].decode())
        return next(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "teltubby_security_events_total" and sample.labels == {"kind": kind.value}
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize("kind", SecurityKind)
def test_each_event_is_counted_and_logged(rig: Rig, kind: SecurityKind, caplog: pytest.LogCaptureFixture) -> None:
    rig.log.report(kind, 666)
    rig.log.report(kind)
    assert rig.counted(kind) == 2
    assert len(caplog.records) == 2
    assert caplog.records[0].getMessage().endswith(" from 666")
    assert caplog.records[0].levelno == logging.WARNING
    assert rig.bursts == []


def test_a_flood_is_counted_in_full_and_logged_in_part(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(1000):
        rig.log.report(SecurityKind.STRANGER, 666)
    assert rig.counted(SecurityKind.STRANGER) == 1000
    assert len(caplog.records) == 10
    rig.clock.advance(61)
    rig.log.report(SecurityKind.STRANGER, 666)
    assert caplog.records[-1].getMessage().endswith("from 666 (990 more before it were not logged)")


def test_a_burst_is_alerted_once_an_hour_and_each_kind_by_itself(rig: Rig) -> None:
    def burst(kind: SecurityKind, count: int) -> None:
        for _ in range(count):
            rig.log.report(kind)

    burst(SecurityKind.STRANGER, 19)
    burst(SecurityKind.WRONG_WEBHOOK_SECRET, 19)
    assert rig.bursts == []
    burst(SecurityKind.STRANGER, 100)
    assert rig.bursts == [
        (SecurityKind.STRANGER, "20 or more within a minute: message of a user who is not on the whitelist")
    ]
    rig.clock.advance(3599)
    burst(SecurityKind.STRANGER, 100)
    assert len(rig.bursts) == 1
    rig.clock.advance(1)
    burst(SecurityKind.STRANGER, 100)
    assert len(rig.bursts) == 2


def test_a_trickle_is_no_burst(rig: Rig) -> None:
    for _ in range(500):
        rig.log.report(SecurityKind.STRANGER)
        rig.clock.advance(4)
    assert rig.bursts == []
