"""Telegram's account of us: who we are, how updates come in."""

import pytest

from teltubby_bot.telegram import WebhookInfo
from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.telegram import look_at_account, look_at_updates
from unit.teltubby_cli.doctor_bench import BOT_ID, FakeTelegram, said

OURS = "https://bot.example.org/secret-path"


async def test_the_account_is_named():
    lines = await said(look_at_account(FakeTelegram(), "https://api.telegram.org"))
    assert lines == [(Verdict.FINE, f"bot @teltubby_bot ({BOT_ID}) at api.telegram.org")]


@pytest.mark.parametrize(
    ("info", "ours", "verdict", "text"),
    [
        (WebhookInfo(""), None, Verdict.FINE, "polled for, and no webhook is set"),
        (WebhookInfo("", 3), None, Verdict.FINE, "3 wait at Telegram"),
        (WebhookInfo("https://other.org/x"), None, Verdict.WRONG, "a webhook is set to other.org"),
        (WebhookInfo(OURS), OURS, Verdict.FINE, "brought to bot.example.org"),
        (WebhookInfo(""), OURS, Verdict.FINE, "the bot sets it to bot.example.org"),
        (WebhookInfo("https://other.org/x"), OURS, Verdict.WRONG, "the webhook is set to other.org"),
    ],
)
async def test_the_mode_is_compared_with_what_telegram_does(
    info: WebhookInfo, ours: str | None, verdict: Verdict, text: str
):
    ((found, line),) = await said(look_at_updates(FakeTelegram(info), ours))
    assert found is verdict
    assert text in line
    assert "secret-path" not in line


@pytest.mark.parametrize(("pending", "verdict"), [(4, Verdict.WRONG), (0, Verdict.FINE)])
async def test_a_failed_delivery_is_wrong_while_updates_wait(pending: int, verdict: Verdict):
    info = WebhookInfo(OURS, pending, "Connection refused", 1_700_000_000)
    _, (found, line) = await said(look_at_updates(FakeTelegram(info), OURS))
    assert found is verdict
    assert "at 2023-11-14 22:13:20 UTC: Connection refused" in line
