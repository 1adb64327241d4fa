"""Sessions' Secrets and Leases in Kubernetes. What lies in a Secret is for workers: it is never looked at here."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from lightkube import ApiError, AsyncClient
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from teltubby_core.adapters.kubernetes import notes
from teltubby_core.adapters.kubernetes.errors import MissingError
from teltubby_core.domain.sessions import SessionNotes, SessionSight
from teltubby_operator.archive import GROUP, KIND, VERSION, Archive
from teltubby_operator.cluster import Writing
from teltubby_operator.sessions import ARCHIVE, OURS, Slot, Step, Task

_LABELS = {**OURS, "app.kubernetes.io/component": "session", "app.kubernetes.io/managed-by": "teltubby-operator"}
_MARKS = {Task.SHRINK: notes.SHRINK, Task.ROTATE: notes.ROTATE, Task.REINSTATE: None}


class Slots:
    """Secrets and Leases by name, in the archive's namespace."""

    def __init__(self, client: AsyncClient, writing: Writing) -> None:
        self._client = client
        self._writing = writing

    async def take(self, archive: Archive, step: Step, slot: Slot | None) -> Slot | None:
        """Take a step with a session that is seen as ``slot``; return how it is then, None when it is gone.

        Raises what ``kubernetes_errors`` does.
        """
        match step.task:
            case Task.MAKE:
                return await self._make(archive, step.name)
            case Task.ADOPT:
                await self._adopt(archive, step.name)
                return replace(slot or _fresh(step.name), archive=archive.key.name, owner=archive.owner)
            case Task.REMOVE:
                await self._remove(archive, step.name)
                return None
            case _:
                mark = _MARKS[step.task]
                await self._patch(Lease, archive, step.name, {"annotations": {notes.RETIRE: mark}})
                seen = slot or _fresh(step.name)
                return replace(seen, mark=mark, sight=replace(seen.sight, retiring=mark is not None))

    async def assure(self, archive: Archive, name: str) -> bool:
        """Make a session's Secret, empty, unless it is there; return whether it was made.

        Raises what ``kubernetes_errors`` does.
        """
        with self._writing(f"Secret {name}"):
            return await _made(self._client.create(Secret(metadata=_metadata(archive, name), type="Opaque")))

    async def _make(self, archive: Archive, name: str) -> Slot:
        if not await self.assure(archive, name):  # from an archive or a release that is no more
            await self._adopt_one(Secret, archive, name)
        with self._writing(f"Lease {name}"):
            made = await _made(self._client.create(Lease(metadata=_metadata(archive, name))))
        if not made:
            await self._adopt_one(Lease, archive, name)
        return replace(_fresh(name), archive=archive.key.name, owner=archive.owner)

    async def _adopt(self, archive: Archive, name: str) -> None:
        try:
            await self._adopt_one(Secret, archive, name)
        except MissingError:
            await self.assure(archive, name)
        await self._adopt_one(Lease, archive, name)

    async def _adopt_one(self, kind: type[Secret] | type[Lease], archive: Archive, name: str) -> None:
        labels = {**OURS, ARCHIVE: archive.key.name}
        owners = [each.to_dict() for each in _owners(archive)]
        await self._patch(kind, archive, name, {"labels": labels, "ownerReferences": owners})

    async def _remove(self, archive: Archive, name: str) -> None:
        # the Lease last: as long as it is there, this is tried again
        for kind in (Secret, Lease):
            with self._writing(f"{kind.__name__} {name}"):
                try:
                    await self._client.delete(kind, name, namespace=archive.key.namespace)
                except ApiError as error:
                    if error.status.code != HTTPStatus.NOT_FOUND:
                        raise

    async def _patch(
        self, kind: type[Secret] | type[Lease], archive: Archive, name: str, metadata: Mapping[str, Any]
    ) -> None:
        with self._writing(f"{kind.__name__} {name}"):
            await self._client.patch(
                kind,
                name,
                {"metadata": dict(metadata)},
                namespace=archive.key.namespace,
                patch_type=PatchType.MERGE,
            )


async def _made(creating: Awaitable[object]) -> bool:
    try:
        await creating
    except ApiError as error:
        if error.status.code == HTTPStatus.CONFLICT:
            return False
        raise
    return True


def _fresh(name: str) -> Slot:
    return Slot(SessionSight(name, SessionNotes()))


def _owners(archive: Archive) -> list[OwnerReference]:
    if archive.owner is None:
        return []
    return [OwnerReference(apiVersion=f"{GROUP}/{VERSION}", kind=KIND, name=archive.key.name, uid=archive.owner)]


def _metadata(archive: Archive, name: str) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=archive.key.namespace,
        labels={**_LABELS, ARCHIVE: archive.key.name},
        ownerReferences=_owners(archive) or None,
    )
