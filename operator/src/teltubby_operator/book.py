"""What was last heard of archives, workers' Deployments and sessions' Leases. Kept by watches, read by decisions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from teltubby_core.domain.sessions import SessionSight
from teltubby_operator.archive import Archive, Key

OURS: Mapping[str, str] = {"app.kubernetes.io/part-of": "teltubby"}
"""Labels of the Leases that are sessions."""


V = TypeVar("V")


@dataclass(frozen=True)
class Workers:
    """A Deployment: how many workers it is asked for, how many are ready, and how its pods are found."""

    replicas: int
    ready: int
    selector: Mapping[str, str]

    @classmethod
    def read(cls, deployment: Mapping[str, Any]) -> "Workers":
        """Read it as the API has it."""
        spec, status = deployment["spec"], deployment.get("status") or {}
        labels = dict(spec["selector"].get("matchLabels") or {})
        return cls(int(spec.get("replicas", 1)), int(status.get("readyReplicas", 0)), labels)


class Book:
    """``changed`` is told the key of an archive that has to be looked at, and None when the set of archives is new."""

    def __init__(self) -> None:
        self.archives: dict[Key, Archive] = {}
        self.workers: dict[Key, Workers] = {}
        self.sights: dict[Key, SessionSight] = {}
        self.changed: Callable[[Key | None], None] = lambda _: None

    def archive(self, key: Key, found: Archive | None) -> None:
        """Note an archive, or that it is gone."""
        before = _put(self.archives, key, found)
        if before is None or found is None or before.spec != found.spec or before.uid != found.uid:
            self.changed(None)
            self.changed(key)

    def deployment(self, key: Key, found: Workers | None) -> None:
        """Note a Deployment, or that it is gone."""
        before = _put(self.workers, key, found)
        if before != found:
            for archive in self.archives.values():
                if (archive.key.namespace, archive.spec.workers.deployment_name) == (key.namespace, key.name):
                    self.changed(archive.key)

    def session(self, key: Key, found: SessionSight | None) -> None:
        """Note a session's Lease, or that it is gone."""
        before = _put(self.sights, key, found)
        if _lasting(before) != _lasting(found):
            for archive in self.archives.values():
                prefix = archive.spec.sessions.lease_prefix
                if archive.key.namespace == key.namespace and key.name.startswith(prefix):
                    self.changed(archive.key)

    def sessions_of(self, archive: Archive) -> dict[str, SessionSight]:
        """Return an archive's sessions by their Leases' names."""
        keys = (Key(namespace=archive.key.namespace, name=name) for name in archive.spec.sessions.names)
        return {key.name: self.sights[key] for key in keys if key in self.sights}


def _put(table: dict[Key, V], key: Key, found: V | None) -> V | None:
    """Note what there is now, None for nothing; return what there was."""
    before = table.pop(key, None)
    if found is not None:
        table[key] = found
    return before


def _lasting(sight: SessionSight | None) -> object:
    """What a decision could depend on: not when a session was used."""
    return sight and (sight.notes.state, sight.notes.kind, sight.notes.busy, sight.holder, sight.retiring)
