"""The command: which services, which checks, which status."""

import asyncio
import json
from pathlib import Path

import pytest

from teltubby_bot.telegram import WebhookInfo
from teltubby_cli.__main__ import main
from teltubby_cli.doctor.command import examine
from teltubby_cli.doctor.known import Known, read, services_here
from teltubby_core.errors import BrokerUnavailableError, ConfigurationError
from teltubby_core.testing import sample_job
from unit.teltubby_cli.doctor_bench import SETTINGS, TOKEN, VARIABLES, Fakes

MTPROTO = {"MTPROTO_API_ID": "1", "MTPROTO_API_HASH": "0123456789abcdef0123456789abcdef"}
DISTRIBUTED = {"RABBITMQ_HOST": "rabbitmq", "S3_ENDPOINT": "http://minio:9000", "RABBITMQ_PASSWORD": "hunter2hunter2"}


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch):
    """Settings, read before there is a loop as the command does."""

    def known(*services: str, **settings: str) -> Known:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return read(services or services_here(), 1)

    return known


def run(known: Known, fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = asyncio.run(examine(known, fakes.world(), as_json=False))
    return status, capsys.readouterr().out.splitlines()


def test_run_with_all_in_order(known, capsys: pytest.CaptureFixture[str]):
    status, lines = run(known(**SETTINGS, **MTPROTO), Fakes(), capsys)
    assert status == 0
    assert [line for line in lines if line.startswith("✘")] == []
    assert [line.partition(":")[0] for line in lines] == [
        "✔ Settings of teltubby run",
        "✔ Telegram",
        "✔ Updates",
        "✔ Clock",
        "✔ Database",
        "✔ Folder",
        "– Bucket",
        "– RabbitMQ",
        "✔ MTProto",
        "✔ MTProto",
    ]


def test_bot_and_worker_with_all_in_order(known, capsys: pytest.CaptureFixture[str]):
    status, lines = run(known(**SETTINGS, **MTPROTO, **DISTRIBUTED), Fakes(), capsys)
    assert status == 0
    subjects = [line.partition(":")[0] for line in lines]
    assert subjects[:2] == ["✔ Settings of python -m teltubby_bot", "✔ Settings of python -m teltubby_worker"]
    assert {"✔ Bucket", "✔ RabbitMQ", "– Folder"} <= set(subjects)


@pytest.mark.parametrize(
    ("settings", "services"),
    [
        ({}, ("run",)),
        ({"RABBITMQ_USERNAME": "me"}, ("run",)),
        ({"RABBITMQ_HOST": "rabbitmq"}, ("bot", "worker")),
        ({"S3_ENDPOINT": "not even an address"}, ("bot", "worker")),
        ({"S3_ACCESS_KEY_ID": "key"}, ("bot", "worker")),
    ],
)
def test_the_services_are_those_that_the_settings_are_for(
    settings: dict[str, str], services: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert services_here() == services


def test_dotenv_counts_like_the_environment(tmp_path: Path):
    (tmp_path / ".env").write_text("RABBITMQ_HOST=rabbitmq\n")
    assert services_here() == ("bot", "worker")


def test_wrong_settings_are_told_all_at_once_and_what_can_be_checked_is(known, capsys: pytest.CaptureFixture[str]):
    settings = SETTINGS | {"TELEGRAM_WHITELIST_IDS": "me", "CONCURRENCY": "0"}
    status, lines = run(known(**settings), Fakes(), capsys)
    assert status == 2
    problems = [line for line in lines if line.startswith("✘")]
    assert len(problems) == 2
    assert "TELEGRAM_WHITELIST_IDS" in problems[0]
    assert "CONCURRENCY" in problems[1]
    assert any(line.startswith("✔ Database") for line in lines)


def test_a_wrong_whitelist_does_not_keep_the_token_from_being_checked(known, capsys: pytest.CaptureFixture[str]):
    status, lines = run(known(**SETTINGS | {"TELEGRAM_WHITELIST_IDS": "me"}), Fakes(), capsys)
    assert status == 2
    assert any(line.startswith("✔ Telegram: bot @teltubby_bot") for line in lines)


def test_a_wrong_token_does_not_keep_clock_and_bucket_from_being_checked(known, capsys: pytest.CaptureFixture[str]):
    status, lines = run(known(**SETTINGS | DISTRIBUTED | MTPROTO | {"TELEGRAM_BOT_TOKEN": "x"}), Fakes(), capsys)
    assert status == 2
    subjects = {line.partition(":")[0] for line in lines}
    assert {"– Telegram", "– Updates", "✔ Clock", "✔ Bucket", "✔ RabbitMQ", "✔ MTProto"} <= subjects


@pytest.mark.parametrize(
    ("breaks", "subject"),
    [
        (
            lambda fakes: setattr(fakes.telegram, "fail_with", ConfigurationError(["TELEGRAM_BOT_TOKEN: no"])),
            "Telegram",
        ),
        (lambda fakes: setattr(fakes.telegram, "info", WebhookInfo("https://a.org/")), "Updates"),
        (lambda fakes: setattr(fakes, "ahead", 60.0), "Clock"),
        (lambda fakes: setattr(fakes.bucket, "fail_with", BrokerUnavailableError("away")), "Bucket"),
        (lambda fakes: setattr(fakes.queue, "fail_with", BrokerUnavailableError("away")), "RabbitMQ"),
    ],
)
def test_one_thing_wrong_is_status_1_and_named_and_all_else_is_checked(
    breaks, subject: str, known, capsys: pytest.CaptureFixture[str]
):
    fakes = Fakes()
    breaks(fakes)
    status, lines = run(known(**SETTINGS, **MTPROTO, **DISTRIBUTED), fakes, capsys)
    assert status == 1
    assert [line.partition(":")[0] for line in lines if line.startswith("✘")] == [f"✘ {subject}"]


def test_a_worker_without_credentials_is_wrong_a_run_without_them_is_not(known, capsys: pytest.CaptureFixture[str]):
    assert run(known("run", **SETTINGS), Fakes(), capsys)[0] == 0
    assert run(known("worker", **SETTINGS), Fakes(), capsys)[0] == 2


async def test_jobs_and_dead_letters_are_counted(capsys: pytest.CaptureFixture[str]):
    fakes = Fakes()
    for number in range(3):
        await fakes.queue.publish(sample_job(f"job-{number}"))
    delivery = await fakes.queue.fetch(1)
    assert delivery is not None
    await fakes.queue.dead_letter(delivery, "no")
    from teltubby_cli.doctor.broker import look_at_broker

    lines = [text async for _, text in look_at_broker(fakes.queue, "rabbitmq")]
    assert lines[1] == "2 jobs wait; 1 dead letters: see `teltubby queue dead`"


def test_json_says_the_same(known, capsys: pytest.CaptureFixture[str]):
    fakes = Fakes(ahead=99)
    status = asyncio.run(examine(known("bot", **SETTINGS, **DISTRIBUTED), fakes.world(), as_json=True))
    document = json.loads(capsys.readouterr().out)
    assert status == document["status"] == 1
    assert document["services"] == ["bot"]
    assert [each["subject"] for each in document["findings"] if each["verdict"] == "wrong"] == ["Clock"]


def test_no_secret_is_told(known, capsys: pytest.CaptureFixture[str]):
    fakes = Fakes()
    fakes.queue.fail_with = BrokerUnavailableError("away")
    _, lines = run(known(**SETTINGS, **MTPROTO, **DISTRIBUTED, S3_ACCESS_KEY_ID="half a key"), fakes, capsys)
    text = "\n".join(lines)
    for secret in (TOKEN, "s" * 35, "hunter2", MTPROTO["MTPROTO_API_HASH"], "half a key"):
        assert secret not in text


def test_a_dotenv_that_can_not_be_read_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert main(["doctor"]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err
