"""What holds for every pod, whatever the values: Pod Security restricted, and secrets in Secrets alone."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from chart.rendering import HOOKED, LEAST, OUTSIDE, SIMULATED, TOKEN, Rendered, at, merged, notes, rendered, texts

PLANTED: Mapping[str, Any] = {
    "telegram": {"apiHash": "planted-api-hash", "botToken": TOKEN},
    "rabbitmq": {"password": "planted-broker-password"},
    "s3": {"accessKeyId": "planted-access-key", "secretAccessKey": "planted-secret-key"},
}
SECRETS = (TOKEN, "planted-api-hash", "planted-broker-password", "planted-access-key", "planted-secret-key")


def test_every_pod_is_an_ordinary_user_and_only_who_uses_sessions_has_a_token_of_the_clusters(release: Rendered):
    with_token = release.names("ServiceAccount")
    assert with_token <= {f"media-teltubby-{part}" for part in ("worker", "bot", "operator", "crd")}
    for name, pod in release.pods().items():
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is (name in with_token), name
        assert pod["enableServiceLinks"] is False, name
        assert [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)] == [], name


def test_every_container_has_a_read_only_root_and_no_capability(release: Rendered):
    for name, container in release.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert [port for port in container.get("ports", []) if "hostPort" in port] == [], name


def test_every_volume_is_of_a_kind_that_restricted_pods_may_have(release: Rendered):
    allowed = {"emptyDir", "configMap", "projected", "persistentVolumeClaim", "secret"}
    for name, pod in release.pods().items():
        kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= allowed, name


def test_every_container_asks_for_cpu_and_memory_and_has_a_bound(release: Rendered):
    for name, container in release.containers():
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), name
        assert "memory" in resources["limits"], name


def test_every_server_has_probes_and_every_scratch_volume_a_bound(release: Rendered):
    for name, pod in release.pods().items():
        for volume in pod.get("volumes", []):
            assert "emptyDir" not in volume or volume["emptyDir"].get("sizeLimit"), f"{name}/{volume['name']}"
        for container in pod["containers"] if not name.endswith(("-test", "-crd")) else []:
            assert {"startupProbe", "readinessProbe"} <= set(container), name


BASES = {
    "own bot": LEAST,
    "webhook": HOOKED,
    "simulator": SIMULATED,
    "servers elsewhere": merged(
        OUTSIDE,
        {"telegram": {"existingSecret": "", "apiId": 12345}},
        *(at(f"{part}.existingSecret", "") for part in ("rabbitmq", "s3")),
    ),
}
"""Values that take all of these."""


@pytest.mark.parametrize("base", BASES.values(), ids=list(BASES))
def test_what_is_given_in_confidence_is_in_secrets_alone(base: Mapping[str, Any]):
    values = merged(base, PLANTED)
    release = rendered(values)
    told = [text for each in release.objects if each["kind"] != "Secret" for text in texts(each)]
    hidden = [base64.b64encode(secret.encode()).decode() for secret in SECRETS]
    assert [text for text in [*told, notes(values)] if any(secret in text for secret in (*SECRETS, *hidden))] == []
    held = {text for content in release.secrets().values() for text in content.values()}
    unused = {"planted-api-hash"} if base == SIMULATED else set()  # the simulator takes a pair of its own
    assert set(SECRETS) - unused <= held
    named = [text for each in release.objects if each["kind"] == "Secret" for text in texts(each)]
    assert [text for text in named if any(secret in text for secret in SECRETS)] == [], "base64, as Kubernetes wants it"


def test_secrets_reach_containers_by_reference_alone(release: Rendered):
    secretive = ("TOKEN", "HASH", "PASSWORD", "SECRET", "KEY_ID", "KEYS", "_PASS")
    for name, container in release.containers():
        given = [each["name"] for each in container.get("env", []) if "value" in each]
        assert [variable for variable in given if any(word in variable for word in secretive)] == [], name
