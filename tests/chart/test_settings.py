"""The variables that containers get are settings that their programs have, with values that they take."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from chart.rendering import TOKEN, Rendered
from teltubby_bot.settings import BotServiceSettings
from teltubby_worker.settings import WorkerServiceSettings

SERVICES: Mapping[str, type[BaseSettings]] = {"bot": BotServiceSettings, "worker": WorkerServiceSettings}
GIVEN = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "MTPROTO_API_ID": "12345",
    "MTPROTO_API_HASH": "0123456789abcdef0123456789abcdef",
    "WEBHOOK_SECRET": "a-secret-of-a-webhook-0123456789",
    "SESSION_ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(32)).decode(),
    "WORKER_NAME": "media-teltubby-worker-0",
}
"""What Secrets and the pod itself would give; anything else is some text."""


def environment(release: Rendered, component: str, folder: Path) -> dict[str, str]:
    found = {}
    for name, value in release.environment(component).items():
        text = value if isinstance(value, str) else GIVEN.get(name, "some-text")
        # of the container's: read as soon as the settings are
        found[name] = str(_file(folder, name)) if name.endswith("_FILE") else text
    return found


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("-----BEGIN PUBLIC KEY-----\n", "utf-8")
    return path


@pytest.mark.parametrize("component", SERVICES)
def test_every_variable_is_a_setting(release: Rendered, component: str):
    known = {name.upper() for name in SERVICES[component].model_fields}
    assert set(release.environment(component)) - known == set()


@pytest.mark.parametrize("component", SERVICES)
def test_the_program_takes_its_variables(
    release: Rendered, component: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name in (field.upper() for field in SERVICES[component].model_fields):
        monkeypatch.delenv(name, raising=False)
    given = environment(release, component, tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings: Any = SERVICES[component]()
    assert settings.rabbitmq_host == given["RABBITMQ_HOST"]
    assert settings.s3_bucket == "teltubby"
