"""helm upgrade in the midst of work, and what stays when a release goes."""

import json

import pytest

from cluster.release import COMPONENTS, SECRETS, Release
from cluster.traffic import LARGE, Traffic
from testbed.kubectl import Cluster


def claims(release: Release) -> list[str]:
    return sorted(each["metadata"]["name"] for each in release.get("pvc")["items"])


def generation(release: Release, component: str) -> str:
    pod = release.pod(component)
    return str(release.get("pod", pod)["metadata"]["uid"])


@pytest.mark.timeout(600)
def test_an_upgrade_with_other_values_in_mid_transfer_loses_nothing(release: Release):
    traffic = Traffic(release)
    traffic.world.set_conditions("mtproto", account_bandwidth=4_000_000)
    before = {component: generation(release, component) for component in ("bot", "worker", "rabbitmq", "minio")}
    secrets = {name: release.secret(name) for name in SECRETS}
    worker = release.pod("worker")
    (file,) = traffic.large(1, size=2 * LARGE)
    traffic.until_moving()
    traffic.small(5)

    release.upgrade(bot={"concurrency": 4}, worker={"shutdownSeconds": 600}, log={"level": "DEBUG"})
    traffic.small(5)
    traffic.assert_all_archived()

    assert traffic.worker_of(file) == worker, "it got the time to finish"
    assert {name: release.secret(name) for name in SECRETS} == secrets
    after = {component: generation(release, component) for component in before}
    assert [component for component in before if before[component] != after[component]] == ["bot", "worker"]


@pytest.mark.timeout(600)
def test_an_upgrade_that_changes_nothing_restarts_nothing(release: Release):
    before = {component: generation(release, component) for component in COMPONENTS}
    release.upgrade()
    assert {component: generation(release, component) for component in COMPONENTS} == before


@pytest.mark.timeout(600)
def test_messages_may_be_brought_by_webhook_instead(release: Release):
    traffic = Traffic(release)
    for enabled in (True, False):
        release.upgrade(webhook={"enabled": enabled})
        traffic.small(5)
        traffic.assert_all_archived()


@pytest.mark.timeout(900)
def test_a_second_release_works_beside_it_and_leaves_its_data_unless_asked(cluster: Cluster, release: Release):
    second = Release(cluster, "teltubby-second", "archive")
    second.make_namespace()
    second.install(fullnameOverride="archive", telegram={"whitelistIds": [2002]})
    first_traffic, traffic = Traffic(release), Traffic(second, curator=2002)
    first_traffic.small(5)
    (file,) = traffic.small(1)
    traffic.small(4)
    traffic.large(1)
    first_traffic.assert_all_archived()
    traffic.assert_all_archived()

    objects = second.bucket().sizes()
    secrets = {name: second.secret(name) for name in ("rabbitmq", "s3", "session-keys", "telegram")}
    second.uninstall()
    assert second.get("pods")["items"] == []
    assert claims(second) == ["data-archive-bot-0", "data-archive-minio-0", "data-archive-rabbitmq-0"]

    second.install()
    assert {name: second.secret(name) for name in secrets} == secrets
    assert second.bucket().sizes() == objects
    traffic = Traffic(second, curator=2002)
    assert file.media is not None
    (same,) = [traffic.again(file)]
    traffic.until_ended()
    assert traffic.said_to(same).startswith("♻️"), "the index knows what was archived before"

    second.upgrade(keepData=False)
    second.uninstall()
    second.until_gone("pvc")
    left = [each["metadata"]["name"] for each in second.get("secrets")["items"]]
    assert [name for name in left if name.startswith("archive")] == []
    assert json.loads(second.kubectl("get", "pods", "--output=json"))["items"] == []
    cluster.kubectl("delete", "namespace", second.namespace, "--wait=false")
