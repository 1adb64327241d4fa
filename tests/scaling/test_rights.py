"""The operator has the rights that the chart gives it: it uses each of them, and lacks none."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chart.rendering import LEAST, NAMESPACE, rendered
from scaling.stage import ACCOUNT, OperatorProcess, ScalingStage, own_kubeconfig
from testbed.control_plane import Call
from testbed.kwok import PlayedCluster

pytestmark = pytest.mark.timeout(180)

Right = tuple[str, str, str]
"""Group, resource and verb."""


def rights(role: dict[str, Any]) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((group, resource, verb) for verb in rule["verbs"])


def granted(stage: ScalingStage) -> set[Right]:
    """Return what the chart gives: everywhere, where the operator lives, and beside an archive."""
    found = [
        stage.cluster.get("clusterrole", f"{NAMESPACE}-{ACCOUNT}"),
        stage.cluster.get("role", ACCOUNT, "--namespace", NAMESPACE),
        stage.cluster.get("role", "media-teltubby-scaling", "--namespace", stage.namespace),
    ]
    return {right for role in found for right in rights(role)}


async def test_it_uses_all_of_its_rights_and_misses_none(
    stage: ScalingStage, cluster: PlayedCluster, operator: OperatorProcess
):
    since = datetime.now(UTC)
    lease = ("delete", "lease", ACCOUNT, "--namespace", NAMESPACE, "--ignore-not-found")
    operator.stop()
    await asyncio.to_thread(cluster.kubectl, *lease)  # a leader that is the first one ever makes it
    operator.start()
    stage.cluster.apply(stage.made("v1", "Secret", "session-0"))  # to be taken up
    await asyncio.to_thread(stage.archive)
    await stage.publish(16)
    await stage.settles_at(8)
    await asyncio.to_thread(stage.say_busy, (await asyncio.to_thread(stage.pods))[:2])
    await stage.purge()
    await stage.settles_at(2)
    await asyncio.to_thread(stage.say_busy, [])
    await stage.settles_at(0)
    await asyncio.to_thread(lambda: stage.archive(sessions={"size": 4}, workers={"max": 4}))
    await stage.sees(lambda: len(stage.sessions()) == 4)

    def seen() -> list[Call]:
        return [call for call in cluster.calls(NAMESPACE, ACCOUNT) if call.at >= since]

    calls = await asyncio.to_thread(seen)
    assert [call for call in calls if call.status == 403] == []
    used = {(call.group, call.resource, call.verb) for call in calls}
    assert await asyncio.to_thread(granted, stage) - used == set()


def test_the_crd_is_brought_up_to_date_by_whoever_may_do_only_that(cluster: PlayedCluster, tmp_path: Path):
    name, account = "teltubbyarchives.teltubby.io", "media-teltubby-crd"
    release = rendered(LEAST)
    made = [each for each in release.objects if each["metadata"]["name"].endswith(account)]
    cluster.apply(*(each for each in made if each["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}))
    wanted = tmp_path / "crd.json"
    wanted.write_text(release.one("ConfigMap", account)["data"]["crd.json"])
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(own_kubeconfig(cluster, tmp_path, account))}

    def update() -> str:
        command = [sys.executable, "-m", "teltubby_operator.crd", str(wanted)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return f"{done.returncode} {done.stderr}"

    assert update() == "0 the CRD is as it should be\n"
    before = cluster.get("crd", name)["spec"]
    older = ("--type=json", '--patch=[{"op": "remove", "path": "/spec/names/shortNames"}]')
    cluster.kubectl("patch", "crd", name, *older)
    assert update() == "0 the CRD was brought up to date\n"
    assert cluster.get("crd", name)["spec"] == before
    wanted.write_text("{")
    assert update().startswith("2 teltubby-operator-crd: ")
    wanted.write_text(json.dumps({"metadata": {"name": "others.example.org"}, "spec": before}))
    assert "others.example.org: its Role or RoleBinding is missing" in update()
