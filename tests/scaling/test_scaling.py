"""From nothing to workers and back, on real messages and pods."""

import asyncio
import time
from pathlib import Path

import aio_pika
import pytest

from chart.rendering import NAMESPACE
from scaling.stage import ACCOUNT, SIZE, OperatorProcess, ScalingStage, own_kubeconfig
from testbed.certificates import make_certificate
from testbed.kwok import PlayedCluster
from testbed.rabbitmq import RabbitMq

FORGET = ("--type=merge", '--patch={"status":{"conditions":[]}}')
pytestmark = pytest.mark.timeout(180)


async def test_workers_come_with_jobs_and_go_when_there_are_none(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")
    await stage.publish(16)
    await stage.settles_at(8)
    await stage.sees(lambda: stage.status().get("queue") == {"ready": 16, "unacknowledged": 0})
    await stage.purge()
    await stage.settles_at(0)
    assert stage.condition("ScalingActive") == (
        "True",
        "Backlog",
        "0 waiting and 0 running, 2 a worker: 0 workers",
    )
    assert "Scaled" in stage.events()


async def test_jobs_that_workers_have_are_no_empty_queue(stage: ScalingStage, operator: OperatorProcess):
    channel = await stage.connection.channel()
    queue = await channel.get_queue(stage.queue)
    await asyncio.to_thread(stage.archive)
    await stage.publish(6)
    taken = [await queue.get() for _ in range(6)]
    await stage.settles_at(3)
    await stage.sees(lambda: stage.status().get("queue") == {"ready": 0, "unacknowledged": 6})
    assert stage.replicas() == 3
    for message in taken:
        await message.ack()
    await stage.settles_at(0)


async def test_no_news_needed(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive, queue={"eventsExchange": "nobody.there"})
    channel = await stage.connection.channel()
    for _ in range(4):
        await channel.default_exchange.publish(aio_pika.Message(b"{}"), stage.queue)
    await stage.settles_at(2)


async def test_one_step_within_a_second_of_the_news(stage: ScalingStage, operator: OperatorProcess):
    """The statistics would tell it later: what the broker says on AMQP counts. Not timed: the poll is a minute away."""
    await asyncio.to_thread(stage.archive, scaling={"pollSeconds": 60})
    await stage.sees(lambda: stage.condition("QueueReachable")[0] == "True")
    await stage.publish(16)
    await stage.settles_at(8)
    scaled = [each for each in await asyncio.to_thread(stage.events) if each == "Scaled"]
    assert len(scaled) == 1


async def test_a_broker_that_is_away_for_a_minute_is_told_and_ends_no_worker(
    stage: ScalingStage, operator: OperatorProcess, broker: RabbitMq
):
    await asyncio.to_thread(stage.archive)
    await stage.publish(4)
    await stage.settles_at(2)
    broker.kill()
    back_at = time.monotonic() + 60
    try:
        await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "BrokerUnreachable"), 60)
        await stage.settles_at(3)  # the fallback
        assert stage.condition("Ready")[0] == "False"
        assert "queue" not in stage.status()
        before = await asyncio.to_thread(stage.revision)
        await stage.sees(lambda: time.monotonic() >= back_at, 90)
        assert await asyncio.to_thread(stage.revision) == before
    finally:
        broker.start()
    await stage.sees(lambda: stage.condition("QueueReachable")[0] == "True", 60)
    assert "BrokerUnreachable" in await asyncio.to_thread(stage.events)


async def test_a_broker_that_hangs_ends_no_worker(stage: ScalingStage, operator: OperatorProcess, broker: RabbitMq):
    await asyncio.to_thread(stage.archive)
    await stage.publish(16)
    await stage.settles_at(8)
    before = await asyncio.to_thread(stage.revision)
    broker.process.pause()
    try:
        await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "BrokerSlow"), 90)
    finally:
        broker.process.resume()
    await stage.sees(lambda: stage.condition("QueueReachable")[0] == "True", 60)
    assert await asyncio.to_thread(stage.revision) == before


async def test_a_broker_without_statistics_tells_enough(cluster: PlayedCluster, operator: OperatorProcess):
    """Totals are no statistics: they are told where collecting those is switched off."""
    off = RabbitMq(config=["management_agent.disable_metrics_collector = true"], plugins=["rabbitmq_management"])
    try:
        await asyncio.to_thread(off.start)
        async with ScalingStage.opened(cluster, off) as stage:
            await asyncio.to_thread(stage.archive)
            await stage.publish(16)
            await stage.settles_at(8)
            await stage.purge()
            await stage.settles_at(0)
    finally:
        off.close()


