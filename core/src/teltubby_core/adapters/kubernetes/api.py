"""The few calls that sessions need, on the objects of one namespace."""

from http import HTTPStatus

from lightkube import ApiError, AsyncClient
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Pod, Secret

from teltubby_core.adapters.kubernetes.errors import kubernetes_errors
from teltubby_core.adapters.kubernetes.holding import Holder

_ENDED = frozenset({"Succeeded", "Failed"})


class SessionObjects:
    """Secrets, Leases and pods by name. Reads and replaces; makes and deletes none."""

    def __init__(self, client: AsyncClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def lease(self, name: str) -> Lease:
        """Return a session's Lease. Raises what ``kubernetes_errors`` does."""
        with kubernetes_errors(f"Lease {name}"):
            return await self._client.get(Lease, name, namespace=self._namespace)

    async def replace_lease(self, lease: Lease) -> Lease:
        """Replace it, unless somebody else did since it was read. Raises what ``kubernetes_errors`` does."""
        assert lease.metadata is not None
        with kubernetes_errors(f"Lease {lease.metadata.name}"):
            return await self._client.replace(lease)

    async def secret(self, name: str) -> Secret:
        """Return a session's Secret. Raises what ``kubernetes_errors`` does."""
        with kubernetes_errors(f"Secret {name}"):
            return await self._client.get(Secret, name, namespace=self._namespace)

    async def replace_secret(self, secret: Secret) -> Secret:
        """Replace it, unless somebody else did since it was read. Raises what ``kubernetes_errors`` does."""
        assert secret.metadata is not None
        with kubernetes_errors(f"Secret {secret.metadata.name}"):
            return await self._client.replace(secret)

    async def is_gone(self, holder: Holder) -> bool:
        """Whether the pod of this holder has ended. One that names no pod is never known to be gone."""
        if not holder.pod or not holder.uid:
            return False
        with kubernetes_errors(f"Pod {holder.pod}"):
            try:
                pod = await self._client.get(Pod, holder.pod, namespace=self._namespace)
            except ApiError as error:
                if error.status.code == HTTPStatus.NOT_FOUND:
                    return True
                raise
        assert pod.metadata is not None
        phase = pod.status.phase if pod.status else None
        return pod.metadata.uid != holder.uid or phase in _ENDED
