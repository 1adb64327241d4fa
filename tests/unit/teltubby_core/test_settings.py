"""Settings tell all that is wrong with them at once, by name, and give no secret away."""

import os
from pathlib import Path

import pytest

from teltubby_bot.settings import BotSettings
from teltubby_core.domain.routing import GIB
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import (
    DatabaseSettings,
    FolderSettings,
    LogSettings,
    MtprotoSettings,
    Settings,
    TelegramSettings,
    load_settings,
)
from teltubby_worker.settings import WorkerSettings

FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECRET = "AAE-" + "x" * 31
TOKEN = f"123456:{SECRET}"
GROUPS = (BotSettings, MtprotoSettings, LogSettings, FolderSettings, DatabaseSettings)


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
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, MTPROTO_API_HASH=SECRET, SESSION_ENCRYPTION_KEYS=FERNET)
    for cls in (TelegramSettings, MtprotoSettings):
        settings = load_settings(cls)
        shown = f"{settings} {settings!r} {settings.model_dump_json()}"
        assert SECRET not in shown
        assert FERNET not in shown


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
        ("MAX_FILE_GB", "inf"),
        ("MAX_FILE_GB", "1e308"),
        ("MAX_FILE_GB", "nan"),
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
    assert settings.limits.bot_api_bytes == 20 * 1024**2
    assert settings.album_window.closes_at(0, 0) == 3
    assert settings.opening_timeout == settings.io_timeout_seconds


def test_with_a_local_servers_files_the_bot_api_has_no_limit_but_ours_and_opens_them_slowly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _set(
        monkeypatch,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_WHITELIST_IDS="1",
        TELEGRAM_LOCAL_FILES_DIR=str(tmp_path),
    )
    settings = load_settings(BotSettings)
    assert settings.limits.bot_api_bytes == settings.limits.max_file_bytes == 4 * GIB
    assert settings.opening_timeout == 3600
    _set(monkeypatch, BOT_API_MAX_FILE_SIZE_BYTES="1000")
    assert load_settings(BotSettings).limits.bot_api_bytes == 1000


def test_bot_and_worker_read_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS="1", MAX_FILE_GB="0.5")
    assert load_settings(BotSettings).max_file_bytes == load_settings(WorkerSettings).max_file_bytes == GIB // 2


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


@pytest.mark.parametrize(
    "value",
    [
        "https://api.telegram.org:99999",
        "https://api.telegram.org:port",
        "https://api.telegram.org:0",
        "https://[::1",
        "https://[nonsense]",
        "https://ex[ample].org",
        "https://",
        "https://:8081",
        "https://a..b",
        "https://api.telegram.org?x=1",
        "https://user:word@api.telegram.org",
        "https://api.telegram .org",
        "ftp://api.telegram.org",
    ],
)
def test_an_address_that_cannot_be_one_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS="1", TELEGRAM_API_URL=value)
    (problem,) = _problems(BotSettings)
    assert problem.startswith("TELEGRAM_API_URL: ")
    assert value not in problem or value == "https://"


@pytest.mark.parametrize("value", ["http://[::1]:8081", "http://127.0.0.1:1/x", "https://bot_api.local", "http://bot"])
def test_an_address_may_be_a_name_or_number_with_port_and_path(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WHITELIST_IDS="1", TELEGRAM_API_URL=f"{value}/")
    assert load_settings(BotSettings).telegram_api_url == value


class _Everything(MtprotoSettings, FolderSettings, DatabaseSettings):
    pass


def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("")
    _set(
        monkeypatch, HOME=str(tmp_path), ARCHIVE_DIR="~/a", SQLITE_PATH="~/b/c.db", MTPROTO_PUBLIC_KEY_FILE="~/key.pem"
    )
    settings = load_settings(_Everything)
    found = (settings.archive_dir, settings.sqlite_path, settings.mtproto_public_key_file)
    assert found == (tmp_path / "a", tmp_path / "b" / "c.db", tmp_path / "key.pem")


def test_paths_that_cannot_be_used_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _set(monkeypatch, ARCHIVE_DIR="file", SQLITE_PATH=str(tmp_path), MTPROTO_PUBLIC_KEY_FILE="nowhere.pem")
    problems = "\n".join(_problems(_Everything))
    assert "ARCHIVE_DIR: file is a file; name a folder" in problems
    assert f"SQLITE_PATH: {tmp_path} is a folder; name a file" in problems
    assert "MTPROTO_PUBLIC_KEY_FILE: there is no file nowhere.pem" in problems
    _set(monkeypatch, ARCHIVE_DIR="file/x", SQLITE_PATH="x" * 300, MTPROTO_PUBLIC_KEY_FILE="~nobody-here/x")
    assert _names(_problems(_Everything)) == {"ARCHIVE_DIR", "SQLITE_PATH", "MTPROTO_PUBLIC_KEY_FILE"}


@pytest.mark.parametrize("value", [SECRET, f"{FERNET},{SECRET}", f"{SECRET},{SECRET}", "ключ", ",", " "])
def test_what_is_no_encryption_key_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _set(monkeypatch, SESSION_ENCRYPTION_KEYS=value, MTPROTO_DC_ID="0")
    problems = _problems(MtprotoSettings)
    assert _names(problems) == {"SESSION_ENCRYPTION_KEYS", "MTPROTO_DC_ID"}
    assert SECRET[:12] not in f"{problems}"
    assert FERNET[:12] not in f"{problems}"


def test_several_encryption_keys_may_stand_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SESSION_ENCRYPTION_KEYS=f" {FERNET} , {FERNET}")
    assert load_settings(MtprotoSettings).session_encryption_keys is not None


def test_a_dotenv_file_in_another_encoding_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"TELEGRAM_BOT_TOKEN={TOKEN}\nARCHIVE_DIR=B\xfccher\n".encode("latin-1"))
    (problem,) = _problems(BotSettings)
    assert problem.startswith(".env: line 2 is not UTF-8 text")
    assert SECRET not in problem


def test_a_dotenv_file_from_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"\ufeffTELEGRAM_BOT_TOKEN={TOKEN}\r\nTELEGRAM_WHITELIST_IDS=1\r\n".encode())
    assert load_settings(BotSettings).telegram_whitelist_ids == {1}


def test_a_dotenv_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    closed = tmp_path / ".env"
    closed.write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    closed.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # root may read anything
    try:
        (problem,) = _problems(BotSettings)
    finally:
        os.seteuid(before)
    assert problem == ".env: can't be read: Permission denied"


def test_a_folder_of_that_name_is_no_dotenv_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    _set(monkeypatch, TELEGRAM_BOT_TOKEN=TOKEN)
    assert load_settings(TelegramSettings).bot_id == 123456
