"""What the chart makes for workers' sessions, on a control plane of the test's own: Secrets, Leases, rights."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from lightkube import AsyncClient, KubeConfig

from testbed.control_plane import ControlPlane

ACCOUNT = "worker"


@dataclass(frozen=True)
class SessionSlots:
    """Slots in a namespace of their own, and a service account with the chart's rights."""

    plane: ControlPlane
    namespace: str
    names: tuple[str, ...]

    def add_pod(self, name: str) -> str:
        """Make a pod that never runs; return its uid."""
        container = {"name": "worker", "image": "none"}
        self.plane.apply(
            _object("v1", "Pod", self.namespace, name, spec={"serviceAccountName": ACCOUNT, "containers": [container]})
        )
        return str(self.plane.get("pod", name, "--namespace", self.namespace)["metadata"]["uid"])

    def remove_pod(self, name: str) -> None:
        """Delete a pod at once."""
        self.plane.kubectl("delete", "pod", name, "--namespace", self.namespace, "--grace-period=0", "--force")


def make_slots(plane: ControlPlane, count: int) -> SessionSlots:
    """Make them, empty."""
    namespace = f"sessions-{uuid4().hex[:8]}"
    names = tuple(f"media-session-{number}" for number in range(count))
    plane.kubectl("create", "namespace", namespace)
    plane.kubectl("create", "serviceaccount", ACCOUNT, "--namespace", namespace)
    plane.apply(
        *(_object("v1", "Secret", namespace, name) for name in names),
        *(_object("coordination.k8s.io/v1", "Lease", namespace, name) for name in names),
        *_rights(namespace, names),
    )
    return SessionSlots(plane, namespace, names)


@asynccontextmanager
async def client_of(slots: SessionSlots) -> AsyncIterator[AsyncClient]:
    """Give a client that may do what a worker may."""
    given = await asyncio.to_thread(slots.plane.kubeconfig_of, slots.namespace, ACCOUNT)
    client = AsyncClient(config=KubeConfig.from_dict(given), namespace=slots.namespace, trust_env=False)
    try:
        yield client
    finally:
        await client.close()


def _rights(namespace: str, names: Sequence[str]) -> list[dict[str, object]]:
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [*names], "verbs": ["get", "update"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [*names],
            "verbs": ["get", "update"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ]
    return [
        _object(f"{group}/v1", "Role", namespace, ACCOUNT, rules=rules),
        _object(
            f"{group}/v1",
            "RoleBinding",
            namespace,
            ACCOUNT,
            roleRef={"apiGroup": group, "kind": "Role", "name": ACCOUNT},
            subjects=[{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
        ),
    ]


def _object(version: str, kind: str, namespace: str, name: str, **fields: object) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}
