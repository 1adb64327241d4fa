"""Admins hear of what needs a person: at once, not again and again, and never at the cost of others' messages."""

from typing import Any

import pytest

from teltubby_bot.alerts import AlertPace, Alerts
from teltubby_bot.telegram import ChatClosedError
from teltubby_core.errors import ConfigurationError, TransientError
from teltubby_core.testing import SteppedClock
from unit.teltubby_bot.fakes import FakeTelegram

ADA, GRACE = 1, 2


class Watch:
    """Alerts for two admins, and a clock that stands still."""

    def __init__(self) -> None:
        self.telegram = FakeTelegram()
        self.clock = SteppedClock()
        self.woken = 0
        telegram: Any = self.telegram
        self.alerts = Alerts(telegram, frozenset({GRACE, ADA}), pace=AlertPace(600, 60), now=self.clock.now)
        self.alerts.wake = self._woken

    def _woken(self) -> None:
        self.woken += 1

    def told(self, admin: int = ADA) -> list[str]:
        return self.telegram.shown(admin)

    async def after(self, seconds: float) -> float | None:
        self.clock.advance(seconds)
        return await self.alerts.step()


@pytest.fixture
async def watch() -> Watch:
    return Watch()


async def test_every_admin_is_told_in_a_message_of_its_own(watch: Watch) -> None:
    watch.alerts.tell("dead letter", "Job 1 failed")
    assert watch.woken == 1
    assert await watch.alerts.step() is None
    assert [(m.chat_id, m.text, m.reply_to) for m in watch.telegram.sent] == [
        (ADA, "Job 1 failed", None),
        (GRACE, "Job 1 failed", None),
    ]


async def test_more_of_a_kind_are_one_message_later(watch: Watch) -> None:
    for number in range(1, 5):
        watch.alerts.tell("dead letter", f"Job {number} failed")
        wait = await watch.after(1)
    assert watch.told() == ["Job 1 failed"]
    assert wait == 597
    assert await watch.after(597) is None
    assert watch.told()[1] == "Job 4 failed\n\n(and 2 more of this kind since the last alert)"
    await watch.after(10_000)
    assert len(watch.told()) == 2


async def test_of_several_at_once_the_number_is_told(watch: Watch) -> None:
    for number in range(3):
        watch.alerts.tell("dead letter", f"Job {number} failed")
    await watch.alerts.step()
    assert watch.told() == ["Job 2 failed\n\n(and 2 more of this kind since the last alert)"]


async def test_kinds_do_not_wait_for_each_other(watch: Watch) -> None:
    watch.alerts.tell("dead letter", "a")
    await watch.alerts.step()
    watch.alerts.tell("quota", "b")
    await watch.alerts.step()
    assert watch.told() == ["a", "b"]


async def test_an_outage_is_told_when_it_lasts_and_when_it_is_over(watch: Watch) -> None:
    watch.alerts.dependency("storage", "connection refused")
    assert await watch.alerts.step() == 60
    watch.alerts.dependency("storage", "connection refused")
    assert await watch.after(59) == 1
    assert watch.told() == []
    await watch.after(1)
    (alert,) = watch.told()
    assert alert.startswith("⚠️ storage has not answered for 60 s: connection refused")
    await watch.after(3600)
    assert len(watch.told()) == 1, "once"
    watch.alerts.dependency("storage", None)
    await watch.alerts.step()
    assert watch.told()[1] == "✅ storage answers again, after 61 min. What waited goes on."


async def test_a_short_outage_and_a_healthy_dependency_are_no_news(watch: Watch) -> None:
    watch.alerts.dependency("queue", None)
    watch.alerts.dependency("queue", "away")
    await watch.after(30)
    watch.alerts.dependency("queue", None)
    await watch.after(100)
    assert watch.told() == []


async def test_each_outage_counts_from_its_own_start(watch: Watch) -> None:
    watch.alerts.dependency("queue", "away")
    await watch.after(50)
    watch.alerts.dependency("queue", None)
    watch.alerts.dependency("queue", "away again")
    await watch.after(59)
    assert watch.told() == []
    await watch.after(1)
    assert "away again" in watch.told()[0]


async def test_an_admin_who_cannot_be_told_keeps_nobody_else_from_hearing(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.telegram.failures["send"] = [ChatClosedError("blocked")]
    watch.alerts.tell("x", "text")
    assert await watch.alerts.step() is None
    assert watch.told(GRACE) == ["text"]
    assert "admin 1 can't be told: blocked" in caplog.text


async def test_while_telegram_takes_nothing_alerts_wait(watch: Watch) -> None:
    watch.telegram.failures["send"] = [TransientError("flood", retry_after=5)]
    watch.alerts.tell("x", "text")
    with pytest.raises(TransientError, match="flood"):
        await watch.alerts.step()
    assert (watch.told(ADA), watch.told(GRACE)) == ([], ["text"])
    await watch.alerts.step()
    assert (watch.told(ADA), watch.told(GRACE)) == (["text"], ["text"])


async def test_what_waits_while_telegram_is_away_is_bounded(watch: Watch) -> None:
    watch.telegram.broken["send"] = TransientError("away")
    for number in range(300):
        watch.alerts.tell(f"kind {number}", f"{number}")
        with pytest.raises(TransientError):
            await watch.alerts.step()
    watch.telegram.broken.clear()
    await watch.alerts.step()
    assert sorted(map(int, watch.told())) == list(range(200, 300)), "the latest"


async def test_a_refused_token_is_not_swallowed(watch: Watch) -> None:
    watch.telegram.broken["send"] = ConfigurationError(["TELEGRAM_BOT_TOKEN: refused"])
    watch.alerts.tell("x", "text")
    with pytest.raises(ConfigurationError):
        await watch.alerts.step()


async def test_a_long_text_is_cut(watch: Watch) -> None:
    watch.alerts.tell("x", "🎉" * 5000)
    await watch.alerts.step()
    assert len(watch.told()[0].encode("utf-16-le")) // 2 <= 4096
