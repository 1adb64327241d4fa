"""The operator has the rights that the chart gives it: it uses each of them, and lacks none."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chart.rendering import NAMESPACE
from scaling.stage import ACCOUNT, OperatorProcess, ScalingStage
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
