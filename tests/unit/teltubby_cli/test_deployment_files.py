"""What ships for one host with Docker speaks of settings that exist."""

import re
from pathlib import Path

import pytest

from teltubby_bot.settings import BotServiceSettings
from teltubby_cli.settings import RunSettings
from teltubby_core.settings import load_settings
from teltubby_worker.settings import WorkerServiceSettings

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, type[BotServiceSettings | WorkerServiceSettings]] = {
    "bot": BotServiceSettings,
    "worker": WorkerServiceSettings,
}
KNOWN = {name.upper() for settings in (*SERVICES.values(), RunSettings) for name in settings.model_fields}
COMPOSE_ONLY = re.compile(r"[A-Z]+_IMAGE|[A-Z_]+_PORT$")
"""Variables of compose.yaml itself: images and published ports."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("service", SERVICES)
def test_the_example_is_enough_to_start_with(service: str):
    settings = load_settings(SERVICES[service], ROOT / ".env.example")
    assert settings.s3_access_key_id is not None
    assert settings.bot_id == 123456789


def test_every_variable_of_the_example_is_a_setting():
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    names = {found[1] for line in lines if (found := re.match(r"#?([A-Z0-9_]+)=", line))}
    assert names - KNOWN == set()
    assert {"TELEGRAM_BOT_TOKEN", "WEBHOOK_SECRET"} <= names


def test_every_variable_of_compose_is_a_setting():
    text = (ROOT / "compose.yaml").read_text("utf-8")
    given = set(re.findall(r"^ {4,}([A-Z0-9_]+): ", text, re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    servers_own = {name for name in given if name.startswith(("RABBITMQ_DEFAULT_", "MINIO_ROOT_"))}
    assert given - servers_own - KNOWN == set()
    assert {name for name in asked if not COMPOSE_ONLY.fullmatch(name)} - KNOWN == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_of_an_image_is_a_setting_of_its_service(service: str):
    text = (ROOT / f"services/{service}/Dockerfile").read_text("utf-8")
    final = text[text.index(" AS service\n") : text.index(" AS reload\n")]
    line = next(line for line in final.splitlines() if line.startswith("ENV "))
    names = set(re.findall(r"([A-Z_]+)=", line)) - {"PATH", "PYTHONUNBUFFERED"}
    assert names <= {name.upper() for name in SERVICES[service].model_fields}
    assert "HEALTH_HOST" in names
    assert f'"-m", "teltubby_{service}"' in final


def test_the_broker_lets_a_worker_hold_a_job_for_a_day():
    conf = (ROOT / "deploy/rabbitmq.conf").read_text("utf-8")
    assert re.search(r"^consumer_timeout = (\d+)$", conf, re.MULTILINE)[1] == str(24 * 3600 * 1000)  # type: ignore[index]
