"""Settings tell all that is wrong with them at once, by name, and give no secret away."""

import os
from pathlib import Path

import pytest

from teltubby_bot.settings import BotSettings
from teltubby_core.domain.routing import GIB
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import (
    LogSettings,
    MtprotoSettings,
    Settings,
    StorageSettings,
    TelegramSettings,
    load_settings,
)

SECRET = "AAE-" + "x" * 31
TOKEN = f"123456:{SECRET}"
GROUPS = (BotSettings, MtprotoSettings, LogSettings, StorageSettings)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = {name.upper() for group in GROUPS for name in group.model_fields}
    for name in list(os.environ):
        if name.upper() in known:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _set(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def _problems(cls: type[Settings]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(cls)
    return caught.value.problems


def _names(problems: list[str]) -> set[str]:
    return {problem.partition(":")[0] for problem in problems}


def test_all_problems_are_told_at_once_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN="nonsense", CONCURRENCY="33", MAX_FILE_GB="-1", DEDUP_ENABLE="perhaps")
    problems = _problems(BotSettings)
    assert _names(problems) == {
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_WHITELIST_IDS",
        "CONCURRENCY",
        "MAX_FILE_GB",
        "DEDUP_ENABLE",
    }
    assert "TELEGRAM_WHITELIST_IDS: missing (numeric user ids that may send" in "\n".join(problems)


@pytest.mark.parametrize("token", [SECRET, f"123456:{SECRET[:20]}", f"{TOKEN}\n", f"bot{TOKEN}", f"{TOKEN}?x"])
def test_no_part_of_a_wrong_secret_is_told(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    _set(
        monkeypatch,
        TELEGRAM_BOT_TOKEN=token,
        TELEGRAM_WHITELIST_IDS="1",
        MTPROTO_API_ID=f"-{SECRET}",
    )
    for cls in (BotSettings, MtprotoSettings):
        with pytest.raises(ConfigurationError) as caught:
            load_settings(cls)
        assert SECRET[:12] not in f"{caught.value} {caught.value!r} {caught.value.problems}"
        assert SECRET[:12] not in f"{caught.value.__context__}"
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_secrets_do_not_show_in_the_settings_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, MTPROTO_API_HASH=SECRET, SESSION_ENCRYPTION_KEYS=SECRET)
    for cls in (TelegramSettings, MtprotoSettings):
        settings = load_settings(cls)
        assert SECRET not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_the_token_tells_the_bots_id(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN)
    settings = load_settings(TelegramSettings)
    assert settings.bot_id == 123456
    assert settings.telegram_bot_token.get_secret_value() == TOKEN


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f'TELEGRAM_BOT_TOKEN="{TOKEN}"\nTELEGRAM_WHITELIST_IDS=1,2\nCONCURRENCY=3\nOTHER=x\n'
    )
    _set(monkeypatch, CONCURRENCY="5")
    settings = load_settings(BotSettings)
    assert settings.telegram_whitelist_ids == {1, 2}
    assert settings.concurrency == 5
    assert load_settings(BotSettings, concurrency=7).concurrency == 7


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN="", TELEGRAM_WHITELIST_IDS="1", CONCURRENCY="", MTPROTO_API_ID="")
    assert _problems(BotSettings)[0].startswith("TELEGRAM_BOT_TOKEN: missing")
    assert load_settings(MtprotoSettings).mtproto_api_id is None


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1", {1}),
        ("1,2", {1, 2}),
        (" 1 , 2 ,", {1, 2}),
        ("1 2\n3", {1, 2, 3}),
        ("7,7", {7}),
        ("0012345678", {12345678}),
    ],
)
def test_forms_of_the_whitelist(monkeypatch: pytest.MonkeyPatch, text: str, ids: set[int]) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS=text)
    assert load_settings(BotSettings).telegram_whitelist_ids == ids


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("@ada", "'@ada' is no user id"),
        ("1,x,2,y", "'x', 'y' is no user id"),
        ("-1001", "'-1001'"),
        (",", "nobody"),
        ("[1]", "'[1]'"),
        ("٣", "no user id"),
    ],
)
def test_a_wrong_whitelist_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch, text: str, wrong: str) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS=text)
    (problem,) = _problems(BotSettings)
    assert problem.startswith("TELEGRAM_WHITELIST_IDS: ")
    assert wrong in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("TELEGRAM_POLL_SECONDS", "0"),
        ("BOT_API_MAX_FILE_SIZE_BYTES", "20MB"),
        ("ALBUM_AGGREGATION_WINDOW_SECONDS", "0"),
        ("CONCURRENCY", "0"),
        ("IO_TIMEOUT_SECONDS", "nan"),
        ("ALBUM_CEILING_SECONDS", "601"),
    ],
)
def test_a_value_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS="1", **{name: value})
    assert _names(_problems(BotSettings)) == {name}


def test_what_the_bot_derives_from_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(
        monkeypatch,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_WHITELIST_IDS="1",
        TELEGRAM_API_URL="http://localhost:8081/",
        MAX_FILE_GB="1.5",
        ALBUM_AGGREGATION_WINDOW_SECONDS="3",
    )
    settings = load_settings(BotSettings)
    assert settings.telegram_api_url == "http://localhost:8081"
    assert settings.limits.max_file_bytes == 1.5 * GIB
    assert settings.album_window.closes_at(0, 0) == 3


def test_large_files_wait_until_id_and_hash_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = load_settings(MtprotoSettings).mtproto_missing
    assert missing is not None
    assert missing.startswith("MTPROTO_API_ID and MTPROTO_API_HASH not set")
    _set(monkeypatch, MTPROTO_API_ID="1")
    assert str(load_settings(MtprotoSettings).mtproto_missing).startswith("MTPROTO_API_HASH not set")
    _set(monkeypatch, MTPROTO_API_HASH="h")
    assert load_settings(MtprotoSettings).mtproto_missing is None


def test_log_levels_may_be_written_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, LOG_LEVEL="debug", LOG_FORMAT="json")
    assert load_settings(LogSettings).log_level == "DEBUG"
    _set(monkeypatch, LOG_LEVEL="loud", LOG_FORMAT="xml")
    assert _names(_problems(LogSettings)) == {"LOG_LEVEL", "LOG_FORMAT"}
