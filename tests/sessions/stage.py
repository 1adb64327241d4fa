"""A distributed stage whose workers share logins by Leases, with the rights that the chart gives them and no more."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from cryptography.fernet import Fernet

from chart.rendering import LEAST, Rendered, merged, rendered
from distributed.forkserver import Forkserver
from distributed.stage import DistributedStage, new_stage
from teltubby_simulator.journal import JournalEntry
from testbed.control_plane import ControlPlane
from testbed.minio import S3Address
from testbed.rabbitmq import AmqpAddress

LOGIN = "auth.importBotAuthorization"
_OURS = ("Secret", "Lease", "Role", "RoleBinding", "ServiceAccount")


@dataclass
class Slots:
    """What the chart makes for sessions, in a namespace of its own; and the pods that a kubelet would have made."""

    plane: ControlPlane
    count: int
    chart: Mapping[str, Any] = field(default_factory=dict)
    """Values beside the least."""
    namespace: str = field(default_factory=lambda: f"sessions-{uuid4().hex[:8]}")

    @cached_property
    def objects(self) -> Rendered:
        """The chart's objects."""
        size = {"worker": {"replicas": self.count, "sessions": {"size": self.count}}}
        return rendered(merged(LEAST, size, self.chart))

    @property
    def names(self) -> list[str]:
        return sorted(self.objects.names("Lease"))

    def make(self) -> None:
        """Make them."""
        self.plane.kubectl("create", "namespace", self.namespace)
        ours = [each for each in self.objects.objects if each["kind"] in _OURS]
        for each in ours:
            each["metadata"]["namespace"] = self.namespace
            for subject in each.get("subjects", []):
                subject["namespace"] = self.namespace
        self.plane.apply(*ours)

    def account_of(self, component: str) -> str:
        """Return the name of a component's service account."""
        return str(self.objects.pod(component)["serviceAccountName"])

    def kubeconfig(self, component: str, folder: Path) -> Path:
        """Write a file with which one acts as that component does."""
        path = folder / f"kubeconfig-{component}"
        config = self.plane.kubeconfig_of(self.namespace, self.account_of(component))
        for context in config["contexts"]:
            context["context"]["namespace"] = self.namespace
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def add_pod(self, name: str, component: str) -> str:
        """Make a pod that nothing runs in; return its uid."""
        container = {"name": component, "image": "none"}
        spec = {"serviceAccountName": self.account_of(component), "containers": [container]}
        metadata = {"name": name, "namespace": self.namespace}
        self.plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        return str(self.plane.get("pod", name, "--namespace", self.namespace)["metadata"]["uid"])

    def remove_pod(self, name: str) -> None:
        """Delete a pod at once."""
        self.plane.kubectl("delete", "pod", name, "--namespace", self.namespace, "--grace-period=0", "--force")

    def everything(self) -> str:
        """Return all objects of the namespace as text."""
        kinds = "secrets,leases,pods,events,configmaps,serviceaccounts"
        return self.plane.kubectl("get", kinds, "--namespace", self.namespace, "--output=yaml")

    def lease(self, name: str) -> dict[str, Any]:
        """Return a session's Lease."""
        return dict(self.plane.get("lease", name, "--namespace", self.namespace))

    def contents(self) -> dict[str, str]:
        """Return the encrypted content of each session that has one."""
        found = yaml.safe_load(self.plane.kubectl("get", "secrets", "--namespace", self.namespace, "--output=yaml"))
        secrets = {each["metadata"]["name"]: each.get("data") or {} for each in found["items"]}
        return {name: secrets[name]["session"] for name in self.names if "session" in secrets.get(name, {})}


@dataclass
class SessionStage(DistributedStage):
    """Bot and workers beside a Kubernetes API."""

    slots: Slots = field(kw_only=True)
    pods: dict[str, str] = field(default_factory=dict, kw_only=True)
    """The pod that each worker is now."""

    typed: list[str] = field(default_factory=list, kw_only=True)
    """Codes, passwords and phone numbers that somebody typed in a chat."""

    async def enrol(self, *workers: str) -> None:
        """Give workers pods; those that have one get another, as a Deployment replaces them."""
        for worker in workers:
            if worker in self.pods:
                await asyncio.to_thread(self.slots.remove_pod, self.pods[worker])
            pod = f"{worker}-{uuid4().hex[:5]}"
            uid = await asyncio.to_thread(self.slots.add_pod, pod, "worker")
            self.pods[worker] = pod
            self.own[worker] = self.own.get(worker, {}) | {"POD_NAME": pod, "POD_UID": uid}

    async def start(self) -> None:
        await self.enrol(*(f"worker-{number}" for number in range(self.worker_count)))
        await super().start()

    async def replace(self, worker: str) -> None:
        """Stop a worker, and have another one in its place."""
        status = await self.service(worker).stop(60)
        assert status == 0, self.service(worker).log()
        await self.enrol(worker)
        await self.bring_up(self.service(worker))

    def calls(self, method: str | None = None) -> list[JournalEntry]:
        """Return what was asked over MTProto."""
        return self.world.journal.entries(method, door="mtproto")

    def holders(self) -> dict[str, str]:
        """Return the pod that each session's Lease names, of those that name one."""
        leases = {name: self.slots.lease(name)["spec"].get("holderIdentity") or "" for name in self.slots.names}
        return {name: identity.partition("/")[0] for name, identity in leases.items() if identity}

    def assert_no_session_was_used_twice(self) -> None:
        assert [call for call in self.calls() if "AUTH_KEY_DUPLICATED" in call.outcome] == []


@asynccontextmanager
async def new_session_stage(
    folder: Path,
    s3: S3Address,
    broker: AmqpAddress,
    plane: ControlPlane,
    workers: int,
    forkserver: Forkserver | None = None,
    chart: Mapping[str, Any] | None = None,
) -> AsyncIterator[SessionStage]:
    """As ``new_stage``, with as many sessions as workers."""
    slots = Slots(plane, workers, chart or {})
    await asyncio.to_thread(slots.make)
    async with new_stage(folder, s3, broker, workers, forkserver) as plain:
        kubeconfig = await asyncio.to_thread(slots.kubeconfig, "worker", folder)
        plain.settings |= {
            "SESSION_STORE": "kubernetes",
            "SESSION_NAMES": ",".join(slots.names),
            "SESSION_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": "nobody",
            "POD_UID": "nobody",
        }
        stage = SessionStage(
            plain.simulator,
            plain.cast,
            folder,
            plain.settings,
            bucket=plain.bucket,
            broker=plain.broker,
            worker_count=workers,
            forkserver=forkserver,
            slots=slots,
        )
        try:
            yield stage
        finally:
            await stage.kill()
