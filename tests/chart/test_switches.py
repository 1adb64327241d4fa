"""What each switch of the values changes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from chart.rendering import (
    CHART,
    FIXED,
    HOOKED,
    KINDS,
    LEAST,
    OUTSIDE,
    SIMULATED,
    TOKEN,
    Rendered,
    at,
    merged,
    rendered,
    texts,
)
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID

PODS = ("bot", "worker", "rabbitmq", "minio", "simulator")
SECRETS = ("telegram", "rabbitmq", "s3", "session-keys")
VOLUMES = ("bot", "rabbitmq", "minio")


def with_value(path: str, value: Any, base: Mapping[str, Any] = LEAST) -> Rendered:
    return rendered(merged(base, at(path, value)))


def secret(name: str, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key}}


# What there is


def test_the_least_values_give_bot_worker_broker_and_store():
    release = rendered(LEAST)
    assert release.names("StatefulSet") == {"media-teltubby-bot", "media-teltubby-rabbitmq", "media-teltubby-minio"}
    assert release.names("Deployment") == {"media-teltubby-worker", "media-teltubby-operator"}
    assert release.names("TeltubbyArchive") == {"media-teltubby"}
    assert release.names("Ingress") == set()
    assert release.names("Secret") == {f"media-teltubby-{part}" for part in SECRETS}


def test_a_fixed_number_of_workers_needs_no_operator():
    release = rendered(merged(LEAST, FIXED))
    assert release.names("Deployment") == {"media-teltubby-worker"}
    kinds = ("TeltubbyArchive", "ClusterRole", "ClusterRoleBinding", "Job")
    assert [name for kind in kinds for name in release.names(kind)] == []
    assert release.names("Secret") == {f"media-teltubby-{part}" for part in (*SECRETS, "session-0", "session-1")}
    deployment = release.one("Deployment", "media-teltubby-worker")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["metadata"]["annotations"] == {"teltubby.io/scaling": "false"}
    assert "annotations" not in rendered(LEAST).one("Deployment", "media-teltubby-worker")["metadata"]


def test_servers_and_secrets_of_ones_own_leave_bot_and_worker_alone():
    release = rendered(OUTSIDE)
    assert release.names("StatefulSet") == {"media-teltubby-bot"}
    assert release.names("Secret") == set()
    assert release.names("ConfigMap") == {"media-teltubby-crd"}
    assert release.names("Service") == {"media-teltubby-bot"}


def test_there_is_one_bot_which_a_mended_one_replaces_and_which_is_called_also_while_it_is_not_ready():
    spec = rendered(LEAST).one("StatefulSet", "media-teltubby-bot")["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (1, "Parallel")
    assert rendered(LEAST).one("Service", "media-teltubby-bot")["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("component", ["bot", "worker"])
def test_a_service_is_alive_before_it_is_ready(component: str):
    container = rendered(LEAST).container(component)
    asked = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_helms_test_runs_once_and_knows_all_that_the_services_do():
    pod = rendered(OUTSIDE).one("Pod", "media-teltubby-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    told = rendered(OUTSIDE).environment("test")
    for component in ("bot", "worker"):
        given = rendered(OUTSIDE).environment(component)
        own = ("SQLITE_", "SESSION_", "MTPROTO_SESSION_", "POD_", "WORKER_")
        needed = {name for name in given if not name.startswith(own)}
        assert {name: told.get(name) for name in needed} == {name: given[name] for name in needed}


def test_a_release_whose_name_has_the_charts_is_not_named_twice():
    assert "teltubby-bot" in rendered(LEAST, release="teltubby").names("StatefulSet")
    assert "my-teltubby-bot" in rendered(LEAST, release="my-teltubby").names("StatefulSet")


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [("nameOverride", "archive", "media-archive-bot"), ("fullnameOverride", "archive", "archive-bot")],
)
def test_names_can_be_chosen(path: str, value: str, name: str):
    assert name in with_value(path, value).names("StatefulSet")


# Broker and store


def test_an_own_broker_and_store_are_named_to_the_services():
    for component in ("bot", "worker"):
        environment = rendered(LEAST).environment(component)
        assert environment["RABBITMQ_HOST"] == "media-teltubby-rabbitmq"
        assert environment["S3_ENDPOINT"] == "http://media-teltubby-minio:9000"
        assert environment["RABBITMQ_PASSWORD"] == secret("media-teltubby-rabbitmq", "RABBITMQ_PASSWORD")
        assert environment["S3_SECRET_ACCESS_KEY"] == secret("media-teltubby-s3", "S3_SECRET_ACCESS_KEY")
        assert "RABBITMQ_TLS" not in environment


def test_an_own_broker_and_store_know_the_services_by_the_same_secrets():
    broker, store = (rendered(LEAST).environment(component) for component in ("rabbitmq", "minio"))
    bot = rendered(LEAST).environment("bot")
    assert broker["RABBITMQ_DEFAULT_USER"] == bot["RABBITMQ_USERNAME"]
    assert broker["RABBITMQ_DEFAULT_PASS"] == bot["RABBITMQ_PASSWORD"]
    assert store["MINIO_ROOT_USER"] == bot["S3_ACCESS_KEY_ID"]
    assert store["MINIO_ROOT_PASSWORD"] == bot["S3_SECRET_ACCESS_KEY"]
    assert store["MINIO_REGION"] == bot["S3_REGION"]


def test_an_own_broker_is_found_at_the_usual_port_and_finds_its_data_again():
    ports = rendered(LEAST).one("Service", "media-teltubby-rabbitmq")["spec"]["ports"]
    assert {each["name"]: each["port"] for each in ports}["amqp"] == 5672
    assert rendered(LEAST).environment("rabbitmq")["RABBITMQ_NODENAME"] == "rabbit@localhost", "not the pod's name"


def test_a_broker_and_a_store_elsewhere_are_named_to_the_services():
    for component in ("bot", "worker"):
        environment = rendered(OUTSIDE).environment(component)
        told = {
            "RABBITMQ_HOST": "broker.example.org",
            "RABBITMQ_PORT": "5671",
            "RABBITMQ_VHOST": "media",
            "RABBITMQ_TLS": "true",
            "RABBITMQ_CA_FILE": "/etc/teltubby/rabbitmq-ca/ca.crt",
            "RABBITMQ_USERNAME": secret("my-broker", "RABBITMQ_USERNAME"),
            "RABBITMQ_PASSWORD": secret("my-broker", "RABBITMQ_PASSWORD"),
            "S3_ENDPOINT": "https://s3.example.org",
            "S3_CA_FILE": "/etc/teltubby/s3-ca/s3.pem",
            "S3_ACCESS_KEY_ID": secret("my-s3", "S3_ACCESS_KEY_ID"),
            "S3_SECRET_ACCESS_KEY": secret("my-s3", "S3_SECRET_ACCESS_KEY"),
            "TELEGRAM_BOT_TOKEN": secret("my-telegram", "TELEGRAM_BOT_TOKEN"),
        }
        assert {name: environment.get(name) for name in told} == told


def test_authorities_are_mounted_where_the_settings_say():
    for component in ("bot", "worker"):
        mounts = {each["name"]: each["mountPath"] for each in rendered(OUTSIDE).container(component)["volumeMounts"]}
        assert mounts["rabbitmq-ca"] == "/etc/teltubby/rabbitmq-ca"
        assert mounts["s3-ca"] == "/etc/teltubby/s3-ca"
        volumes = {each["name"]: each.get("configMap") for each in rendered(OUTSIDE).pod(component)["volumes"]}
        assert volumes["s3-ca"] == {"name": "my-ca"}


def test_another_s3_without_keys_uses_what_the_nodes_give():
    release = rendered(merged(LEAST, at("minio.enabled", False)))
    environment = release.environment("worker")
    assert [name for name in environment if name in {"S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}] == []
    assert "media-teltubby-s3" not in release.names("Secret")


@pytest.mark.parametrize(
    ("path", "base", "variable", "given"),
    [
        ("telegram.secretKeys.botToken", OUTSIDE, "TELEGRAM_BOT_TOKEN", "my-telegram"),
        ("telegram.secretKeys.apiId", OUTSIDE, "MTPROTO_API_ID", "my-telegram"),
        ("telegram.secretKeys.apiHash", OUTSIDE, "MTPROTO_API_HASH", "my-telegram"),
        ("rabbitmq.secretKeys.username", OUTSIDE, "RABBITMQ_USERNAME", "my-broker"),
        ("rabbitmq.secretKeys.password", OUTSIDE, "RABBITMQ_PASSWORD", "my-broker"),
        ("s3.secretKeys.accessKeyId", OUTSIDE, "S3_ACCESS_KEY_ID", "my-s3"),
        ("s3.secretKeys.secretAccessKey", OUTSIDE, "S3_SECRET_ACCESS_KEY", "my-s3"),
    ],
)
def test_a_secret_may_have_keys_of_its_own(path: str, base: Mapping[str, Any], variable: str, given: str):
    assert with_value(path, "other.key", base).environment("worker")[variable] == secret(given, "other.key")


def test_the_keys_of_session_keys_and_webhook_are_fixed():
    hooked = with_value("webhook.existingSecret", "my-hook", HOOKED)
    assert hooked.environment("bot")["WEBHOOK_SECRET"] == secret("my-hook", "WEBHOOK_SECRET")
    assert hooked.names("Secret") == rendered(LEAST).names("Secret")
    keys = rendered(OUTSIDE).environment("worker")["SESSION_ENCRYPTION_KEYS"]
    assert keys == secret("my-keys", "SESSION_ENCRYPTION_KEYS")


def test_the_stores_ports_can_be_opened_on_every_node():
    ports = {"type": "NodePort", "s3NodePort": 30900, "consoleNodePort": 30901}
    service = with_value("minio.service", ports).one("Service", "media-teltubby-minio")["spec"]
    assert service["type"] == "NodePort"
    assert {each["name"]: each["nodePort"] for each in service["ports"]} == {"s3": 30900, "console": 30901}
    closed = rendered(LEAST).one("Service", "media-teltubby-minio")["spec"]
    assert closed["type"] == "ClusterIP"
    assert not any("nodePort" in each for each in closed["ports"])


def test_a_broker_elsewhere_has_its_usual_port_and_no_tls_unless_told():
    environment = rendered(merged(OUTSIDE, at("rabbitmq", {"port": None, "tls": False}))).environment("bot")
    assert [name for name in environment if name in {"RABBITMQ_PORT", "RABBITMQ_TLS", "RABBITMQ_VERIFY_TLS"}] == []


def test_what_is_given_is_in_the_secrets_under_the_chosen_keys():
    given = {
        "telegram": {"secretKeys": {"apiId": "id"}, "apiId": 2_147_483_647, "apiHash": "hash"},
        "rabbitmq": {"username": "ada", "password": "pass", "secretKeys": {"password": "pw"}},
        "s3": {"accessKeyId": "access", "secretAccessKey": "secret-key", "secretKeys": {"accessKeyId": "id"}},
    }
    held = rendered(merged(LEAST, given)).secrets()
    assert held["media-teltubby-telegram"] == {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "id": "2147483647",
        "MTPROTO_API_HASH": "hash",
    }
    assert held["media-teltubby-rabbitmq"] == {"RABBITMQ_USERNAME": "ada", "pw": "pass"}
    assert held["media-teltubby-s3"] == {"id": "access", "S3_SECRET_ACCESS_KEY": "secret-key"}


def test_passwords_that_nobody_gave_are_long_and_not_the_same():
    held = rendered(SIMULATED).secrets()
    made = [held["media-teltubby-rabbitmq"]["RABBITMQ_PASSWORD"], *held["media-teltubby-s3"].values()]
    assert min(map(len, made)) >= 20
    assert len(set(made)) == len(made)
    assert "PRIVATE KEY" in held["media-teltubby-simulator"]["private-key"]


def test_another_s3_may_have_keys_that_were_given():
    given = merged(LEAST, at("minio.enabled", False), at("s3", {"accessKeyId": "access", "secretAccessKey": "secret"}))
    release = rendered(given)
    assert release.secrets()["media-teltubby-s3"]["S3_ACCESS_KEY_ID"] == "access"
    assert release.environment("bot")["S3_ACCESS_KEY_ID"] == secret("media-teltubby-s3", "S3_ACCESS_KEY_ID")


def test_a_broker_of_ones_own_takes_further_settings():
    release = with_value(
        "rabbitmq", {"extraConfig": "heartbeat = 30\nframe_max = 131072", "memoryHighWatermark": "1GiB"}
    )
    written = release.one("ConfigMap", "media-teltubby-rabbitmq")["data"]["rabbitmq.conf"].splitlines()
    assert {"heartbeat = 30", "frame_max = 131072", "vm_memory_high_watermark.absolute = 1GiB"} <= set(written)
    assert f"consumer_timeout = {24 * 3600 * 1000}" in written, "as long as a file may take"


# Telegram


def test_users_are_written_as_whole_numbers():
    values = at("telegram", {"whitelistIds": [7123456789, 11111111], "adminIds": [7123456789]})
    environment = rendered(merged(LEAST, values)).environment("bot")
    assert environment["TELEGRAM_WHITELIST_IDS"] == "7123456789,11111111"
    assert environment["ADMIN_IDS"] == "7123456789"


def test_a_bot_api_of_ones_own_is_named():
    environment = with_value("telegram.apiUrl", "https://api.example.org/").environment("bot")
    assert environment["TELEGRAM_API_URL"] == "https://api.example.org/"
    assert "TELEGRAM_API_URL" not in rendered(LEAST).environment("bot")


def test_a_webhook_has_a_port_a_secret_and_an_ingress_with_tls():
    release = rendered(HOOKED)
    environment = release.environment("bot")
    assert environment["TELEGRAM_MODE"] == "webhook"
    assert environment["WEBHOOK_URL"] == "https://bot.example.org/telegram"
    assert environment["WEBHOOK_SECRET"] == secret("media-teltubby-webhook", "WEBHOOK_SECRET")
    ingress = release.one("Ingress", "media-teltubby-bot")["spec"]
    assert ingress["ingressClassName"] == "nginx"
    assert ingress["tls"] == [{"hosts": ["bot.example.org"], "secretName": "bot-tls"}]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"], path["pathType"]) == ("bot.example.org", "/telegram", "Exact")
    backend = path["backend"]["service"]
    ports = {each["name"] for each in release.one("Service", backend["name"])["spec"]["ports"]}
    assert backend["port"]["name"] in ports


def test_without_a_webhook_nothing_of_it_is_there():
    release = rendered(LEAST)
    assert not [name for name in release.environment("bot") if "WEBHOOK" in name or name == "TELEGRAM_MODE"]
    assert [each["name"] for each in release.container("bot")["ports"]] == ["http"]
    assert "media-teltubby-webhook" not in release.names("Secret")


def test_a_webhooks_path_is_the_ingresss_too():
    release = rendered(merged(HOOKED, at("webhook.path", "/other/path"), at("webhook.ingress.className", "")))
    ingress = release.one("Ingress", "media-teltubby-bot")["spec"]
    assert ingress["rules"][0]["http"]["paths"][0]["path"] == "/other/path"
    assert release.environment("bot")["WEBHOOK_URL"] == "https://bot.example.org/other/path"
    assert "ingressClassName" not in ingress, "the cluster's default class"


def test_the_ingress_can_be_left_to_others_and_annotated():
    assert rendered(merged(HOOKED, at("webhook.ingress.enabled", False))).names("Ingress") == set()
    annotated = merged(HOOKED, at("webhook.ingress.annotations", {"cert-manager.io/cluster-issuer": "letsencrypt"}))
    metadata = rendered(annotated).one("Ingress", "media-teltubby-bot")["metadata"]
    assert metadata["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}


def test_the_simulator_takes_telegrams_place():
    release = rendered(SIMULATED)
    assert "media-teltubby-simulator" in release.names("Deployment")
    assert release.environment("bot")["TELEGRAM_API_URL"] == "http://media-teltubby-simulator:8080"
    assert release.environment("bot")["TELEGRAM_WHITELIST_IDS"] == "1001"
    assert release.environment("worker")["MTPROTO_SERVER"] == "media-teltubby-simulator:4432"
    (fetching,) = release.pod("worker")["initContainers"]
    assert "--fetch-key-from=http://media-teltubby-simulator:8080/control" in fetching["args"]
    assert f"--public-key-file={release.environment('worker')['MTPROTO_PUBLIC_KEY_FILE']}" in fetching["args"]
    simulator = release.one("Deployment", "media-teltubby-simulator")["spec"]
    assert (simulator["replicas"], simulator["strategy"]) == (1, {"type": "Recreate"})
    assert release.pods()["media-teltubby-test"]["containers"][0]["args"][0] == "demo"


def test_without_the_simulator_nothing_knows_of_it():
    release = rendered(LEAST)
    assert [text for text in texts(release.objects) if "simulator" in text] == []
    assert "initContainers" not in release.pod("worker")
    assert release.pods()["media-teltubby-test"]["containers"][0]["args"] == ["doctor"]


def test_the_simulator_brings_messages_by_the_service_itself():
    release = rendered(merged(SIMULATED, at("webhook.enabled", True)))
    assert release.names("Ingress") == set()
    assert release.environment("bot")["WEBHOOK_URL"] == "http://media-teltubby-bot:8080/telegram"
    assert "--allow-plain-webhooks" in release.container("simulator")["args"]


# Archive and services


@pytest.mark.parametrize(
    ("path", "value", "component", "variable", "told"),
    [
        ("archive.quotaBytes", 5_000_000_000_000, "bot", "S3_BUCKET_QUOTA_BYTES", "5000000000000"),
        ("archive.dedup", False, "bot", "DEDUP_ENABLE", "false"),
        ("archive.albumWindowSeconds", 0.5, "bot", "ALBUM_AGGREGATION_WINDOW_SECONDS", "0.5"),
        ("archive.maxFileGb", 2, "bot", "MAX_FILE_GB", "2"),
        ("archive.maxFileGb", 0.1, "worker", "MAX_FILE_GB", "0.1"),
        ("bot.concurrency", 3, "bot", "CONCURRENCY", "3"),
        ("worker.concurrency", 2, "worker", "WORKER_CONCURRENCY", "2"),
        ("worker.shutdownSeconds", 30, "worker", "WORKER_SHUTDOWN_SECONDS", "30"),
        ("log.level", "DEBUG", "worker", "LOG_LEVEL", "DEBUG"),
        ("log.format", "text", "bot", "LOG_FORMAT", "text"),
        ("s3.bucket", "photos", "worker", "S3_BUCKET", "photos"),
        ("s3.region", "eu-central-1", "bot", "S3_REGION", "eu-central-1"),
        ("s3.createBucket", False, "bot", "S3_CREATE_BUCKET", "false"),
        ("s3.verifyTls", False, "worker", "S3_VERIFY_TLS", "false"),
        ("rabbitmq.vhost", "media", "worker", "RABBITMQ_VHOST", "media"),
    ],
)
def test_a_value_becomes_a_setting(path: str, value: Any, component: str, variable: str, told: str):
    assert rendered(LEAST).environment(component).get(variable) != told, "it is the default, and proves nothing"
    assert with_value(path, value).environment(component)[variable] == told


def test_another_s3_may_have_names_of_buckets_in_its_host_names():
    assert rendered(OUTSIDE).environment("worker")["S3_FORCE_PATH_STYLE"] == "true"
    assert with_value("s3.forcePathStyle", False, OUTSIDE).environment("worker")["S3_FORCE_PATH_STYLE"] == "false"


def test_a_broker_of_ones_own_makes_the_virtual_host_that_the_services_use():
    release = with_value("rabbitmq.vhost", "media")
    assert release.environment("rabbitmq")["RABBITMQ_DEFAULT_VHOST"] == "media"
    assert release.environment("bot")["RABBITMQ_VHOST"] == "media"


@pytest.mark.parametrize("values", [{"apiId": 777, "apiHash": "of-mine"}, {"existingSecret": "my-telegram"}])
def test_the_simulator_is_logged_in_to_with_the_pair_that_it_takes(values: Mapping[str, Any]):
    release = with_value("telegram", values, SIMULATED)
    held = release.secrets()["media-teltubby-simulator"]
    assert (held["api-id"], held["api-hash"]) == (str(DEFAULT_API_ID), DEFAULT_API_HASH)
    for variable, key in (("MTPROTO_API_ID", "api-id"), ("MTPROTO_API_HASH", "api-hash")):
        assert release.environment("worker")[variable] == secret("media-teltubby-simulator", key)


@pytest.mark.parametrize("text", ["123", "true", "null", "y"])
def test_text_that_yaml_takes_for_something_else_stays_text(text: str):
    paths = ("rabbitmq.host", "s3.existingSecret", "telegram.secretKeys.botToken", "s3.caConfigMap.name")
    release = rendered(merged(OUTSIDE, *(at(path, text) for path in paths), at("bot.priorityClassName", text)))
    environment = release.environment("bot")
    assert environment["RABBITMQ_HOST"] == text
    assert environment["S3_ACCESS_KEY_ID"] == secret(text, "S3_ACCESS_KEY_ID")
    assert environment["TELEGRAM_BOT_TOKEN"]["secretKeyRef"]["key"] == text
    assert release.pod("bot")["priorityClassName"] == text
    assert text in [volume["configMap"]["name"] for volume in release.pod("bot")["volumes"] if "configMap" in volume]


def test_helms_test_runs_where_and_with_what_it_is_told():
    tools = {"nodeSelector": {"disk": "fast"}, "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}
    release = with_value("tools", tools)
    assert release.pod("test")["nodeSelector"] == {"disk": "fast"}
    assert release.environment("test")["HTTPS_PROXY"] == "http://proxy:3128"


def test_whether_a_brokers_certificate_is_checked_is_told_with_tls():
    assert rendered(OUTSIDE).environment("bot")["RABBITMQ_VERIFY_TLS"] == "true"
    assert with_value("rabbitmq.verifyTls", False, OUTSIDE).environment("bot")["RABBITMQ_VERIFY_TLS"] == "false"


def test_no_quota_is_told_unless_there_is_one():
    assert "S3_BUCKET_QUOTA_BYTES" not in rendered(LEAST).environment("bot")


@pytest.mark.parametrize(("replicas", "size", "surge"), [(0, 2, 2), (1, 2, 1), (1, 1, 0), (4, 4, 0), (4, 9, 2)])
def test_there_are_never_more_workers_than_sessions(replicas: int, size: int, surge: int):
    release = rendered(merged(LEAST, FIXED, at("worker", {"replicas": replicas, "sessions": {"size": size}})))
    deployment = release.one("Deployment", "media-teltubby-worker")["spec"]
    assert deployment["replicas"] == replicas
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": 0 if surge else 1}
    assert replicas + surge <= size


def test_every_session_is_a_secret_and_a_lease_that_the_worker_alone_may_use():
    release = rendered(merged(LEAST, FIXED, at("worker.sessions.size", 3)))
    names = [f"media-teltubby-session-{number}" for number in range(3)]
    assert release.environment("worker")["SESSION_NAMES"] == ",".join(names)
    assert release.names("Lease") == set(names) <= release.names("Secret")
    assert [name for name in names if "data" in release.one("Secret", name)] == []
    rules = {rule["resources"][0]: rule for rule in release.one("Role", "media-teltubby-worker")["rules"]}
    for kind in ("secrets", "leases"):
        assert (rules[kind]["resourceNames"], rules[kind]["verbs"]) == (names, ["get", "update"])
    assert rules["pods"]["verbs"] == ["get"]
    assert set(rules) == {"secrets", "leases", "pods"}
    assert release.pod("worker")["serviceAccountName"] == "media-teltubby-worker"


def test_the_operator_makes_the_sessions_and_may_not_read_other_secrets():
    release = with_value("worker", {"sessions": {"size": 3, "rotateAfterDays": 90}, "scaling": {"max": 3}})
    names = [f"media-teltubby-session-{number}" for number in range(3)]
    assert release.names("Lease") == set()
    assert release.environment("worker")["SESSION_NAMES"] == ",".join(names)
    archive = release.one("TeltubbyArchive", "media-teltubby")["spec"]
    assert archive["sessions"] == {
        "kind": "bot",
        "size": 3,
        "leasePrefix": "media-teltubby-session-",
        "rotateAfterDays": 90,
    }
    assert archive["deletionPolicy"] == "Retain"
    assert (archive["workers"]["deploymentName"], archive["workers"]["max"]) == ("media-teltubby-worker", 3)
    rules = release.one("Role", "media-teltubby-scaling")["rules"]
    secrets = [(rule["verbs"], rule.get("resourceNames")) for rule in rules if rule["resources"] == ["secrets"]]
    assert secrets == [(["get"], ["media-teltubby-rabbitmq"]), (["create"], None), (["patch", "delete"], names)]
    assert "replicas" not in release.one("Deployment", "media-teltubby-worker")["spec"]


def test_the_crd_is_brought_up_to_date_before_an_upgrade_by_whoever_may_do_only_that():
    release = rendered(LEAST)
    config = release.one("ConfigMap", "media-teltubby-crd")["data"]["crd.json"]
    assert json.loads(config) == yaml.safe_load((CHART / "crds" / "teltubbyarchives.yaml").read_text("utf-8"))
    (rule,) = release.one("ClusterRole", "archives-media-teltubby-crd")["rules"]
    assert (rule["resourceNames"], rule["verbs"]) == (["teltubbyarchives.teltubby.io"], ["get", "update"])
    for kind, name in (
        ("Job", "media-teltubby-crd"),
        ("ServiceAccount", "media-teltubby-crd"),
        ("ClusterRoleBinding", "archives-media-teltubby-crd"),
    ):
        assert release.one(kind, name)["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"


def test_an_archive_of_ones_own_hand_finds_its_rights_there():
    release = with_value("worker.scaling.createArchive", False)
    assert release.names("TeltubbyArchive") == set()
    assert "media-teltubby-scaling" in release.names("Role")
    assert "replicas" not in release.one("Deployment", "media-teltubby-worker")["spec"]


def test_sessions_go_with_the_archive_where_no_data_is_to_stay():
    def policy(*changes: Mapping[str, Any]) -> str:
        archive = rendered(merged(LEAST, *changes)).one("TeltubbyArchive", "media-teltubby")
        return str(archive["spec"]["deletionPolicy"])

    assert policy(at("keepData", False)) == "Delete"
    assert policy(at("keepData", False), at("worker.scaling.deletionPolicy", "Retain")) == "Retain"


def test_the_operator_trusts_what_bot_and_workers_do():
    mounted = rendered(OUTSIDE).container("operator")["volumeMounts"]
    assert {"name": "rabbitmq-ca", "mountPath": "/etc/teltubby/rabbitmq-ca", "readOnly": True} in mounted
    theirs, ours = (rendered(OUTSIDE).environment(name)["RABBITMQ_CA_FILE"] for name in ("worker", "operator"))
    assert theirs == ours
    assert "RABBITMQ_CA_FILE" not in rendered(LEAST).environment("operator")


def test_a_bot_in_whose_chat_people_log_in_may_with_sessions_what_workers_may_and_others_may_nothing():
    release, others = rendered(merged(KINDS["user accounts"], FIXED)), rendered(merged(LEAST, FIXED))
    sessions = ("SESSION_", "MTPROTO_", "POD_", "RELAY_")
    theirs = {name: value for name, value in release.environment("worker").items() if name.startswith(sessions)}
    assert theirs.items() <= release.environment("bot").items()
    assert (theirs["MTPROTO_SESSION_KIND"], theirs["RELAY_CHANNEL_ID"]) == ("user", "-1001234567890")
    bindings = {name: release.one("RoleBinding", f"media-teltubby-{name}") for name in ("bot", "worker")}
    for name, binding in bindings.items():
        assert binding["roleRef"]["name"] == "media-teltubby-worker"
        assert [subject["name"] for subject in binding["subjects"]] == [f"media-teltubby-{name}"]
        assert release.pod(name)["serviceAccountName"] == f"media-teltubby-{name}"
    assert others.names("ServiceAccount") == others.names("RoleBinding") == {"media-teltubby-worker"}
    assert [name for name in others.environment("bot") if name.startswith(sessions)] == []


def test_a_bot_that_logs_people_in_trusts_the_simulator_of_its_own():
    pod = rendered(KINDS["user accounts at the simulator"]).pod("bot")
    assert [each["name"] for each in pod["initContainers"]] == ["simulator-key"]
    assert "initContainers" not in rendered(SIMULATED).pod("bot")


def test_a_worker_gets_the_time_to_finish():
    release = with_value("worker.shutdownSeconds", 7200)
    pod = release.pod("worker")
    assert pod["terminationGracePeriodSeconds"] > 7200
    deadline = release.one("Deployment", "media-teltubby-worker")["spec"]["progressDeadlineSeconds"]
    assert deadline > pod["terminationGracePeriodSeconds"]


def before_stop(release: Rendered, component: str) -> list[str]:
    return list(release.container(component)["lifecycle"]["preStop"]["exec"]["command"])


def test_a_stop_waits_until_the_service_hears_it():
    for component in ("bot", "worker"):
        assert before_stop(rendered(LEAST), component)[:3] == ["python", "-m", "teltubby_core.probe"]


def test_a_bot_that_is_called_hears_on_for_a_moment_before_it_stops():
    assert before_stop(rendered(HOOKED), "bot") == ["sleep", "5"]
    assert before_stop(rendered(HOOKED), "worker")[0] == "python"


# Data


def test_data_outlives_the_release_unless_it_is_to_go():
    kept, going = (rendered(merged(LEAST, FIXED, at("keepData", keep))) for keep in (True, False))
    for component in ("bot", "rabbitmq", "minio"):
        name = f"media-teltubby-{component}"
        policies = [
            each.one("StatefulSet", name)["spec"]["persistentVolumeClaimRetentionPolicy"] for each in (kept, going)
        ]
        assert [policy["whenDeleted"] for policy in policies] == ["Retain", "Delete"]
        assert [policy["whenScaled"] for policy in policies] == ["Retain", "Retain"]
    keep = {"helm.sh/resource-policy": "keep"}
    secrets = [("Secret", part) for part in ("rabbitmq", "s3", "session-keys", "session-0")]
    for kind, part in (*secrets, ("Lease", "session-0")):
        assert kept.one(kind, f"media-teltubby-{part}")["metadata"].get("annotations") == keep
        assert "annotations" not in going.one(kind, f"media-teltubby-{part}")["metadata"]


def test_a_token_that_was_made_outlives_the_release_and_one_that_was_given_does_not():
    made, given = (rendered(values).one("Secret", "media-teltubby-telegram") for values in (SIMULATED, LEAST))
    assert made["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "annotations" not in given["metadata"]


def claim_of(release: Rendered, component: str) -> Any:
    name = f"media-teltubby-{component}"
    (template,) = release.one("StatefulSet", name)["spec"]["volumeClaimTemplates"]
    return template["spec"]


@pytest.mark.parametrize("component", VOLUMES)
def test_a_volume_can_be_chosen(component: str):
    persistence = {"size": "7Gi", "storageClassName": "fast", "accessModes": ["ReadWriteOncePod"]}
    assert "storageClassName" not in claim_of(rendered(LEAST), component), "the cluster's default class"
    assert claim_of(with_value(f"{component}.persistence", persistence), component) == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "7Gi"}},
    }


# Pods


def image_of(component: str) -> str:
    return "tools" if component == "simulator" else component


@pytest.mark.parametrize("component", PODS)
def test_an_image_is_named_by_registry_repository_and_tag_or_digest(component: str):
    base = merged(SIMULATED, at("image", {"registry": "registry.example.org/team/", "pullSecrets": ["pull"]}))
    path = f"{image_of(component)}.image"
    tagged = with_value(path, {"repository": "mine/it", "tag": "v9", "pullPolicy": "Always"}, base)
    assert tagged.container(component)["image"] == "registry.example.org/team/mine/it:v9"
    assert tagged.container(component)["imagePullPolicy"] == "Always"
    assert tagged.pod(component)["imagePullSecrets"] == [{"name": "pull"}]
    digest = f"sha256:{'a' * 64}"
    pinned = with_value(path, {"repository": "mine/it", "tag": "v9", "digest": digest}, SIMULATED)
    assert pinned.container(component)["image"] == f"mine/it@{digest}"


def test_images_of_the_product_have_the_charts_version_by_default():
    release = rendered(SIMULATED)
    assert release.container("bot")["image"].partition(":") == ("teltubby-bot", ":", "0.1.0")
    assert release.container("simulator")["image"] == "teltubby-tools:0.1.0"


def chosen(component: str) -> dict[str, Any]:
    """Fields of a pod, with values that no other component has."""
    return {
        "nodeSelector": {"disk": component},
        "tolerations": [{"key": component, "operator": "Exists"}],
        "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": component}]}},
        "priorityClassName": f"{component}s",
    }


@pytest.mark.parametrize("component", PODS)
@pytest.mark.parametrize("field", chosen(""))
def test_where_a_pod_runs_can_be_chosen(component: str, field: str):
    release = rendered(merged(SIMULATED, {each: chosen(each) for each in PODS}))
    assert release.pod(component)[field] == chosen(component)[field]
    assert field not in rendered(SIMULATED).pod(component)


SEVERAL = ("worker", "operator")
"""Components with several pods."""


@pytest.mark.parametrize("component", SEVERAL)
def test_pods_of_one_component_are_kept_apart_where_that_is_possible(component: str):
    template = rendered(LEAST).template(component)
    (spread,) = template["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    chosen = [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]
    release = with_value(f"{component}.topologySpreadConstraints", chosen)
    assert release.pod(component)["topologySpreadConstraints"] == chosen


def test_draining_nodes_evicts_one_pod_of_a_component_at_a_time_and_never_hangs_at_the_only_one():
    release = rendered(LEAST)
    assert release.names("PodDisruptionBudget") == {f"media-teltubby-{component}" for component in SEVERAL}
    for component in SEVERAL:
        spec = release.one("PodDisruptionBudget", f"media-teltubby-{component}")["spec"]
        assert spec["selector"]["matchLabels"].items() <= release.template(component)["metadata"]["labels"].items()
        assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        without = with_value(f"{component}.podDisruptionBudget.enabled", False).names("PodDisruptionBudget")
        assert without == release.names("PodDisruptionBudget") - {f"media-teltubby-{component}"}
    assert rendered(merged(LEAST, FIXED)).names("PodDisruptionBudget") == {"media-teltubby-worker"}


@pytest.mark.parametrize("component", PODS)
def test_a_pod_can_be_labelled_and_annotated(component: str):
    values = {each: {"podLabels": {"team": each}, "podAnnotations": {"note": f"of {each}"}} for each in PODS}
    metadata = rendered(merged(SIMULATED, values)).template(component)["metadata"]
    assert metadata["labels"]["team"] == component
    assert metadata["annotations"]["note"] == f"of {component}"


@pytest.mark.parametrize("component", PODS)
def test_cpu_and_memory_can_be_chosen(component: str):
    cpus = {each: str(number) for number, each in enumerate(PODS, 1)}
    values = {
        each: {"resources": {"requests": {"cpu": cpu}, "limits": {"memory": f"{cpu}Gi"}}} for each, cpu in cpus.items()
    }
    told = rendered(merged(SIMULATED, values)).container(component)["resources"]
    assert (told["requests"]["cpu"], told["limits"]["memory"]) == (cpus[component], f"{cpus[component]}Gi")


def test_what_the_tools_may_use_holds_for_whatever_runs_them():
    tools = {"resources": {"limits": {"memory": "3Gi"}}, "image": {"tag": "v9"}}
    release = with_value("tools", tools, SIMULATED)
    (fetching,) = release.pod("worker")["initContainers"]
    (testing,) = release.pod("test")["containers"]
    for container in (fetching, testing):
        assert container["resources"]["limits"]["memory"] == "3Gi"
        assert container["image"] == "teltubby-tools:v9"


@pytest.mark.parametrize("component", VOLUMES)
def test_further_variables_come_last(component: str):
    extra = [
        {"name": "TZ", "value": "UTC"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    assert with_value(f"{component}.extraEnv", extra).container(component)["env"][-2:] == extra


@pytest.mark.parametrize("component", ["bot", "rabbitmq", "minio"])
def test_the_time_to_stop_can_be_chosen(component: str):
    release = with_value(f"{component}.terminationGracePeriodSeconds", 77)
    assert release.pod(component)["terminationGracePeriodSeconds"] == 77


@pytest.mark.parametrize("component", ["rabbitmq", "minio"])
def test_a_server_runs_as_the_user_of_its_image(component: str):
    context = with_value(f"{component}.runAsUser", 4711).pod(component)["securityContext"]
    assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {4711}
