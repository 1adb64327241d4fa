"""Sessions are made, counted, logged out, renewed and taken away as their archive says."""

import asyncio
import json
from typing import Any

import pytest

from scaling.stage import SIZE, OperatorProcess, ScalingStage

pytestmark = pytest.mark.timeout(180)

NAMES = {f"session-{number}" for number in range(SIZE)}
OLD = "2020-01-01T00:00:00+00:00"
LOGIN = "Y2lwaGVydGV4dA=="  # what a worker wrote


def logged_in(stage: ScalingStage, number: int, since: str = OLD) -> None:
    """Let a worker have logged in with a session, and gone."""
    stage.patch("secret", f"session-{number}", {"data": {"session": LOGIN}})
    stage.note(number, holder="", state="ready", logged_in_at=since)


def logged_out(stage: ScalingStage, number: int) -> None:
    """Do what a worker does with a session that retires."""
    stage.patch("secret", f"session-{number}", {"data": {"session": None}})
    stage.note(number, state="empty")


async def ready(stage: ScalingStage, **changes: Any) -> None:
    await asyncio.to_thread(lambda: stage.archive(**changes))
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")


async def test_an_archive_has_its_sessions_made_empty_and_told(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    for kind in ("secret", "lease"):
        found = stage.sessions(kind)
        assert set(found) == NAMES
        assert {each["metadata"]["labels"]["teltubby.io/archive"] for each in found.values()} == {"media"}
        assert not any(each["metadata"].get("ownerReferences") or each.get("data") for each in found.values())
    assert stage.status()["sessions"] == {"ready": 0, "empty": SIZE, "leased": 0, "lost": 0, "retiring": 0}
    assert "session-0 … session-7 (8)" in stage.said("SessionsMade")


async def test_what_somebody_deletes_is_made_again(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    stage.kubectl("delete", "lease", "session-3")
    await stage.sees(lambda: set(stage.sessions()) == NAMES)
    stage.kubectl("delete", "secret", "session-5")
    stage.note(5, holder="worker/uid/process", state="lost")  # by whoever wanted to use it
    await stage.sees(lambda: set(stage.sessions("secret")) == NAMES)
    await stage.sees(lambda: "session-5" in stage.said("SecretsMade"))


async def test_sessions_that_are_there_are_taken_up_with_their_logins(stage: ScalingStage, operator: OperatorProcess):
    stage.cluster.apply(
        stage.made("v1", "Secret", "session-0", data={"session": LOGIN}),
        stage.made("v1", "Secret", "session-1", data={"session": LOGIN}),
        stage.made("coordination.k8s.io/v1", "Lease", "session-0", {"app.kubernetes.io/part-of": "teltubby"}),
    )
    stage.note(0, state="ready")
    await ready(stage)
    secrets = stage.sessions("secret")
    assert [secrets[name]["data"]["session"] for name in ("session-0", "session-1")] == [LOGIN, LOGIN]
    for kind in ("secret", "lease"):
        labels = [each["metadata"]["labels"].get("teltubby.io/archive") for each in stage.sessions(kind).values()]
        assert labels == ["media"] * SIZE
    assert stage.status()["sessions"]["ready"] == 1


async def test_too_many_sessions_are_logged_out_by_a_worker_that_comes_for_it_and_removed(
    stage: ScalingStage, operator: OperatorProcess
):
    await ready(stage)
    logged_in(stage, 7)
    await ready(stage, sessions={"size": 6}, workers={"max": 6})
    await stage.sees(lambda: set(stage.sessions()) == NAMES - {"session-6"}, 30)
    assert stage.mark(7) == "shrink"
    await stage.settles_at(1)
    assert stage.condition("ScalingActive")[1] == "RetiringSessions"
    logged_out(stage, 7)
    await stage.sees(
        lambda: set(stage.sessions()) == set(stage.sessions("secret")) == NAMES - {"session-6", "session-7"}
    )
    await stage.settles_at(0)
    assert "session-7" in stage.said("SessionsRemoved")


async def test_more_sessions_again_before_one_was_logged_out(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    logged_in(stage, 7)
    await ready(stage, sessions={"size": 7}, workers={"max": 7})
    await stage.sees(lambda: stage.mark(7) == "shrink")
    await ready(stage)
    await stage.sees(lambda: stage.mark(7) is None)
    assert stage.sessions("secret")["session-7"]["data"]["session"] == LOGIN


async def test_old_logins_are_renewed_one_by_one(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    for number, since in ((1, "2021-01-01T00:00:00+00:00"), (2, OLD), (3, "2999-01-01T00:00:00+00:00")):
        logged_in(stage, number, since)
    await ready(stage, sessions={"rotateAfterDays": 90})
    await stage.sees(lambda: stage.mark(2) == "rotate")
    assert stage.mark(1) is None
    await stage.settles_at(1)
    logged_out(stage, 2)
    await stage.sees(lambda: (stage.mark(2), stage.mark(1)) == (None, "rotate"))
    logged_out(stage, 1)
    await stage.sees(lambda: stage.mark(1) is None)
    await stage.settles_at(0)
    assert stage.mark(3) is None
    assert stage.said("SessionBack").count("can be used again") == 2


async def test_sessions_stay_for_the_next_archive(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    logged_in(stage, 0)
    await stage.sees(lambda: stage.status()["sessions"]["ready"] == 1)
    stage.kubectl("delete", "tta", "media")
    await stage.sees(lambda: "session-0 stay with their logins" in stage.said("SessionsStay"))
    assert set(stage.sessions()) == set(stage.sessions("secret")) == NAMES
    await asyncio.to_thread(lambda: stage.archive("next"))
    await stage.sees(lambda: stage.condition("Ready", "next")[0] == "True")
    assert stage.status("next")["sessions"]["ready"] == 1
    assert stage.sessions("secret")["session-0"]["metadata"]["labels"]["teltubby.io/archive"] == "next"


async def test_sessions_go_with_an_archive_that_says_so_and_logins_that_stay_are_named(
    stage: ScalingStage, operator: OperatorProcess
):
    await ready(stage)
    logged_in(stage, 4)
    await ready(stage, deletionPolicy="Delete")
    await stage.sees(lambda: all(each["metadata"].get("ownerReferences") for each in stage.sessions("secret").values()))
    await stage.sees(lambda: stage.status()["sessions"]["ready"] == 1)
    stage.kubectl("delete", "tta", "media")
    await stage.sees(lambda: not stage.sessions("secret") and not stage.sessions())
    await stage.sees(lambda: "session-4" in stage.said("LoginsStay"))
    assert "session-3" not in stage.said("LoginsStay")


async def test_two_archives_do_not_share_sessions(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    await asyncio.to_thread(lambda: stage.archive("other", workers={"deploymentName": "elsewhere"}))
    await stage.sees(lambda: stage.condition("SessionsReady", "other")[:2] == ("False", "SessionsShared"))
    assert "belongs to archive media" in stage.condition("SessionsReady", "other")[2]
    assert {each["metadata"]["labels"]["teltubby.io/archive"] for each in stage.sessions().values()} == {"media"}


async def test_without_the_rights_it_says_so_and_goes_on_once_they_are_there(
    stage: ScalingStage, operator: OperatorProcess
):
    role = stage.cluster.get("role", "media-teltubby-scaling", "--namespace", stage.namespace)
    less = [rule for rule in role["rules"] if "create" not in rule["verbs"]]
    stage.patch("role", "media-teltubby-scaling", {"rules": less})
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("SessionsReady")[:2] == ("False", "SessionsNotKept"))
    assert "Secret session-0: its Role or RoleBinding is missing" in stage.condition("SessionsReady")[2]
    assert stage.condition("QueueReachable")[0] == "True"
    stage.patch("role", "media-teltubby-scaling", {"rules": role["rules"]})
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")


async def test_the_prefix_of_sessions_stays(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    refused = await asyncio.to_thread(lambda: stage.refusal(sessions={"leasePrefix": "login-"}))
    assert "sessions.leasePrefix can't be changed" in refused


async def test_another_autoscaler_is_told_and_not_fought(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    spec = {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 5}
    stage.cluster.apply(stage.made("autoscaling/v2", "HorizontalPodAutoscaler", "theirs", spec=spec))
    await stage.sees(lambda: stage.condition("ScalingActive")[:2] == ("False", "OtherAutoscaler"))
    assert "HorizontalPodAutoscaler theirs" in stage.condition("ScalingActive")[2]
    stage.kubectl("scale", "deployment/worker", "--replicas=4")
    await stage.publish(2)
    await stage.sees(lambda: stage.status().get("queue") == {"ready": 2, "unacknowledged": 0})
    assert stage.replicas() != 1
    stage.kubectl("delete", "hpa", "theirs")
    await stage.settles_at(1)


async def test_a_deployment_that_says_so_is_left_alone(stage: ScalingStage, operator: OperatorProcess):
    await ready(stage)
    change = {"metadata": {"annotations": {"teltubby.io/scaling": "false"}}, "spec": {"replicas": 3}}
    stage.patch("deployment", "worker", change)
    await stage.sees(lambda: stage.condition("ScalingActive")[:2] == ("False", "ScalingSwitchedOff"))
    assert stage.replicas() == 3
    assert json.dumps("ReplicasCorrected") not in json.dumps(stage.events())
