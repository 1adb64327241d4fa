"""What a test of scaling has in hand: a namespace with an archive, its queue, and the operator's process."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika

from chart.rendering import LEAST, NAMESPACE, Rendered, rendered
from support import eventually
from testbed.control_plane import ControlPlane
from testbed.kubectl import Cluster
from testbed.processes import Process, TestbedError, free_port
from testbed.rabbitmq import RabbitMq

LIMIT = 60.0  # seconds; what is waited for takes a second or two
SIZE = 8
LABELS = {"app": "worker"}
ACCOUNT = "media-teltubby-operator"


def _objects() -> Rendered:
    return rendered(LEAST)


def install_rights(cluster: ControlPlane) -> None:
    """Let the operator have the rights that the chart gives it; those beside an archive come with its namespace."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    ours = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    found = [each for each in _objects().objects if each["kind"] in ours]
    cluster.apply(*(each for each in found if each["metadata"]["name"].endswith(ACCOUNT)))


def own_kubeconfig(cluster: ControlPlane, folder: Path, account: str = ACCOUNT) -> Path:
    """Write a file with which one acts as the chart's operator does, or another service account."""
    config = cluster.kubeconfig_of(NAMESPACE, account)
    for context in config["contexts"]:
        context["context"]["namespace"] = NAMESPACE
    path = folder / f"kubeconfig-{account}"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


class OperatorProcess:
    """``python -m teltubby_operator``, as whoever the kubeconfig names."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        name: str,
        kubeconfig: Path | None = None,
        namespace: str = NAMESPACE,
        **settings: str,
    ) -> None:
        """``namespace`` is where its Lease lies. ``settings``: further variables."""
        self.name = name
        self._port = free_port()
        env = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig or cluster.kubeconfig),
            "HEALTH_PORT": str(self._port),
            "OPERATOR_NAME": name,
            "OPERATOR_LEASE_NAMESPACE": namespace,
            "OPERATOR_LEASE_NAME": ACCOUNT,
            "LOG_FORMAT": "json",
            **settings,
        }
        command = [sys.executable, "-m", "teltubby_operator"]
        self.process = Process(f"operator {name}", command, folder / f"operator-{name}.log", env=env, cwd=folder)

    @property
    def pages(self) -> str:
        """Root of its pages."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self.process.start()

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int | None:
        return self.process.stop()


async def _connect(broker: RabbitMq) -> aio_pika.abc.AbstractConnection:
    return await aio_pika.connect(f"amqp://guest:guest@{broker.address.host}:{broker.address.port}/")


