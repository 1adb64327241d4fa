"""The chart rendered by helm without a cluster, its objects as plain values."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from testbed import binaries

CHART = Path(__file__).parents[2] / "charts" / "teltubby"
RELEASE, NAMESPACE = "media", "archives"
TOKEN = "123456789:AAE-planted-token-0123456789-abcdefgh"
LEAST: Mapping[str, Any] = {
    "telegram": {"botToken": TOKEN, "apiId": 12345, "apiHash": "planted-hash", "whitelistIds": [11111111]}
}
"""What an archive of one's own needs."""
SIMULATED: Mapping[str, Any] = {"simulator": {"enabled": True}}
HOOKED: Mapping[str, Any] = {
    **LEAST,
    "webhook": {
        "enabled": True,
        "host": "bot.example.org",
        "ingress": {"tlsSecretName": "bot-tls", "className": "nginx"},
    },
}
"""Telegram brings messages."""
ACCOUNTS: Mapping[str, Any] = {
    "telegram": {"relayChannelId": -1001234567890},
    "worker": {"sessions": {"kind": "user"}},
}
"""People log in with their accounts."""
FIXED: Mapping[str, Any] = {"worker": {"scaling": {"enabled": False}}, "operator": {"enabled": False}}
"""As many workers as somebody says, without an operator."""
GUEST: Mapping[str, Any] = {
    "worker": {"scaling": {"operator": {"namespace": "main", "serviceAccountName": "main-operator"}}},
    "operator": {"enabled": False},
}
"""Another release's operator sees to the workers."""
OUTSIDE: Mapping[str, Any] = {
    "telegram": {"existingSecret": "my-telegram", "whitelistIds": [11111111, 22222222], "adminIds": [22222222]},
    "rabbitmq": {
        "enabled": False,
        "host": "broker.example.org",
        "port": 5671,
        "vhost": "media",
        "tls": True,
        "existingSecret": "my-broker",
        "caConfigMap": {"name": "my-ca"},
    },
    "minio": {"enabled": False},
    "s3": {
        "endpoint": "https://s3.example.org",
        "existingSecret": "my-s3",
        "caConfigMap": {"name": "my-ca", "key": "s3.pem"},
    },
    "worker": {
        "existingSessionKeysSecret": "my-keys",
        "scaling": {"managementUrl": "https://broker.example.org"},
    },
    "archive": {"quotaBytes": 5_000_000_000_000},
}
"""Broker, store and Secrets of one's own."""


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Values one above the other, as helm lays them."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
            found[name] = merged(found[name], value) if both else value
    return found


MONITORED: Mapping[str, Any] = merged(
    LEAST, {"monitoring": {each: {"enabled": True} for each in ("serviceMonitor", "rules", "dashboard")}}
)
"""With what a Prometheus scrapes and alerts on, and what Grafana shows."""
KINDS: Mapping[str, Mapping[str, Any]] = {
    "own bot": LEAST,
    "simulator": SIMULATED,
    "webhook": HOOKED,
    "simulator with webhook": {**SIMULATED, "webhook": {"enabled": True}},
    "servers elsewhere": OUTSIDE,
    "a number of workers": merged(LEAST, FIXED),
    "another release's operator": merged(LEAST, GUEST),
    "user accounts": merged(LEAST, ACCOUNTS),
    "user accounts at the simulator": merged(SIMULATED, ACCOUNTS),
    "monitored": MONITORED,
}
"""Values as different as they get, for what must hold for all of them."""
_LIMIT = 60

Object = dict[str, Any]


class Rendered:
    """What a set of values gives."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Object] = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]

    def names(self, kind: str | None = None) -> set[str]:
        return {each["metadata"]["name"] for each in self.objects if kind in (None, each["kind"])}

    def one(self, kind: str, name: str) -> Object:
        (found,) = [each for each in self.objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
        return found

    def template(self, component: str) -> Object:
        """Metadata and spec of the pods of a component."""
        (found,) = [
            each["spec"]["template"]
            for each in self.objects
            if each["metadata"]["name"] == f"{RELEASE}-teltubby-{component}" and "template" in each.get("spec", {})
        ]
        return dict(found)

    def pods(self) -> dict[str, Object]:
        """Spec of every pod, by the name of what makes it."""
        found = {}
        for each in self.objects:
            if each["kind"] == "Pod":
                found[each["metadata"]["name"]] = each["spec"]
            elif "template" in each.get("spec", {}):
                found[each["metadata"]["name"]] = each["spec"]["template"]["spec"]
        return found

    def pod(self, component: str) -> Object:
        return self.pods()[f"{RELEASE}-teltubby-{component}"]

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Every container, those that run before the others included, by the names of its pod and its own."""
        for name, pod in self.pods().items():
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                yield f"{name}/{container['name']}", container

    def secrets(self) -> dict[str, dict[str, str]]:
        """What each Secret holds, by its name and the key."""
        return {
            each["metadata"]["name"]: {
                key: base64.b64decode(value).decode() for key, value in each.get("data", {}).items()
            }
            for each in self.objects
            if each["kind"] == "Secret"
        }

    def container(self, component: str) -> Object:
        (container,) = self.pod(component)["containers"]
        return dict(container)

    def environment(self, component: str) -> dict[str, Any]:
        """Values of a container's variables; where they come from, of those that a Secret or the pod itself gives."""
        return {each["name"]: each.get("value", each.get("valueFrom")) for each in self.container(component)["env"]}


def rendered(values: Mapping[str, Any], release: str = RELEASE) -> Rendered:
    """Render; raises AssertionError with what helm says where it refuses."""
    done = _template(json.dumps(values, sort_keys=True), release)
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def refusal(values: Mapping[str, Any]) -> str:
    """Return why helm refuses these values."""
    done = _template(json.dumps(values, sort_keys=True), RELEASE)
    assert done.returncode != 0, "helm takes them"
    return done.stderr


def notes(values: Mapping[str, Any]) -> str:
    """Return what helm tells after an install. It needs a cluster for that: here an object of a copy carries it."""
    with tempfile.TemporaryDirectory(prefix="chart-") as folder:
        copy = shutil.copytree(CHART, Path(folder, "teltubby"))
        told = (copy / "templates" / "NOTES.txt").read_text("utf-8")
        (copy / "templates" / "_notes.tpl").write_text(f'{{{{- define "notes" }}}}{told}{{{{ end -}}}}', "utf-8")
        (copy / "templates" / "notes.yaml").write_text('notes: {{ include "notes" . | toJson }}', "utf-8")
        arguments = ("template", RELEASE, str(copy), f"--namespace={NAMESPACE}", "--values=-")
        done = helm(*arguments, "--show-only=templates/notes.yaml", given=json.dumps(values))
    assert done.returncode == 0, done.stderr
    return str(yaml.safe_load(done.stdout)["notes"])


@cache
def _template(values: str, release: str) -> "subprocess.CompletedProcess[str]":
    arguments = ("template", release, str(CHART), f"--namespace={NAMESPACE}", "--values=-")
    return helm(*arguments, given=values)


def helm(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    program = binaries.built_kubernetes() / "helm"
    return subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, timeout=_LIMIT, check=False
    )


def at(path: str, value: Any) -> dict[str, Any]:
    """``at("a.b", 1)`` is ``{"a": {"b": 1}}``."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


def texts(value: Any) -> Iterator[str]:
    """Every text anywhere in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield str(name)
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
