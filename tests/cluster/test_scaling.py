"""Workers follow the backlog on a real node: from none to as many as there is work for, and back to none."""

import re
from collections.abc import Iterator

import pytest

from cluster.release import Release
from cluster.traffic import Traffic
from testbed.processes import TestbedError, wait_for

MOST = 4
LIMIT = 240.0  # seconds
SCALE_DOWNS, MOST_ROUNDS = 20, 20
SHORT, LONGER, LONG = 21 * 1024 * 1024, 64 * 1024 * 1024, 384 * 1024 * 1024
SLOW, FAST = 2_000_000, 32_000_000
"""Bytes a second, of all workers together: files last as long as they are to, or end soon."""


@pytest.fixture
def scaled(release: Release) -> Iterator[Release]:
    fast = {"jobsPerWorker": 1, "pollSeconds": 1, "scaleDownStabilizationSeconds": 2, "cooldownSeconds": 3}
    scaling = {"enabled": True, "max": MOST, **fast}
    release.upgrade(worker={"sessions": {"size": MOST}, "scaling": scaling}, operator={"enabled": True})
    yield release
    release.upgrade(worker={"sessions": {"size": 2}, "scaling": {"enabled": False}}, operator={"enabled": False})
    release.until_ready("worker")


def conditions_of(release: Release) -> dict[str, str]:
    found = release.get("tta", release.name).get("status", {}).get("conditions", [])
    return {each["type"]: each["status"] for each in found}


def asked(release: Release) -> int:
    return int(release.get("deployment", f"{release.name}-worker")["spec"]["replicas"])


def said_busy(release: Release) -> list[str]:
    """Return what the workers that hold a session say of themselves."""
    held = [each for each in release.get("leases")["items"] if each["spec"].get("holderIdentity")]
    return [each["metadata"].get("annotations", {}).get("teltubby.io/session-busy", "") for each in held]


@pytest.mark.timeout(900)
def test_workers_come_with_large_files_go_when_there_are_none_and_nothing_is_lost(scaled: Release):
    wait_for(lambda: asked(scaled) == 0 and not scaled.pods("worker"), LIMIT, "no worker while there is no work")
    traffic = Traffic(scaled)
    traffic.world.set_conditions("mtproto", account_bandwidth=20_000_000)
    traffic.large(10)
    wait_for(lambda: asked(scaled) == MOST, LIMIT, "as many workers as there may be")
    wait_for(lambda: "True" in said_busy(scaled), LIMIT, "a worker to say in its Lease that it has a job")
    traffic.assert_all_archived()
    wait_for(lambda: asked(scaled) == 0 and not scaled.pods("worker"), LIMIT, "no worker again")
    assert conditions_of(scaled) == {
        "Ready": "True",
        "QueueReachable": "True",
        "SessionsReady": "True",
        "ScalingActive": "True",
        "Paused": "False",
    }
    assert "Scaled" in scaled.kubectl("describe", "tta", scaled.name)
    calls = traffic.world.calls()
    assert [call for call in calls if "AUTH_KEY_DUPLICATED" in call["outcome"]] == []


@pytest.mark.timeout(600)
def test_a_second_operator_is_refused_and_the_first_one_serves_another_release(scaled: Release):
    second = Release(scaled.cluster, "teltubby-second-operator", base=scaled.values)
    second.make_namespace()
    with pytest.raises(TestbedError, match="this cluster has an operator already, teltubby-cluster-test-"):
        second.install()
    account = f"{scaled.name}-operator"
    host = {"namespace": scaled.namespace, "serviceAccountName": account}
    second.install(operator={"enabled": False}, worker={"scaling": {"operator": host}})
    traffic = Traffic(second)
    wait_for(lambda: asked(second) == 0 and not second.pods("worker"), LIMIT, "no worker while there is no work")
    traffic.large(2)
    traffic.assert_all_archived()
    assert conditions_of(second)["Ready"] == "True"
    assert asked(scaled) == 0
    second.remove()


def scale_downs(release: Release) -> int:
    """Return how often the number of workers went down, but not to none."""
    events = release.get("events", f"--field-selector=involvedObject.name={release.name},reason=Scaled")["items"]
    steps = [re.match(r"(\d+) → (\d+) workers", each["message"]) for each in events]
    return sum(0 < int(step[2]) < int(step[1]) for step in steps if step)


@pytest.mark.timeout(1200)
def test_workers_with_a_job_stay_through_twenty_scale_downs_and_no_job_comes_twice(scaled: Release):
    traffic = Traffic(scaled)

    def limit(bandwidth: int) -> None:
        traffic.world.set_conditions("mtproto", account_bandwidth=bandwidth)

    before = traffic.redelivered()
    for _ in range(MOST_ROUNDS):
        limit(SLOW)
        traffic.pause()
        (long,) = traffic.large(1, size=LONG)
        short = [*traffic.large(2, size=SHORT), *traffic.large(1, size=LONGER)]
        traffic.until(lambda: said_busy(scaled).count("True") == MOST, LIMIT, "every worker to have a job")
        limit(FAST)
        traffic.until_ended(*short)
        limit(SLOW)
        traffic.until(lambda: asked(scaled) == 1 and len(scaled.pods("worker")) == 1, LIMIT, "one worker")
        assert not traffic.ended(long), "it was to be at work still"
        left = scaled.pod("worker")
        limit(FAST)
        traffic.until_ended(long)
        assert traffic.worker_of(long) == left
        if scale_downs(scaled) >= SCALE_DOWNS:
            break
    assert scale_downs(scaled) >= SCALE_DOWNS
    traffic.assert_all_archived()
    assert traffic.redelivered() == before


@pytest.mark.timeout(600)
def test_sessions_that_are_too_many_are_logged_out_at_telegram_and_removed(scaled: Release):
    traffic = Traffic(scaled)
    traffic.large(2 * MOST)
    traffic.assert_all_archived()
    ended = len(traffic.world.calls("auth.logOut"))
    scaled.upgrade(worker={"sessions": {"size": 2}, "scaling": {"max": 2}})
    extra = [f"{scaled.name}-session-{number}" for number in (2, 3)]

    def left() -> list[str]:
        found = [each["metadata"]["name"] for kind in ("leases", "secrets") for each in scaled.get(kind)["items"]]
        return [name for name in found if name in extra]

    wait_for(lambda: not left(), LIMIT, "the sessions to be gone")
    assert len(traffic.world.calls("auth.logOut")) == ended + len(extra)
    scaled.upgrade()
    deployment = scaled.get("deployment", f"{scaled.name}-worker")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    names = next(each["value"] for each in container["env"] if each["name"] == "SESSION_NAMES")
    assert names.split(",") == [f"{scaled.name}-session-{number}" for number in (0, 1)]
    scaled.upgrade(worker={"sessions": {"size": MOST}, "scaling": {"max": MOST}})
