"""Pods go away in the midst of work: nothing is lost."""

import pytest

from cluster.release import Release
from cluster.traffic import LARGE, Traffic

BANDWIDTH = 4_000_000  # bytes a second, so that transfers last while pods go and come


@pytest.fixture
def traffic(release: Release) -> Traffic:
    traffic = Traffic(release)
    traffic.world.set_conditions("mtproto", account_bandwidth=BANDWIDTH)
    return traffic


@pytest.mark.timeout(600)
def test_bot_broker_and_store_are_deleted_one_by_one_in_mid_work(release: Release, traffic: Traffic):
    for component in ("bot", "rabbitmq", "minio"):
        traffic.large(2)
        traffic.small(10)
        traffic.until_moving()
        release.delete_pod(component)
        traffic.small(10)
        release.until_ready(component)
        traffic.small(5)
    release.until_ready("bot", "worker", "rabbitmq", "minio")
    traffic.assert_all_archived()


@pytest.mark.timeout(600)
def test_an_evicted_worker_finishes_its_file_while_another_one_works(release: Release, traffic: Traffic):
    (file,) = traffic.large(1, size=2 * LARGE)
    (waiting,) = traffic.large()
    traffic.until_moving()
    evicted = release.pod("worker")
    release.evict(evicted)
    traffic.until_ended(file)
    release.until_ready("worker")
    assert release.pod("worker") != evicted
    traffic.until_ended(waiting)
    traffic.assert_all_archived()
    assert traffic.worker_of(file) == evicted
    assert traffic.worker_of(waiting) == release.pod("worker")