async def test_a_broker_that_an_authority_of_ones_own_vouches_for(cluster: PlayedCluster, tmp_path: Path):
    certificate = make_certificate(tmp_path)
    secure = RabbitMq(plugins=["rabbitmq_management"], certificate=certificate)
    kubeconfig = own_kubeconfig(cluster, tmp_path)
    blind = OperatorProcess(cluster, tmp_path, "blind", kubeconfig)
    seeing = OperatorProcess(cluster, tmp_path, "seeing", kubeconfig, RABBITMQ_CA_FILE=str(certificate.authority))
    try:
        await asyncio.to_thread(secure.start)
        async with ScalingStage.opened(cluster, secure) as stage:
            amqp = f"amqps://127.0.0.1:{secure.tls_address.port}"
            await asyncio.to_thread(lambda: stage.archive(queue={"amqpUrl": amqp}))
            blind.start()
            await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "BrokerUnreachable"), 90)
            assert "certificate" in stage.condition("QueueReachable")[2]
            assert blind.stop() == 0
            await asyncio.to_thread(lambda: stage.archive(queue={"amqpUrl": amqp}, scaling={"pollSeconds": 60}))
            seeing.start()
            await stage.sees(lambda: stage.condition("QueueReachable")[0] == "True")
            await stage.sees(lambda: "hearing of new jobs" in seeing.process.tail())
            await stage.publish(16)
            await stage.settles_at(8)
    finally:
        blind.stop()
        seeing.stop()
        secure.close()


@pytest.mark.parametrize("back_at_once", [True, False])
async def test_a_broker_that_comes_back_is_never_taken_for_an_empty_one(
    stage: ScalingStage, operator: OperatorProcess, broker: RabbitMq, back_at_once: bool
):
    """For a moment its API answers without counts: no worker may go for that, and none came for nothing."""
    await asyncio.to_thread(stage.archive)
    await stage.publish(16)
    await stage.settles_at(8)
    before = await asyncio.to_thread(stage.revision)
    broker.kill()
    if not back_at_once:
        await stage.sees(lambda: stage.condition("QueueReachable")[0] == "False", 60)
    broker.start()
    await stage.sees(lambda: stage.condition("QueueReachable")[0] == "True", 60)
    await stage.sees(lambda: stage.status().get("queue") == {"ready": 16, "unacknowledged": 0})
    stage.connection = await stage.connected()
    await stage.publish(2)
    await stage.sees(lambda: stage.status().get("queue") == {"ready": 18, "unacknowledged": 0})
    assert await asyncio.to_thread(stage.revision) == before


async def test_a_queue_that_is_gone_is_no_empty_queue(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.publish(8)
    await stage.settles_at(4)
    before = await asyncio.to_thread(stage.revision)
    channel = await stage.connection.channel()
    await channel.queue_delete(stage.queue)
    await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "QueueMissing"), 60)
    assert await asyncio.to_thread(stage.revision) == before
    await channel.declare_queue(stage.queue, durable=True)
    await stage.settles_at(0)


async def test_wrong_credentials_are_named_and_mended(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive, queue={"secretName": "elsewhere"})
    await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "SecretMissing"))
    assert "Secret elsewhere" in stage.condition("QueueReachable")[2]
    login = {"stringData": {"RABBITMQ_USERNAME": "guest", "RABBITMQ_PASSWORD": "wr0ng-passw0rd"}}
    await asyncio.to_thread(stage.cluster.apply, stage.made("v1", "Secret", "elsewhere", **login))
    await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "BrokerRefused"), 60)
    assert "wr0ng-passw0rd" not in stage.cluster.kubectl("describe", "tta", "media", "--namespace", stage.namespace)
    assert "wr0ng-passw0rd" not in operator.process.log.read_text()
    garbled = {"data": {"RABBITMQ_USERNAME": "/w==", "RABBITMQ_PASSWORD": "/w=="}}
    await asyncio.to_thread(stage.cluster.apply, stage.made("v1", "Secret", "other", **garbled))
    await asyncio.to_thread(stage.archive, queue={"secretName": "other"})
    await stage.sees(lambda: stage.condition("QueueReachable")[:2] == ("False", "SecretUnreadable"), 60)
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")


async def test_paused_fixed_and_somebody_elses_change(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive, workers={"replicas": 2})
    await stage.settles_at(2)
    assert stage.condition("ScalingActive")[:2] == ("True", "Fixed")
    stage.cluster.kubectl("scale", "deployment/worker", "--replicas=5", "--namespace", stage.namespace)
    await stage.settles_at(2)
    await stage.sees(lambda: "ReplicasCorrected" in stage.events())
    await asyncio.to_thread(stage.archive, paused=True, workers={"replicas": 2})
    await stage.sees(lambda: stage.condition("Paused")[0] == "True")
    stage.cluster.kubectl("scale", "deployment/worker", "--replicas=4", "--namespace", stage.namespace)
    await stage.sees(lambda: stage.status()["replicas"] == 4)
    assert stage.replicas() == 4


