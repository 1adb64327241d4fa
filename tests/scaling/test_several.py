"""Several archives under one operator, and several operators of which one works."""

import asyncio
import json
import random
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from chart.rendering import NAMESPACE
from chart.rules import asked_of_operator, metrics_in
from scaling.stage import ACCOUNT, OperatorProcess, ScalingStage, own_kubeconfig
from testbed.control_plane import Call
from testbed.kwok import PlayedCluster
from testbed.rabbitmq import RabbitMq

pytestmark = pytest.mark.timeout(240)

KILLS = 20
PAGES = ("/healthz", "/readyz", "/status", "/metrics")


async def test_two_archives_in_two_namespaces_do_not_touch_each_other(
    stage: ScalingStage, cluster: PlayedCluster, broker: RabbitMq, operator: OperatorProcess
):
    async with ScalingStage.opened(cluster, broker) as other:
        await asyncio.to_thread(stage.archive)
        await asyncio.to_thread(other.archive)
        await other.publish(2)
        await other.settles_at(1)
        before = await asyncio.to_thread(other.revision)
        await stage.publish(16)
        await stage.settles_at(8)
        assert other.status()["queue"] == {"ready": 2, "unacknowledged": 0}
        await asyncio.to_thread(stage.kubectl, "delete", "secret", "broker")
        stage.kubectl("delete", "tta", "media")
        await stage.purge()
        await other.publish(1)
        await other.sees(lambda: other.status()["queue"] == {"ready": 3, "unacknowledged": 0})
        await other.settles_at(2)
        assert await asyncio.to_thread(other.revision) == before + 1
        assert stage.replicas() == 8, "nobody's any more"


def written(calls: list[Call]) -> list[Call]:
    """Return what leaders alone may do: the Lease is what they ask each other with."""
    reads = {"get", "list", "watch"}
    return [call for call in calls if call.verb not in reads and call.resource != "leases"]


async def test_of_two_operators_one_writes_and_the_other_follows_within_twenty_seconds(
    stage: ScalingStage, cluster: PlayedCluster, operator: OperatorProcess, tmp_path: Path
):
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")
    other = OperatorProcess(cluster, tmp_path, "other", own_kubeconfig(cluster, tmp_path))
    other.start()
    try:
        await stage.sees(lambda: "standing by" in other.process.tail())
        await asyncio.to_thread(lambda: stage.archive(workers={"replicas": 3}))
        await stage.settles_at(3)
        paused_at = datetime.now(UTC)
        operator.process.pause()  # one that does not know that its time is over
        await asyncio.to_thread(lambda: stage.archive(workers={"replicas": 2}))
        await stage.settles_at(2)
        operator.process.resume()
        await stage.sees(lambda: not operator.process.alive)
        await asyncio.to_thread(lambda: stage.archive(workers={"replicas": 6}))
        await stage.settles_at(6)
    finally:
        operator.process.resume()
        assert other.stop() == 0
    calls = written([call for call in cluster.calls(NAMESPACE, ACCOUNT) if call.namespace == stage.namespace])
    turns = [(credential, list(found)) for credential, found in groupby(calls, lambda call: call.credential)]
    assert len(turns) == 2, "first one, then the other"
    assert (turns[1][1][0].at - paused_at).total_seconds() < 20


def is_past(moment: float) -> bool:
    return time.monotonic() >= moment


async def test_killed_at_any_moment_it_leaves_workers_as_the_backlog_wants_them(
    stage: ScalingStage, operator: OperatorProcess
):
    """Busy workers stay through it all, and what comes meanwhile is found."""
    chance = random.Random(8)
    await asyncio.to_thread(stage.archive)
    await stage.publish(8)
    await stage.settles_at(4)
    busy = await asyncio.to_thread(stage.pods)
    await asyncio.to_thread(stage.say_busy, busy)
    for _ in range(KILLS):
        operator.kill()
        operator.start()
        lives_until = time.monotonic() + chance.uniform(0, 4)
        await stage.sees(partial(is_past, lives_until))
    assert set(busy) <= set(await asyncio.to_thread(stage.pods))
    await stage.publish(8)
    await stage.settles_at(8)
    assert set(busy) <= set(await asyncio.to_thread(stage.pods))
    await asyncio.to_thread(stage.say_busy, [])
    await stage.purge()
    await stage.settles_at(0)


async def test_what_changes_while_no_operator_runs_is_found(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.publish(4)
    await stage.settles_at(2)
    operator.stop()
    await asyncio.to_thread(lambda: stage.archive(workers={"replicas": 5}))
    operator.start()
    await stage.settles_at(5)
    operator.stop()
    await asyncio.to_thread(lambda: stage.archive(paused=True))
    await asyncio.to_thread(stage.kubectl, "scale", "deployment/worker", "--replicas=1")
    operator.start()
    await stage.sees(lambda: stage.condition("Paused")[0] == "True")
    assert stage.replicas() == 1
    operator.stop()
    stage.kubectl("delete", "tta", "media")
    operator.start()
    await asyncio.to_thread(lambda: stage.archive("next"))
    await stage.sees(lambda: stage.condition("Ready", "next")[0] == "True")
    await stage.settles_at(2)


def page(operator: OperatorProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{operator.pages}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError:
        return 0, ""  # it does not listen yet


async def test_its_pages_and_log_tell_what_it_does(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.publish(4)
    await stage.settles_at(2)
    told = {path: await asyncio.to_thread(page, operator, path) for path in PAGES}
    assert {path: status for path, (status, _) in told.items()} == dict.fromkeys(PAGES, 200)
    assert '"leads": true' in told["/status"][1]
    of = f'archive="media",namespace="{stage.namespace}"'
    for line in (
        f'teltubby_archive_backlog_jobs{{{of},state="ready"}} 4.0',
        f"teltubby_archive_desired_workers{{{of}}} 2.0",
        f'teltubby_archive_sessions{{{of},state="empty"}} 8.0',
        "teltubby_scaling_reaction_seconds_bucket",
    ):
        assert line in told["/metrics"][1]
    assert asked_of_operator() <= metrics_in(told["/metrics"][1]), "what alerts and dashboard ask for"
    entries = [json.loads(line) for line in operator.process.log.read_text().splitlines()]
    scaled = [each for each in entries if "0 → 2 workers: 4 waiting and 0 running" in each["message"]]
    assert [each["service"] for each in scaled] == ["operator"]
    assert "guest" not in operator.process.log.read_text(), "its login at the broker"


async def test_it_is_not_ready_while_kubernetes_is_silent(
    stage: ScalingStage, cluster: PlayedCluster, operator: OperatorProcess, tmp_path: Path
):
    await stage.sees(lambda: page(operator, "/readyz")[0] == 200)
    other = OperatorProcess(cluster, tmp_path, "other", own_kubeconfig(cluster, tmp_path))
    other.start()
    try:
        await stage.sees(lambda: "standing by" in other.process.tail() and page(other, "/readyz")[0] == 200)
        cluster.apiserver.pause()
        try:
            await stage.sees(lambda: page(other, "/readyz")[0] == 503)
        finally:
            cluster.apiserver.resume()
        await stage.sees(lambda: page(other, "/readyz")[0] == 200)
    finally:
        assert other.stop() == 0
