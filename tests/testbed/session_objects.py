"""What the chart makes for sessions, on a control plane of the test's own: the very Secrets, Leases and rights."""

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
from lightkube import AsyncClient, KubeConfig

from chart.rendering import FIXED, LEAST, Rendered, merged, rendered
from testbed.control_plane import ControlPlane

_OURS = ("Secret", "Lease", "Role", "RoleBinding", "ServiceAccount")


@dataclass
class SessionSlots:
    """Slots and rights as the chart makes them, in a namespace of their own; and pods, as if a kubelet ran them."""

    plane: ControlPlane
    count: int
    chart: Mapping[str, Any] = field(default_factory=dict)
    """Values beside the least."""
    namespace: str = field(default_factory=lambda: f"sessions-{uuid4().hex[:8]}")

    @cached_property
    def objects(self) -> Rendered:
        """The chart's objects."""
        size = {"worker": {"replicas": self.count, "sessions": {"size": self.count}}}
        return rendered(merged(LEAST, FIXED, size, self.chart))

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

    def add_pod(self, name: str, component: str = "worker") -> str:
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


def make_slots(plane: ControlPlane, count: int) -> SessionSlots:
    """Make them, empty."""
    slots = SessionSlots(plane, count)
    slots.make()
    return slots


@asynccontextmanager
async def client_of(slots: SessionSlots) -> AsyncIterator[AsyncClient]:
    """Give a client that may do what a worker may."""
    given = await asyncio.to_thread(slots.plane.kubeconfig_of, slots.namespace, slots.account_of("worker"))
    client = AsyncClient(config=KubeConfig.from_dict(given), namespace=slots.namespace, trust_env=False)
    try:
        yield client
    finally:
        await client.close()