async def test_a_missing_deployment_is_named_and_found_later(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive, workers={"deploymentName": "elsewhere"})
    await stage.sees(lambda: stage.condition("ScalingActive")[:2] == ("False", "DeploymentMissing"))
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")


async def test_no_more_workers_than_sessions(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: len(stage.sessions()) == SIZE)
    for number in range(5):
        await asyncio.to_thread(stage.kubectl, "annotate", "lease", f"session-{number}", "teltubby.io/retire=true")
    await stage.publish(16)
    await stage.settles_at(3)
    assert stage.condition("ScalingActive")[1] == "FewSessions"


async def test_a_killed_leader_is_followed_and_nobody_else_writes(
    stage: ScalingStage, operator: OperatorProcess, cluster: PlayedCluster, tmp_path: Path
):
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")
    other = OperatorProcess(cluster, tmp_path, "other", own_kubeconfig(cluster, tmp_path))
    other.start()
    try:
        await stage.sees(lambda: "standing by" in other.process.tail())
        operator.kill()
        await stage.publish(8)
        await stage.settles_at(4)
        lease = cluster.get("lease", ACCOUNT, "--namespace", NAMESPACE)
        assert lease["spec"]["holderIdentity"] == "other"
    finally:
        assert other.stop() == 0


async def test_a_namespace_ends_while_no_operator_runs(stage: ScalingStage, operator: OperatorProcess):
    await asyncio.to_thread(stage.archive)
    await stage.sees(lambda: stage.condition("Ready")[0] == "True")
    assert operator.stop() == 0
    await asyncio.to_thread(stage.cluster.kubectl, "delete", "namespace", stage.namespace, "--timeout=30s")
    await asyncio.to_thread(stage.cluster.kubectl, "create", "namespace", stage.namespace)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"workers": {"min": 9, "max": 8}}, "workers.min must not be above workers.max"),
        ({"workers": {"max": 9}}, "sessions.size must be at least workers.max"),
        ({"scaling": {"pollSeconds": 0}}, "spec.scaling.pollSeconds"),
        ({"queue": {"amqpUrl": "amqp://me:secret@rabbit"}}, "without user, password or path"),
        ({"queue": {"managementUrl": "rabbit:15672"}}, "queue.managementUrl must look like http://rabbitmq:15672"),
        ({"sessions": {"kind": "robot"}}, '"bot", "user"'),
        ({"sessions": {"leasePrefix": "Session_"}}, "spec.sessions.leasePrefix"),
        ({"sessions": {"rotateAfterDays": 0}}, "spec.sessions.rotateAfterDays"),
        ({"name": 64 * "a"}, "metadata.name must have at most 63 characters"),
        ({"deletionPolicy": "Forget"}, '"Retain", "Delete"'),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(stage: ScalingStage, changes, sentence):
    assert sentence in await asyncio.to_thread(lambda: stage.refusal(**changes))


async def test_workers_with_a_job_are_spared(stage: ScalingStage, operator: OperatorProcess):
    """Eight workers, three of them busy: five go, and not one of the three."""
    await asyncio.to_thread(stage.archive)
    await stage.publish(16)
    await stage.settles_at(8)
    busy = (await asyncio.to_thread(stage.pods))[2:5]
    await asyncio.to_thread(stage.say_busy, busy)
    channel = await stage.connection.channel()
    queue = await channel.get_queue(stage.queue)
    taken = [await queue.get() for _ in range(3)]
    await stage.purge()
    await stage.settles_at(3)
    assert await asyncio.to_thread(stage.pods) == busy
    assert stage.condition("ScalingActive")[1] == "WorkersBusy"
    for message in taken:
        await message.ack()
    await asyncio.to_thread(stage.say_busy, [])
    await stage.settles_at(0)


async def test_killed_again_and_again_it_changes_nothing(stage: ScalingStage, operator: OperatorProcess):
    """A new one must know all sessions and workers before it decides: with a fixed number each mistake would show."""
    await asyncio.to_thread(stage.archive, workers={"replicas": 8})
    await stage.settles_at(8)
    before = await asyncio.to_thread(stage.revision)
    for _ in range(5):
        operator.kill()
        operator.start()
        stage.cluster.kubectl("patch", "tta", "media", "-n", stage.namespace, "--subresource=status", *FORGET)
        await stage.sees(lambda: stage.condition("Ready")[0] == "True")
    assert await asyncio.to_thread(stage.revision) == before
