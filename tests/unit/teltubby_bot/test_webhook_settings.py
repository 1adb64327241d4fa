"""Webhooks are set up by settings that are checked before anything is told to Telegram."""

import os
from pathlib import Path

import pytest

from teltubby_bot.settings import BotSettings
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import load_settings

ADDRESS = "https://bot.example.org/telegram"
SECRET = "s3cret-S3CRET_s3cret"
NEEDED = {"TELEGRAM_BOT_TOKEN": "123456:AAE-" + "x" * 31, "TELEGRAM_WHITELIST_IDS": "1"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = {name.upper() for name in BotSettings.model_fields}
    for name in [name for name in os.environ if name.upper() in known]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _loaded(monkeypatch: pytest.MonkeyPatch, **values: str) -> BotSettings:
    for name, value in (NEEDED | values).items():
        monkeypatch.setenv(name, value)
    return load_settings(BotSettings)


def _problems(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        _loaded(monkeypatch, **values)
    return caught.value.problems


def test_it_polls_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _loaded(monkeypatch)
    assert (settings.telegram_mode, settings.webhook_url, settings.webhook_secret) == ("polling", None, None)


def test_with_the_others_there_the_mode_alone_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"WEBHOOK_URL": ADDRESS, "WEBHOOK_SECRET": SECRET}
    assert _loaded(monkeypatch, **there).telegram_mode == "polling"
    settings = _loaded(monkeypatch, **there, TELEGRAM_MODE="Webhook")
    assert settings.telegram_mode == "webhook"
    assert (settings.webhook_url, settings.webhook_host, settings.webhook_port) == (ADDRESS, "127.0.0.1", 8080)
    assert settings.webhook_secret is not None
    assert settings.webhook_secret.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


def test_all_that_is_missing_or_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = _problems(monkeypatch, TELEGRAM_MODE="webhook", WEBHOOK_PORT="0", CONCURRENCY="99")
    assert [problem.partition(":")[0] for problem in problems] == [
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
        "WEBHOOK_PORT",
        "CONCURRENCY",
    ]
    assert problems[0].startswith("WEBHOOK_URL: missing: TELEGRAM_MODE=webhook needs it (public address")


@pytest.mark.parametrize("secret", ["x" * 15, "x" * 257, "no spaces in secrets", "no-umläut-in-secrets", f"{SECRET}\n"])
def test_a_wrong_secret_is_refused_without_being_told(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    (problem,) = _problems(monkeypatch, WEBHOOK_SECRET=secret)
    assert problem.startswith("WEBHOOK_SECRET: is not 16 to 256 characters")
    assert secret not in problem


@pytest.mark.parametrize(
    "address", [ADDRESS, "https://bot.example.org", "https://example.org:8443/a/b_c-d~.e/", "https://8.8.8.8/x"]
)
def test_an_address_that_telegram_can_call(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert _loaded(monkeypatch, WEBHOOK_URL=address).webhook_url == address


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://bot.example.org/x", "https"),
        ("https://bot.example.org:8080/x", "443, 80, 88 and 8443"),
        ("https://localhost/x", "can't reach"),
        ("https://10.1.2.3/x", "can't reach"),
        ("https://[::1]/x", "can't reach"),
        ("https://user@bot.example.org/x", "no user name"),
        ("https://bot.example.org/x?token=1", "query"),
        ("https://bot.example.org/ä", "path"),
        ("https://bot.example.org/a/../b", "path"),
        ("https://bot.example.org:0/x", "port 0"),
        ("bot.example.org/x", "is no address like https://bot.example.org/telegram"),
    ],
)
def test_an_address_that_telegram_cannot_call(monkeypatch: pytest.MonkeyPatch, address: str, reason: str) -> None:
    (problem,) = _problems(monkeypatch, WEBHOOK_URL=address)
    assert problem.startswith("WEBHOOK_URL: ")
    assert reason in problem


def test_a_bot_api_server_of_ones_own_calls_any_address(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"TELEGRAM_API_URL": "http://localhost:8081"}
    for address in ("http://127.0.0.1:8080/x", "http://teltubby-bot:8080/x"):
        assert _loaded(monkeypatch, **own, WEBHOOK_URL=address).webhook_url == address
