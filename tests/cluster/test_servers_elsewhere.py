"""A release on a broker, a store and Secrets that are not its own."""

from collections.abc import Mapping

import pytest
from cryptography.fernet import Fernet

from cluster.release import COMPONENTS, Release
from cluster.traffic import Traffic
from testbed.kubectl import Cluster

VHOST, BUCKET = "elsewhere", "elsewhere"
TOKEN = f"987654321:{'A' * 35}"


def keep(release: Release, name: str, values: Mapping[str, str]) -> None:
    metadata = {"name": name, "namespace": release.namespace}
    release.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(values)})


def make_vhost(release: Release, user: str) -> None:
    in_broker = ("exec", release.pod("rabbitmq"), "--", "rabbitmqctl")
    release.kubectl(*in_broker, "add_vhost", VHOST)
    release.kubectl(*in_broker, "set_permissions", "--vhost", VHOST, user, ".*", ".*", ".*")


@pytest.mark.timeout(600)
def test_servers_and_secrets_of_others_serve_a_release(cluster: Cluster, release: Release):
    broker, store = release.secret("rabbitmq"), release.secret("s3")
    make_vhost(release, broker["RABBITMQ_USERNAME"])
    guest = Release(cluster, "teltubby-elsewhere")
    guest.make_namespace()
    keep(guest, "my-broker", {"user": broker["RABBITMQ_USERNAME"], "password": broker["RABBITMQ_PASSWORD"]})
    keep(guest, "my-store", store)
    keep(guest, "my-keys", {"SESSION_ENCRYPTION_KEYS": Fernet.generate_key().decode()})
    api = {"MTPROTO_API_ID": "12345", "MTPROTO_API_HASH": "0123456789abcdef0123456789abcdef"}
    keep(guest, "my-telegram", {"token": TOKEN, **api})
    home = f"{release.namespace}.svc.cluster.local"
    guest.install(
        telegram={"existingSecret": "my-telegram", "secretKeys": {"botToken": "token"}},
        worker={"existingSessionKeysSecret": "my-keys"},
        rabbitmq={
            "enabled": False,
            "host": f"teltubby-rabbitmq.{home}",
            "vhost": VHOST,
            "existingSecret": "my-broker",
            "secretKeys": {"username": "user", "password": "password"},
        },
        minio={"enabled": False},
        s3={"endpoint": f"http://teltubby-minio.{home}:9000", "bucket": BUCKET, "existingSecret": "my-store"},
    )
    assert [component for component in COMPONENTS if guest.pods(component)] == ["bot", "worker", "simulator"]
    traffic = Traffic(guest, archive=release.bucket(BUCKET))
    traffic.small(5)
    traffic.large(1)
    traffic.assert_all_archived()
    assert traffic.world.bot.id == 987654321
    guest.remove()
