"""The command line: help, arguments, exit statuses."""

from importlib.metadata import version
from pathlib import Path

import pytest

from teltubby_bot.settings import BotServiceSettings
from teltubby_cli.__main__ import main
from teltubby_cli.settings import RunSettings
from teltubby_operator.settings import OperatorSettings
from teltubby_worker.settings import WorkerServiceSettings

ROOT = Path(__file__).parents[3]


def test_help_names_the_commands_and_ends_well(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert {"run", "doctor", "queue", "demo"} <= set(capsys.readouterr().out.split())


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"teltubby {version('teltubby-cli')}\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo", "--large-mb", "many"], ["doctor", "patient"], ["queue"]])
def test_wrong_arguments_end_with_status_2(arguments: list[str]):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize("megabytes", ["20", "2001"])
def test_a_demo_size_that_shows_nothing_is_refused(megabytes: str, capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--large-mb", megabytes]) == 2
    assert "--large-mb: give 21 to 2000" in capsys.readouterr().err


def test_a_demo_into_a_folder_with_something_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine").write_text("precious")
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_run_without_settings_ends_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for name in RunSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert main(["run"]) == 2
    err = capsys.readouterr().err
    assert "TELEGRAM_BOT_TOKEN: missing" in err
    assert "TELEGRAM_WHITELIST_IDS: missing" in err


def test_every_setting_is_documented_and_nothing_else_is():
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    documented = {
        word.strip("`,") for line in page.splitlines() if line.startswith("| `") for word in line.split("|")[1].split()
    }
    services = (RunSettings, BotServiceSettings, WorkerServiceSettings, OperatorSettings)
    assert documented == {name.upper() for service in services for name in service.model_fields}
