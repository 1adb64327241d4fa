"""Values that are refused, in a sentence that names them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from chart.rendering import CHART, LEAST, OUTSIDE, SIMULATED, at, merged, refusal, rendered

SCHEMA: Mapping[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
DEFAULTS: Mapping[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
FREE = {"global"}
"""Of Helm's own: every chart must let it be."""


def described(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every value that the schema knows, by path."""
    for name, each in schema.get("properties", {}).items():
        found = {**SCHEMA["$defs"][each["$ref"].rpartition("/")[2]], **each} if "$ref" in each else each
        here = f"{path}{name}"
        yield here, found
        yield from described(found, f"{here}.")


KNOWN = {path: each for path, each in described(SCHEMA) if path not in FREE}
CLOSED = [path for path, each in KNOWN.items() if "properties" in each]


# What the values themselves rule out


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "telegram.botToken: missing"),
        ({}, "telegram.apiId, telegram.apiHash: missing"),
        ({}, "telegram.whitelistIds: names nobody"),
        (merged(LEAST, at("telegram.existingSecret", "mine")), "telegram.existingSecret: leave botToken"),
        (merged(LEAST, at("telegram.adminIds", [5])), "telegram.adminIds: 5 is not in telegram.whitelistIds"),
        (merged(LEAST, at("webhook.enabled", True)), "webhook.host: missing"),
        (merged(LEAST, at("webhook.enabled", True)), "webhook.ingress.tlsSecretName: missing"),
        (merged(LEAST, at("rabbitmq.host", "other")), "rabbitmq.enabled=false"),
        (merged(LEAST, at("rabbitmq.tls", True)), "rabbitmq.enabled=false"),
        (merged(LEAST, at("rabbitmq.enabled", False)), "rabbitmq.host: missing"),
        (merged(LEAST, at("rabbitmq", {"enabled": False, "host": "b"})), "rabbitmq.password: missing"),
        (merged(LEAST, at("s3.endpoint", "https://s3.example.org")), "minio.enabled=false"),
        (merged(OUTSIDE, at("s3", {"existingSecret": "", "accessKeyId": "k"})), "s3.accessKeyId, s3.secretAccessKey"),
        (merged(LEAST, at("minio.service.s3NodePort", 30900)), "minio.service.type=NodePort"),
        (merged(LEAST, at("bot.extraEnv", [{"name": "LOG_LEVEL", "value": "x"}])), "bot.extraEnv: LOG_LEVEL"),
        (merged(LEAST, at("minio.extraEnv", [{"name": "HOME", "value": "x"}])), "minio.extraEnv: HOME"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_do_not_go_together_are_named(values: Mapping[str, Any], named: str):
    assert named in refusal(values)


def test_all_problems_are_told_at_once():
    told = refusal({"rabbitmq": {"enabled": False}, "webhook": {"enabled": True}})
    assert [named for named in ("telegram.botToken", "rabbitmq.host", "webhook.host") if named not in told] == []


# What the schema rules out


@pytest.mark.parametrize("path", ["", *CLOSED])
def test_an_unknown_value_is_named(path: str):
    told = refusal(merged(SIMULATED, at(f"{path}.misspelt".lstrip("."), 1)))
    assert "misspelt" in told
    assert path.replace(".", "/") in told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("telegram.botToken", "not-a-token"),
        ("telegram.apiId", "12345"),
        ("telegram.apiId", 0),
        ("telegram.whitelistIds", "11111111"),
        ("telegram.whitelistIds", [-100123]),
        ("telegram.whitelistIds", ["@ada"]),
        ("telegram.apiUrl", "api.example.org"),
        ("telegram.existingSecret", "Not_A_Name"),
        ("webhook.enabled", "yes"),
        ("webhook.path", "telegram"),
        ("webhook.host", "https://bot.example.org"),
        ("archive.maxFileGb", 0),
        ("archive.quotaBytes", "5Ti"),
        ("archive.dedup", "true"),
        ("archive.albumWindowSeconds", 0),
        ("log.level", "debug"),
        ("log.format", "xml"),
        ("keepData", "no"),
        ("bot.concurrency", 0),
        ("bot.concurrency", 33),
        ("bot.image.repository", "teltubby-bot:latest"),
        ("bot.image.tag", "a tag"),
        ("bot.image.digest", "sha256:abc"),
        ("bot.image.pullPolicy", "Sometimes"),
        ("bot.persistence.size", "2 GB"),
        ("bot.persistence.accessModes", []),
        ("bot.persistence.accessModes", ["ReadOnlyMany"]),
        ("bot.extraEnv", {"TZ": "UTC"}),
        ("bot.extraEnv", [{"value": "UTC"}]),
        ("bot.podLabels", {"team": 1}),
        ("bot.terminationGracePeriodSeconds", 5),
        ("worker.replicas", 2),
        ("worker.concurrency", 5),
        ("worker.shutdownSeconds", -1),
        ("s3.bucket", "My_Bucket"),
        ("s3.endpoint", "minio:9000"),
        ("s3.secretKeys.accessKeyId", "a key"),
        ("minio.runAsUser", 0),
        ("minio.service.type", "LoadBalancer"),
        ("rabbitmq.port", 70000),
        ("rabbitmq.host", "broker:5672"),
        ("rabbitmq.memoryHighWatermark", "0.4"),
        ("rabbitmq.vhost", ""),
        ("simulator.enabled", 1),
        ("tools.resources", {"request": {"cpu": "1"}}),
        ("image.pullSecrets", [""]),
        ("nameOverride", "n" * 41),
    ],
    ids=str,
)
def test_a_wrong_value_is_named(path: str, value: Any):
    told = refusal(merged(SIMULATED, at(path, value)))
    assert path.replace(".", "/") in told


# Schema and values.yaml


def test_every_value_has_a_default_and_every_default_is_described():
    def paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
        for name, each in values.items():
            yield f"{prefix}{name}"
            if isinstance(each, Mapping) and "properties" in KNOWN.get(f"{prefix}{name}", {}):
                yield from paths(each, f"{prefix}{name}.")

    assert set(paths(DEFAULTS)) == set(KNOWN)


def test_every_value_says_what_it_is_for():
    assert [path for path, each in KNOWN.items() if not each.get("description")] == []


def test_no_object_takes_what_it_does_not_know():
    assert [path for path in CLOSED if KNOWN[path].get("additionalProperties") is not False] == []
    assert SCHEMA["additionalProperties"] is False


def test_the_defaults_need_nothing_but_a_bot_or_the_simulator():
    assert rendered(LEAST).objects
    assert rendered(SIMULATED).objects