@dataclass
class ScalingStage:
    """An archive called ``media`` whose workers are the Deployment ``worker``."""

    cluster: Cluster
    broker: RabbitMq
    connection: aio_pika.abc.AbstractConnection
    namespace: str = field(default_factory=lambda: f"scaling-{uuid4().hex[:8]}")

    @classmethod
    @asynccontextmanager
    async def opened(cls, cluster: Cluster, broker: RabbitMq) -> AsyncIterator["ScalingStage"]:
        """Make the namespace and all that an archive names; the archive itself is the test's to make."""
        stage = cls(cluster, broker, await _connect(broker))
        try:
            await stage._make()
            yield stage
        finally:
            await stage.connection.close()
            await asyncio.to_thread(cluster.kubectl, "delete", "namespace", stage.namespace, "--wait=false")

    async def connected(self) -> aio_pika.abc.AbstractConnection:
        """Return a new connection, of a broker that was away."""
        return await _connect(self.broker)

    @property
    def queue(self) -> str:
        return f"{self.namespace}.jobs"

    @property
    def exchange(self) -> str:
        return f"{self.namespace}.events"

    def spec(self, **changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return a spec that reacts fast; ``changes`` by its parts."""
        address = self.broker.address
        spec: dict[str, Any] = {
            "workers": {"deploymentName": "worker", "min": 0, "max": 8},
            "scaling": {
                "jobsPerWorker": 2,
                "pollSeconds": 1,
                "scaleDownStabilizationSeconds": 1,
                "cooldownSeconds": 1,
                "fallbackReplicas": 3,
            },
            "queue": {
                "name": self.queue,
                "eventsExchange": self.exchange,
                "amqpUrl": f"amqp://{address.host}:{address.port}",
                "managementUrl": self.broker.management_url,
                "secretName": "broker",
            },
            "sessions": {"kind": "bot", "size": SIZE, "leasePrefix": "session-"},
        }
        return {name: part | changes.get(name, {}) for name, part in spec.items()} | {
            name: part for name, part in changes.items() if name not in spec
        }

    def archive(self, name: str = "media", **changes: Any) -> None:
        """Make or change the archive, or another one."""
        self.cluster.apply(self.made("teltubby.io/v1alpha1", "TeltubbyArchive", name, spec=self.spec(**changes)))

    async def publish(self, count: int) -> None:
        """Put jobs into the queue and tell of each, as the bot does."""
        channel = await self.connection.channel(publisher_confirms=True)
        events = await channel.get_exchange(self.exchange)
        for _ in range(count):
            job = aio_pika.Message(b"{}", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(job, self.queue)
            await events.publish(aio_pika.Message(b"{}"), "job.queued", mandatory=False)
        await channel.close()

    async def purge(self) -> None:
        """End all jobs that wait."""
        channel = await self.connection.channel()
        await (await channel.get_queue(self.queue)).purge()
        await channel.close()

    def replicas(self) -> int:
        """Return how many workers the Deployment is asked for."""
        return int(self.cluster.get("deployment", "worker", "--namespace", self.namespace)["spec"]["replicas"])

    def revision(self) -> int:
        """Return a number that grows with every change of the Deployment's spec."""
        return int(self.cluster.get("deployment", "worker", "--namespace", self.namespace)["metadata"]["generation"])

    def running(self) -> int:
        """Return how many pods run and stay."""
        pods = self.cluster.get("pods", "--namespace", self.namespace)["items"]
        staying = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        return sum(each["status"].get("phase") == "Running" for each in staying)

    def pods(self) -> list[str]:
        """Return the names of the pods that stay."""
        pods = self.cluster.get("pods", "--namespace", self.namespace)["items"]
        return sorted(each["metadata"]["name"] for each in pods if "deletionTimestamp" not in each["metadata"])

    def say_busy(self, busy: list[str]) -> None:
        """Let every worker hold a session, as if it ran, and these have a job in hand."""
        pods = self.pods()
        for number in range(SIZE):
            pod = pods[number] if number < len(pods) else ""
            self.note(number, holder=f"{pod}/uid/process" if pod else "", busy=str(pod in busy))

    def note(self, number: int, holder: str | None = None, **notes: str) -> None:
        """Note something about a session, as the worker does that has it."""
        annotations = {f"teltubby.io/session-{name.replace('_', '-')}": value for name, value in notes.items()}
        spec = {} if holder is None else {"holderIdentity": holder}
        self.patch("lease", f"session-{number}", {"metadata": {"annotations": annotations}, "spec": spec})

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Change an object."""
        self.kubectl("patch", kind, name, "--type=merge", f"--patch={json.dumps(change)}")

    def kubectl(self, *arguments: str) -> str:
        """Return what kubectl prints, in this namespace."""
        return self.cluster.kubectl(*arguments, "--namespace", self.namespace)

    def sessions(self, kind: str = "lease") -> dict[str, dict[str, Any]]:
        """Return the objects of the sessions, by name."""
        found = self.cluster.get(kind, "--namespace", self.namespace)["items"]
        return {each["metadata"]["name"]: each for each in found if each["metadata"]["name"].startswith("session-")}

    def mark(self, number: int) -> str | None:
        """Return why a session retires."""
        annotations = self.sessions()[f"session-{number}"]["metadata"].get("annotations", {})
        found: str | None = annotations.get("teltubby.io/retire")
        return found

    def status(self, archive: str = "media") -> dict[str, Any]:
        """Return an archive's status."""
        found = self.cluster.get("tta", archive, "--namespace", self.namespace)
        return dict(found.get("status") or {})

    def condition(self, kind: str, archive: str = "media") -> tuple[str, str, str]:
        """Return status, reason and message of one of an archive's conditions; empty while there is none."""
        for each in self.status(archive).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def events(self) -> list[str]:
        """Return the reasons of the archives' events."""
        return [each["reason"] for each in self._events()]

    def said(self, reason: str) -> str:
        """Return what the events of a reason say."""
        return "\n".join(each["message"] for each in self._events() if each["reason"] == reason)

    def _events(self) -> list[dict[str, Any]]:
        found = self.cluster.get("events", "--namespace", self.namespace)["items"]
        return [each for each in found if each["involvedObject"]["kind"] == "TeltubbyArchive"]

    async def sees(self, condition: Callable[[], Any], limit: float = LIMIT) -> Any:
        """Wait for what kubectl shows."""
        return await eventually(lambda: asyncio.to_thread(condition), limit)

    async def settles_at(self, count: int) -> None:
        """Wait until so many workers are asked for, and run."""
        await self.sees(lambda: self.replicas() == count and self.running() == count)

    def refusal(self, **changes: Any) -> str:
        """Return what the API server says to a spec that it refuses."""
        try:
            self.archive(**changes)
        except TestbedError as error:
            return str(error)
        raise AssertionError("it was taken")

    async def _make(self) -> None:
        channel = await self.connection.channel()
        await channel.declare_queue(self.queue, durable=True)
        await channel.declare_exchange(self.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        await channel.close()
        await asyncio.to_thread(self._make_objects)

    def _make_objects(self) -> None:
        self.cluster.kubectl("create", "namespace", self.namespace)
        login = {"RABBITMQ_USERNAME": "guest", "RABBITMQ_PASSWORD": "guest"}
        template = {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "worker", "image": "none"}], "terminationGracePeriodSeconds": 1},
        }
        self.cluster.apply(
            *self._rights(),
            self.made("v1", "Secret", "broker", stringData=login),
            self.made(
                "apps/v1",
                "Deployment",
                "worker",
                spec={"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template},
            ),
        )

    def _rights(self) -> list[dict[str, Any]]:
        """Return the Role that the chart makes beside an archive, for this namespace and its names."""
        sessions = [f"session-{number}" for number in range(2 * SIZE)]
        named = {"get": ["broker", "elsewhere", "other"], "patch": sessions}
        kinds = ("Role", "RoleBinding")
        role, binding = (deepcopy(_objects().one(kind, "media-teltubby-scaling")) for kind in kinds)
        for rule in role["rules"]:
            if "resourceNames" in rule:
                scale = rule["resources"] == ["deployments/scale"]
                rule["resourceNames"] = ["worker"] if scale else named[rule["verbs"][0]]
        for each in (role, binding):
            each["metadata"]["namespace"] = self.namespace
        return [role, binding]

    def made(
        self, version: str, kind: str, name: str, labels: Mapping[str, str] | None = None, **parts: Any
    ) -> dict[str, Any]:
        """Return an object of this namespace."""
        metadata = {"name": name, "namespace": self.namespace, "labels": dict(labels or {})}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}
