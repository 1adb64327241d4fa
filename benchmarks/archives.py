"""Many archives at one broker: how soon the operator reacts, and what it costs while nothing happens.

    by event    messages and job.queued: from the first publish until the Deployment is asked for all eight workers
    by poll     the same without a word on the events' exchange
    at rest     CPU and memory of the operator while no queue changes, and what it asks of broker and API server

A real kube-apiserver and RabbitMQ; no pods, since none of it depends on them. The operator makes all sessions. Needs
the test-bed's servers: ``make test-bed``, and tests/ in PYTHONPATH.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aio_pika
from lightkube import AsyncClient, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.apps_v1 import Deployment

from chart.rendering import NAMESPACE
from measuring import report
from measuring.meter import usage_of
from scaling.stage import ACCOUNT, OperatorProcess, ScalingStage, install_rights, own_kubeconfig
from testbed.control_plane import ControlPlane
from testbed.kubectl import Cluster
from testbed.processes import TestbedError
from testbed.proxy import proxy_before
from testbed.rabbitmq import RabbitMq

JOBS, WORKERS = 16, 8
READY_LIMIT, REACTION_LIMIT = 600.0, 60.0  # seconds
BATCH = 100
MIB = 1024 * 1024
CRD = Path(__file__).parents[1] / "charts" / "teltubby" / "crds" / "teltubbyarchives.yaml"
_Archives = create_namespaced_resource("teltubby.io", "v1alpha1", "TeltubbyArchive", "teltubbyarchives")


@dataclass(frozen=True)
class Figures:
    """Of one number of archives. Seconds, bytes; reactions are one a sample."""

    archives: int
    creation_seconds: float
    ready_seconds: float
    rest_cpu_per_minute: float
    rest_wall_seconds: float
    rest_broker_requests_per_minute: float
    rest_api_requests_per_minute: float
    api_requests_until_ready: int
    peak_bytes: int
    by_event: list[float]
    by_poll: list[float]


class Plant:
    """So many archives in one namespace, each with a queue, a Deployment and eight sessions."""

    def __init__(self, stage: ScalingStage, client: AsyncClient, count: int, management_url: str) -> None:
        self._stage = stage
        self._client = client
        self._management_url = management_url
        self._names = [f"archive-{number}" for number in range(count)]

    async def make(self) -> None:
        """Make them."""
        channel = await self._stage.connection.channel()
        for name in self._names:
            await channel.declare_queue(name, durable=True)
        await channel.close()
        objects = [each for name in self._names for each in self._objects(name)]
        for start in range(0, len(objects), BATCH):
            given = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects[start : start + BATCH]})
            await asyncio.to_thread(self._stage.cluster.kubectl, "create", "--filename=-", given=given)

    async def until_ready(self) -> None:
        """Wait until every archive says that it is."""
        async with asyncio.timeout(READY_LIMIT):
            while True:
                ready = 0
                async for each in self._client.list(_Archives, namespace=self._stage.namespace, chunk_size=500):
                    told = dict(each).get("status", {}).get("conditions", [])
                    ready += any((one["type"], one["status"]) == ("Ready", "True") for one in told)
                if ready == len(self._names):
                    return
                await asyncio.sleep(0.5)

    async def reactions(self, samples: int, *, told: bool) -> list[float]:
        """Return the seconds from publishing to the change, of archives taken at random that have no worker."""
        found = []
        for name in random.Random(samples).sample(self._names, min(samples, len(self._names))):  # noqa: S311
            found.append(await self._reaction(name, told=told))
            self._names.remove(name)
        return sorted(found)

    async def _reaction(self, name: str, *, told: bool) -> float:
        channel = await self._stage.connection.channel(publisher_confirms=False)
        events = await channel.get_exchange(self._stage.exchange)
        started = time.perf_counter()
        for _ in range(JOBS):
            await channel.default_exchange.publish(aio_pika.Message(b"{}"), name)
            if told:
                await events.publish(aio_pika.Message(b"{}"), "job.queued", mandatory=False)
        async with asyncio.timeout(REACTION_LIMIT):
            while True:
                found = await self._client.get(Deployment, name, namespace=self._stage.namespace)
                if found.spec.replicas == WORKERS:
                    break
                await asyncio.sleep(0.01)
        seconds = time.perf_counter() - started
        await channel.close()
        return seconds

    def _objects(self, name: str) -> list[dict[str, object]]:
        stage, labels = self._stage, {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "worker", "image": "none"}]}}
        spec = stage.spec(
            workers={"deploymentName": name},
            queue={"name": name, "managementUrl": self._management_url},
            sessions={"leasePrefix": f"{name}-session-"},
            scaling={"pollSeconds": 5, "cooldownSeconds": 3600},
        )
        workers = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        return [
            stage.made("apps/v1", "Deployment", name, spec=workers),
            stage.made("teltubby.io/v1alpha1", "TeltubbyArchive", name, spec=spec),
        ]


async def measure(count: int, samples: int, rest: float, folder: Path) -> Figures:
    """Measure so many archives on new servers."""
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(ControlPlane(folder / f"plane-{count}", audited=True))
        broker = stack.enter_context(
            RabbitMq(config=["collect_statistics_interval = 1000"], plugins=["rabbitmq_management"])
        )
        cluster.kubectl("apply", f"--filename={CRD}")
        cluster.kubectl("wait", "--for=condition=Established", "crd/teltubbyarchives.teltubby.io", "--timeout=30s")
        install_rights(cluster)
        everything = ("--clusterrole=cluster-admin", f"--serviceaccount={NAMESPACE}:{ACCOUNT}")
        cluster.kubectl("create", "clusterrolebinding", "benchmark", *everything)
        proxy = await stack.enter_async_context(proxy_before(broker.management_url))
        stage = await stack.enter_async_context(ScalingStage.opened(cluster, broker))
        client = _client(cluster)
        stack.push_async_callback(client.close)
        plant = Plant(stage, client, count, proxy.endpoint)
        operator = OperatorProcess(cluster, folder, f"of-{count}", own_kubeconfig(cluster, folder))
        operator.start()
        stack.callback(operator.stop)
        started = time.perf_counter()
        await plant.make()
        made = time.perf_counter()
        await plant.until_ready()
        ready = time.perf_counter() - made
        until_ready = len(cluster.calls(NAMESPACE, ACCOUNT))
        before, began, asked = usage_of(operator.process.pid), time.perf_counter(), len(proxy.requests)
        await asyncio.sleep(rest)
        after, wall = usage_of(operator.process.pid), time.perf_counter() - began
        minutes = wall / 60
        cpu = (after.cpu_seconds - before.cpu_seconds) / minutes
        broker_rate = (len(proxy.requests) - asked) / minutes
        api_rate = (len(cluster.calls(NAMESPACE, ACCOUNT)) - until_ready) / minutes
        by_event = await plant.reactions(max(1, samples if count > 1 else 1), told=True)
        by_poll = await plant.reactions(samples, told=False)
        peak = usage_of(operator.process.pid).peak_bytes
        return Figures(
            count, made - started, ready, cpu, wall, broker_rate, api_rate, until_ready, peak, by_event, by_poll
        )


def _client(cluster: Cluster) -> AsyncClient:
    return AsyncClient(config=KubeConfig.from_file(cluster.kubeconfig), trust_env=False)


def table(found: list[Figures]) -> list[list[str]]:
    """Return the rows to print."""
    rows = [
        [
            "archives",
            "created in s",
            "all Ready after that s",
            "0→8 by event p50 / p95 / max s",
            "by poll p50 / p95 / max s",
            "CPU s/min",
            "MiB",
        ],
    ]
    rows[0] += ["broker requests/min", "API requests/min", "API requests an archive until Ready"]
    shown: Callable[[list[float]], str] = lambda each: (  # noqa: E731
        f"{report.percentile(each, 50):.2f} / {report.percentile(each, 95):.2f} / {max(each):.2f}" if each else "–"
    )
    for each in found:
        figures = [shown(each.by_event), shown(each.by_poll), f"{each.rest_cpu_per_minute:.1f}"]
        asked = [each.rest_broker_requests_per_minute, each.rest_api_requests_per_minute]
        costs = [f"{each.peak_bytes / MIB:.0f}", *(f"{rate:.0f}" for rate in asked)]
        costs.append(f"{each.api_requests_until_ready / each.archives:.1f}")
        rows.append([str(each.archives), f"{each.creation_seconds:.1f}", f"{each.ready_seconds:.1f}", *figures, *costs])
    return rows


def main() -> int:
    """Run the benchmark."""
    parser = report.parser("Scale archives on one broker.")
    parser.add_argument("--archives", type=report.at_least_one, nargs="+", default=[1, 100], help="how many")
    parser.add_argument("--samples", type=report.at_least_one, default=20, help="reactions of each kind")
    parser.add_argument("--rest", type=float, default=60, help="seconds to look at the operator while nothing happens")
    options = parser.parse_args()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    try:
        with TemporaryDirectory() as folder:
            found = [
                asyncio.run(measure(count, options.samples, options.rest, Path(folder))) for count in options.archives
            ]
    except TestbedError as error:
        raise SystemExit(f"no result: {error}") from error
    report.show("Archives on one broker, polled every 5 s", table(found))
    report.write(
        options.json,
        {
            "benchmark": "archives",
            "machine": report.machine("kopf", "lightkube", "aio-pika"),
            "runs": [asdict(each) for each in found],
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
