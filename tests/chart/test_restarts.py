"""Which pods an upgrade replaces: those that would not notice a change otherwise, and no others."""

from collections.abc import Mapping
from typing import Any

import pytest

from chart.rendering import SIMULATED, Rendered, at, merged, rendered

PODS = ("bot", "worker", "rabbitmq", "minio", "simulator")
BASE = merged(SIMULATED, {"s3": {"accessKeyId": "key", "secretAccessKey": "secret-1"}, "rabbitmq": {"password": "one"}})


def replaced(before: Rendered, after: Rendered) -> set[str]:
    return {component for component in PODS if before.template(component) != after.template(component)}


def test_the_same_values_replace_nothing_though_passwords_are_made_anew():
    again = rendered({**SIMULATED, "nameOverride": ""})  # not taken from the cache
    assert again.text != rendered(SIMULATED).text, "without a cluster to look them up in, passwords differ"
    assert replaced(rendered(SIMULATED), again) == set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (at("bot.concurrency", 2), {"bot"}),
        (at("worker.concurrency", 2), {"worker"}),
        (at("worker.replicas", 0), set()),
        (at("worker.sessions.size", 3), {"worker"}),
        (at("worker.shutdownSeconds", 30), {"worker"}),
        (at("log.level", "DEBUG"), {"bot", "worker"}),
        (at("archive.maxFileGb", 2), {"bot", "worker"}),
        (at("archive.quotaBytes", 10**12), {"bot"}),
        (at("telegram.whitelistIds", [7]), {"bot"}),
        (at("webhook", {"enabled": True}), {"bot"}),
        (at("webhook.path", "/elsewhere"), set()),
        (at("rabbitmq.extraConfig", "heartbeat = 30"), {"rabbitmq"}),
        (at("rabbitmq.memoryHighWatermark", "1GiB"), {"rabbitmq"}),
        (at("rabbitmq.username", "archivist"), {"bot", "worker"}),
        (at("rabbitmq.password", "two"), {"bot", "worker"}),
        (at("s3.secretAccessKey", "secret-2"), {"bot", "worker", "minio"}),
        (at("s3.accessKeyId", "another-key"), {"bot", "worker", "minio"}),
        (at("s3.region", "eu-central-1"), {"bot", "worker", "minio"}),
        (at("s3.bucket", "photos"), {"bot", "worker"}),
        ({"s3": {"existingSecret": "my-s3", "accessKeyId": "", "secretAccessKey": ""}}, {"bot", "worker", "minio"}),
        ({"rabbitmq": {"existingSecret": "my-broker", "password": ""}}, {"bot", "worker", "rabbitmq"}),
        (at("telegram.apiId", 777), {"worker"}),
        (at("telegram.existingSecret", "my-telegram"), {"bot", "worker", "simulator"}),
        (at("s3.caConfigMap.name", "my-ca"), {"bot", "worker"}),
        (at("telegram.botToken", "123456789:AAE-another-token-0123456789-abcdefgh"), {"bot", "worker", "simulator"}),
        (at("bot.image.tag", "v2"), {"bot"}),
        (at("tools.image.tag", "v2"), {"worker", "simulator"}),
        (at("image.registry", "registry.example.org"), set(PODS)),
        (at("image.pullSecrets", ["pull"]), set(PODS)),
        *((at(f"{component}.podAnnotations", {"note": "new"}), {component}) for component in PODS),
        (at("keepData", False), set()),
        (at("bot.persistence.size", "9Gi"), set()),
        (at("minio.service", {"type": "NodePort"}), set()),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_change_replaces_the_pods_that_read_it_at_their_start(changed: Mapping[str, Any], expected: set[str]):
    assert replaced(rendered(BASE), rendered(merged(BASE, changed))) == expected
