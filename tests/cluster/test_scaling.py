"""Workers follow the backlog on a real node: from none to as many as there is work for, and back to none."""

from collections.abc import Iterator

import pytest

from cluster.release import Release
from cluster.traffic import Traffic
from testbed.processes import wait_for

MOST = 4
LIMIT = 240.0  # seconds


@pytest.fixture
def scaled(release: Release) -> Iterator[Release]:
    fast = {"jobsPerWorker": 1, "pollSeconds": 1, "scaleDownStabilizationSeconds": 2, "cooldownSeconds": 3}
    scaling = {"enabled": True, "max": MOST, **fast}
    release.upgrade(worker={"sessions": {"size": MOST}, "scaling": scaling}, operator={"enabled": True})
    yield release
    # paused first, as the guide says: else the operator would set back what the upgrade sets
    release.kubectl("patch", "tta", release.name, "--type=merge", '--patch={"spec":{"paused":true}}')
    wait_for(lambda: conditions_of(release).get("Paused") == "True", LIMIT, "the archive to be paused")
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
