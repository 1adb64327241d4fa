"""The variables that containers get are settings that their programs have, with values that they take."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chart.rendering import LEAST, OUTSIDE, TOKEN, Rendered, at, merged, rendered
from chart.values import KNOWN, LEAVES
from teltubby_bot.settings import BotServiceSettings
from teltubby_core.settings import Settings, load_settings
from teltubby_worker.settings import WorkerServiceSettings

SERVICES: Mapping[str, type[Settings]] = {"bot": BotServiceSettings, "worker": WorkerServiceSettings}
ELSEWHERE = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "MTPROTO_API_ID": "12345",
    "SESSION_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}
"""What Secrets of one's own hold; of those that are not here, some text."""


def environment(release: Rendered, component: str, folder: Path) -> dict[str, str]:
    """What a container's program finds: what is made up for a Secret included."""
    found = {}
    for name, value in release.environment(component).items():
        text = value if isinstance(value, str) else _referred(release, name, value)
        # of the container's: read as soon as the settings are
        found[name] = str(_file(folder, name)) if name.endswith("_FILE") else text
    return found


def _referred(release: Rendered, name: str, value: Mapping[str, Any]) -> str:
    if "fieldRef" in value:
        return "media-teltubby-worker-0"
    reference = value["secretKeyRef"]
    return release.secrets().get(reference["name"], ELSEWHERE).get(reference["key"], f"some-text-for-{name.lower()}")


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("-----BEGIN PUBLIC KEY-----\n", "utf-8")
    return path


Load = Callable[[Rendered, str], tuple[Any, Mapping[str, str]]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Read a component's settings as its program does; return them and what was there to read."""

    def loaded(release: Rendered, component: str) -> tuple[Any, Mapping[str, str]]:
        given = environment(release, component, tmp_path)
        for name in SERVICES[component].model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return load_settings(SERVICES[component], None), given

    return loaded


@pytest.mark.parametrize("component", SERVICES)
def test_every_variable_is_a_setting(release: Rendered, component: str):
    known = {name.upper() for name in SERVICES[component].model_fields}
    assert set(release.environment(component)) - known == set()


@pytest.mark.parametrize("component", SERVICES)
def test_what_the_program_keeps_secret_comes_from_a_secret(release: Rendered, component: str):
    given = release.environment(component)
    kept = {name.upper() for name, field in SERVICES[component].model_fields.items() if _secret(field)}
    found = {name: value for name, value in given.items() if name in kept}
    assert "TELEGRAM_BOT_TOKEN" in found
    assert [name for name, value in found.items() if "secretKeyRef" not in value] == []


def _secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


@pytest.mark.parametrize("component", SERVICES)
def test_the_program_takes_its_variables(release: Rendered, component: str, load: Load):
    settings, given = load(release, component)
    assert settings.rabbitmq_host == given["RABBITMQ_HOST"]
    assert settings.s3_bucket == "teltubby"


BOUNDED = [path for path in LEAVES if path.split(".")[0] in {"archive", "bot", "worker", "log", "rabbitmq"}]


def _least(schema: Mapping[str, Any]) -> Any:
    return schema.get("minimum", 0.001 if "exclusiveMinimum" in schema else None)


@pytest.mark.parametrize("component", SERVICES)
@pytest.mark.parametrize("bound", [_least, lambda schema: schema.get("maximum")], ids=["least", "most"])
def test_the_program_takes_the_least_and_the_most_that_the_schema_does(
    component: str, bound: Callable[[Mapping[str, Any]], Any], load: Load
):
    bounds = {path: bound(KNOWN[path]) for path in BOUNDED}
    chosen = [at(path, value) for path, value in bounds.items() if value is not None]
    assert len(chosen) > 5
    load(rendered(merged(OUTSIDE, *chosen)), component)


@pytest.mark.parametrize("component", SERVICES)
@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path in BOUNDED for value in KNOWN[path].get("enum", []) if "log" in path]
)
def test_the_program_takes_every_choice_that_the_schema_does(component: str, path: str, value: str, load: Load):
    settings, _ = load(rendered(merged(LEAST, at(path, value))), component)
    assert getattr(settings, path.replace(".", "_")) == value
