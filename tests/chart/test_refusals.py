"""Values that are refused, in a sentence that names them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chart.rendering import CHART, FIXED, GUEST, LEAST, OUTSIDE, SIMULATED, at, merged, refusal, rendered
from chart.values import CLOSED, DEFAULTS, KNOWN, LEAVES, SCHEMA

# What the values themselves rule out


IMPOSSIBLE: list[tuple[Mapping[str, Any], str]] = [
    ({}, "telegram.botToken: missing"),
    ({}, "telegram.apiId, telegram.apiHash: missing"),
    ({}, "telegram.whitelistIds: names nobody"),
    (merged(LEAST, at("telegram.apiHash", "")), "telegram.apiId, telegram.apiHash: missing"),
    (merged(LEAST, at("telegram.apiId", None)), "telegram.apiId, telegram.apiHash: missing"),
    (merged(LEAST, at("telegram.existingSecret", "mine")), "telegram.existingSecret: leave botToken"),
    (merged(OUTSIDE, at("telegram.apiHash", "h")), "telegram.existingSecret: leave botToken"),
    (merged(LEAST, at("telegram.adminIds", [5])), "telegram.adminIds: 5 is not in telegram.whitelistIds"),
    (merged(SIMULATED, at("telegram.adminIds", [5])), "telegram.adminIds: 5 is not in telegram.whitelistIds"),
    (merged(LEAST, at("webhook.enabled", True)), "webhook.host: missing"),
    (merged(LEAST, at("webhook.enabled", True)), "webhook.ingress.tlsSecretName: missing"),
    (merged(LEAST, at("rabbitmq.host", "other")), "rabbitmq.enabled=false"),
    (merged(LEAST, at("rabbitmq.port", 5673)), "rabbitmq.enabled=false"),
    (merged(LEAST, at("rabbitmq.tls", True)), "rabbitmq.enabled=false"),
    (merged(LEAST, at("rabbitmq.enabled", False)), "rabbitmq.host: missing"),
    (merged(LEAST, at("rabbitmq", {"enabled": False, "host": "b"})), "rabbitmq.password: missing"),
    (merged(LEAST, at("s3.endpoint", "https://s3.example.org")), "minio.enabled=false"),
    (merged(OUTSIDE, at("s3", {"existingSecret": "", "accessKeyId": "k"})), "s3.accessKeyId, s3.secretAccessKey"),
    (merged(LEAST, at("s3.secretAccessKey", "secret-key")), "s3.accessKeyId, s3.secretAccessKey"),
    (merged(LEAST, at("telegram.secretKeys.apiId", "MTPROTO_API_HASH")), "telegram.secretKeys: two values"),
    (merged(LEAST, at("rabbitmq.secretKeys.username", "RABBITMQ_PASSWORD")), "rabbitmq.secretKeys: two values"),
    (merged(LEAST, at("s3.secretKeys.accessKeyId", "S3_SECRET_ACCESS_KEY")), "s3.secretKeys: two values"),
    (merged(OUTSIDE, at("rabbitmq.password", "secret")), "rabbitmq.existingSecret: leave password empty"),
    (merged(OUTSIDE, at("s3", {"accessKeyId": "k", "secretAccessKey": "s"})), "s3.existingSecret: leave accessKeyId"),
    (merged(LEAST, at("s3.forcePathStyle", False)), "s3.forcePathStyle: MinIO"),
    (merged(LEAST, at("s3", {"accessKeyId": "k", "secretAccessKey": "long-enough"})), "s3.accessKeyId: MinIO"),
    (merged(LEAST, at("s3", {"accessKeyId": "key", "secretAccessKey": "short"})), "s3.secretAccessKey: MinIO"),
    (merged(LEAST, at("minio.service", {"type": "NodePort", "s3NodePort": 3, "consoleNodePort": 3})), "must differ"),
    (merged(LEAST, at("bot.extraEnv", [{"name": "TZ"}, {"name": "TZ"}])), "bot.extraEnv: TZ is set already"),
    (merged(LEAST, FIXED, at("worker.replicas", 3)), "raise worker.sessions.size"),
    (merged(LEAST, at("worker.scaling.max", 3)), "worker.scaling.max: there are not that many sessions"),
    (merged(LEAST, at("worker.scaling", {"min": 2, "max": 1})), "worker.scaling.min: it is above"),
    (merged(LEAST, at("operator.enabled", False)), "worker.scaling.operator: name the namespace"),
    (merged(LEAST, GUEST, at("operator.enabled", True)), "worker.scaling.operator: this is for another release's"),
    (merged(OUTSIDE, at("worker.scaling.managementUrl", "")), "worker.scaling.managementUrl: give it"),
    (merged(LEAST, at("operator.extraEnv", [{"name": "OPERATOR_NAME"}])), "operator.extraEnv: OPERATOR_NAME"),
    (merged(LEAST, at("worker.sessions.kind", "user")), "telegram.relayChannelId: missing"),
    (merged(LEAST, at("telegram.relayChannelId", -1001234567890)), "telegram.relayChannelId: this is for"),
    (merged(LEAST, at("minio.service.s3NodePort", 30900)), "minio.service.type=NodePort"),
    (merged(LEAST, at("minio.service.consoleNodePort", 30901)), "minio.service.type=NodePort"),
    (merged(LEAST, at("bot.extraEnv", [{"name": "LOG_LEVEL", "value": "x"}])), "bot.extraEnv: LOG_LEVEL"),
    (merged(LEAST, at("worker.extraEnv", [{"name": "WORKER_NAME"}])), "worker.extraEnv: WORKER_NAME"),
    (merged(LEAST, at("rabbitmq.extraEnv", [{"name": "HOME"}])), "rabbitmq.extraEnv: HOME"),
    (merged(LEAST, at("minio.extraEnv", [{"name": "HOME", "value": "x"}])), "minio.extraEnv: HOME"),
]
"""Values, and what is said about them."""


@pytest.mark.parametrize(("values", "named"), IMPOSSIBLE, ids=lambda value: value if isinstance(value, str) else "")
def test_values_that_do_not_go_together_are_named(values: Mapping[str, Any], named: str):
    assert named in refusal(values)


def test_every_sentence_about_values_is_said_in_full():
    source = (CHART / "templates" / "_validate.tpl").read_text("utf-8")
    sentences = re.findall(r'append \$problems \(?(?:printf )?"([^"]+)"', source)
    assert len(sentences) == source.count("append $problems")
    told = "".join(refusal(values) for values, _ in IMPOSSIBLE)
    patterns = [re.escape(sentence).replace("%d", "[0-9]+").replace("%s", "[a-z0-9]+") for sentence in sentences]
    assert [pattern for pattern in patterns if not re.search(pattern, told)] == []


def test_all_problems_are_told_at_once():
    told = refusal({"rabbitmq": {"enabled": False}, "webhook": {"enabled": True}})
    assert [named for named in ("telegram.botToken", "rabbitmq.host", "webhook.host") if named not in told] == []


# What the schema rules out


@pytest.mark.parametrize("path", ["", *(f"/{path.replace('.', '/')}" for path in CLOSED)])
def test_an_unknown_value_is_named(path: str):
    told = refusal(merged(at("misspelt", 1), *(at(f"{each}.misspelt", 1) for each in CLOSED)))
    assert f"at '{path}': additional properties 'misspelt' not allowed" in told


OF_ANOTHER_TYPE = {"string": 7, "boolean": "yes", "integer": "7", "number": "7", "array": "text", "object": "text"}


def test_a_value_of_another_type_is_named():
    wrong = {path: OF_ANOTHER_TYPE[_types(path)[0]] for path in LEAVES}
    told = refusal(merged(*(at(path, value) for path, value in wrong.items())))
    assert [path for path in LEAVES if f"at '/{path.replace('.', '/')}': got" not in told] == []


def _types(path: str) -> list[str]:
    found = KNOWN[path]["type"]
    return [found] if isinstance(found, str) else list(found)


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
        ("webhook.ingress.annotations", {"issuer": 1}),
        ("archive.maxFileGb", 0),
        ("archive.quotaBytes", "5Ti"),
        ("archive.dedup", "true"),
        ("archive.albumWindowSeconds", 0),
        ("archive.albumWindowSeconds", 61),
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
        ("bot.tolerations", ["media"]),
        ("bot.terminationGracePeriodSeconds", 5),
        ("bot.terminationGracePeriodSeconds", 86401),
        ("fullnameOverride", "My Archive"),
        ("nameOverride", "my_archive"),
        ("image.registry", "https://x y"),
        ("telegram.whitelistIds", [2**52]),
        ("bot.podLabels", {"app.kubernetes.io/name": "mine"}),
        ("bot.podAnnotations", {"checksum/read-at-start": "mine"}),
        ("worker.replicas", -1),
        ("worker.sessions.size", 0),
        ("worker.sessions.kind", "both"),
        ("telegram.relayChannelId", -1000000000000),
        ("worker.concurrency", 5),
        ("worker.shutdownSeconds", -1),
        ("worker.shutdownSeconds", 86401),
        ("s3.bucket", "My_Bucket"),
        ("s3.endpoint", "minio:9000"),
        ("s3.secretKeys.accessKeyId", "a key"),
        ("minio.runAsUser", 0),
        ("minio.service.type", "LoadBalancer"),
        ("minio.service.s3NodePort", 0),
        ("rabbitmq.port", 70000),
        ("rabbitmq.host", "broker:5672"),
        ("rabbitmq.memoryHighWatermark", "0.4"),
        ("rabbitmq.vhost", ""),
        ("rabbitmq.caConfigMap.key", ""),
        ("rabbitmq.runAsUser", 0),
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


@pytest.mark.parametrize("path", ["bot.persistence.size", "s3.bucket", "worker", "rabbitmq.secretKeys.password"])
def test_a_value_that_is_taken_away_is_named(path: str):
    told = refusal(merged(SIMULATED, at(path, None)))
    assert f"missing property '{path.rpartition('.')[2]}'" in told


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
