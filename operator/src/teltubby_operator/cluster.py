"""What the operator writes to Kubernetes, and the Secrets that it reads."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from lightkube import ALL_NS, ApiError, AsyncClient
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Event, Pod, Secret
from lightkube.types import PatchType

from teltubby_core.adapters.kubernetes.errors import kubernetes_errors
from teltubby_core.errors import PermanentError
from teltubby_operator import reading
from teltubby_operator.archive import GROUP, KIND, PLURAL, VERSION, Archive, SecretKeys
from teltubby_operator.book import Book
from teltubby_operator.sessions import OURS
from teltubby_operator.troubles import TroubleError

_COST = "controller.kubernetes.io/pod-deletion-cost"  # kubernetes.io/docs/concepts/workloads/controllers/replicaset
_BUSY, _IDLE = "1000", "0"
_Archives = create_namespaced_resource(GROUP, VERSION, KIND, PLURAL)
_SEEN: tuple[tuple[Any, Any, Callable[[Book, Any], None]], ...] = (
    (Lease, dict(OURS), reading.lease),
    (Deployment, None, reading.deployment),
    (HorizontalPodAutoscaler, None, reading.autoscaler),
    (_Archives, None, reading.archive),
)


Writing = Callable[[str], AbstractContextManager[None]]
"""Stands around each write of what it is told: raises what ``kubernetes_errors`` does."""


def writing_while(may_write: Callable[[], bool]) -> Writing:
    """``may_write`` is asked right before each write: only the leader may. PermanentError tells that it may not."""

    @contextmanager
    def writing(what: str) -> Iterator[None]:
        if not may_write():
            raise PermanentError(f"{what} is left alone: another operator leads")
        with kubernetes_errors(what):
            yield

    return writing


class Cluster:
    """Archives, their workers and what is told of them."""

    def __init__(self, client: AsyncClient, writing: Writing) -> None:
        self._client = client
        self._writing = writing

    async def fill(self, book: Book, namespaces: tuple[str, ...]) -> None:
        """Note what is there, before a watch tells of it one by one.

        With half of the sessions known there would be workers too many for a moment. Raises what ``kubernetes_errors``
        does.
        """
        for namespace in namespaces or (ALL_NS,):
            for kind, labels, note in _SEEN:
                with kubernetes_errors(f"{kind.__name__}s"):
                    async for each in self._client.list(kind, namespace=namespace, labels=labels):
                        note(book, each.to_dict())

    async def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Ask for so many pods. Raises what ``kubernetes_errors`` does."""
        with self._writing(f"Deployment {name}"):
            await self._client.patch(
                Deployment.Scale,
                name,
                {"spec": {"replicas": replicas}},
                namespace=namespace,
                patch_type=PatchType.MERGE,
            )

    async def mark_busy(self, namespace: str, selector: Mapping[str, str], busy: set[str]) -> None:
        """Have the ReplicaSet end pods that are not ``busy`` first. Raises what ``kubernetes_errors`` does."""
        with self._writing("the workers' pods"):
            async for pod in self._client.list(Pod, namespace=namespace, labels=dict(selector)):
                assert pod.metadata is not None
                cost = _BUSY if pod.metadata.name in busy else _IDLE
                if (pod.metadata.annotations or {}).get(_COST, _IDLE) != cost and not pod.metadata.deletionTimestamp:
                    await self._mark(namespace, str(pod.metadata.name), cost)

    async def _mark(self, namespace: str, name: str, cost: str) -> None:
        patch = {"metadata": {"annotations": {_COST: cost}}}
        try:
            await self._client.patch(Pod, name, patch, namespace=namespace, patch_type=PatchType.MERGE)
        except ApiError as error:
            if error.status.code != HTTPStatus.NOT_FOUND:  # it went by itself
                raise

    async def write_status(self, archive: Archive, status: Mapping[str, Any]) -> bool:
        """Write an archive's status; return whether it is there still. Raises what ``kubernetes_errors`` does."""
        key = archive.key
        with self._writing(f"TeltubbyArchive {key.name}"):
            try:
                await self._client.patch(
                    _Archives.Status,
                    key.name,
                    {"status": dict(status)},
                    namespace=key.namespace,
                    patch_type=PatchType.MERGE,
                )
            except ApiError as error:
                if error.status.code != HTTPStatus.NOT_FOUND:
                    raise
                return False
        return True

    async def tell(self, archive: Archive, reason: str, sentence: str, *, warning: bool = False) -> None:
        """Make an event that `kubectl describe` shows. Raises what ``kubernetes_errors`` does."""
        key, now = archive.key, datetime.now(UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{key.name[:200]}.", namespace=key.namespace),
            involvedObject=ObjectReference(
                apiVersion=f"{GROUP}/{VERSION}", kind=KIND, name=key.name, namespace=key.namespace, uid=archive.uid
            ),
            type="Warning" if warning else "Normal",
            reason=reason,
            message=sentence[:1000],
            firstTimestamp=now,
            lastTimestamp=now,
            count=1,
            source=EventSource(component="teltubby-operator"),
        )
        with self._writing(f"events of {key.name}"):
            await self._client.create(event)

    async def credentials(self, namespace: str, name: str, keys: SecretKeys) -> tuple[str, str]:
        """Return user and password that a Secret holds.

        Raises:
            TroubleError: it is not there or lacks one of them.
            TransientError, InfrastructureError: it can't be read.
        """
        with kubernetes_errors(f"Secret {name}"):
            try:
                secret = await self._client.get(Secret, name, namespace=namespace)
            except ApiError as error:
                if error.status.code != HTTPStatus.NOT_FOUND:
                    raise
                sentence = f"there is no Secret {name}; make it, or correct queue.secretName"
                raise TroubleError("SecretMissing", sentence) from error
        data = secret.data or {}
        if missing := [key for key in (keys.username, keys.password) if not data.get(key)]:
            sentence = f"Secret {name} has no {' and no '.join(missing)}; add it, or correct queue.secretKeys"
            raise TroubleError("SecretIncomplete", sentence)
        try:
            username, password = (base64.b64decode(data[key]).decode() for key in (keys.username, keys.password))
        except UnicodeDecodeError:
            sentence = (
                f"Secret {name} holds no text at {keys.username} or {keys.password}; write user and password anew"
            )
            raise TroubleError("SecretUnreadable", sentence) from None
        return username, password
