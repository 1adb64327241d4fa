"""What was last heard of archives, Deployments, autoscalers and sessions. Kept by watches, read by decisions."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from teltubby_operator.archive import Archive, Key
from teltubby_operator.sessions import Slot, stem

SCALING = "teltubby.io/scaling"
"""Annotation of a Deployment; "false" there leaves its number of workers to whoever made it."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Workers:
    """A Deployment: how many workers it is asked for, how many are ready, and how its pods are found.

    ``scalable``: whether its own annotation lets an operator set the number.
    """

    replicas: int
    ready: int
    selector: Mapping[str, str]
    scalable: bool = True

    @classmethod
    def read(cls, deployment: Mapping[str, Any]) -> "Workers":
        """Read it as the API has it."""
        spec, status = deployment["spec"], deployment.get("status") or {}
        labels = dict(spec["selector"].get("matchLabels") or {})
        annotations = deployment["metadata"].get("annotations") or {}
        return cls(
            int(spec.get("replicas", 1)),
            int(status.get("readyReplicas", 0)),
            labels,
            annotations.get(SCALING) != "false",
        )


@dataclass(frozen=True)
class Departed:
    """An archive that is gone, and its sessions with a login at that moment."""

    archive: Archive
    logged_in: tuple[str, ...]


class Book:
    """``changed`` is told the key of an archive that has to be looked at, and None when the set of archives is new."""

    def __init__(self) -> None:
        self.archives: dict[Key, Archive] = {}
        self.departed: dict[Key, Departed] = {}
        """Archives whose end nobody has told yet."""
        self.workers: dict[Key, Workers] = {}
        self.changed: Callable[[Key | None], None] = lambda _: None
        self._autoscalers: dict[Key, Key] = {}
        self._scaled_by: defaultdict[Key, set[str]] = defaultdict(set)
        self._slots: defaultdict[Key, dict[str, Slot]] = defaultdict(dict)
        self._changes: defaultdict[Key, int] = defaultdict(int)
        self._by_stem: defaultdict[Key, set[Key]] = defaultdict(set)
        self._by_workers: defaultdict[Key, set[Key]] = defaultdict(set)

    def archive(self, key: Key, found: Archive | None) -> None:
        """Note an archive, or that it is gone."""
        before = _put(self.archives, key, found)
        if before is not None:
            self._by_stem[_stem(before)].discard(key)
            self._by_workers[_workers(before)].discard(key)
            if found is None or found.uid != before.uid:
                names = tuple(name for name, slot in self.slots_of(before).items() if slot.logged_in)
                self.departed[key] = Departed(before, names)
        if found is not None:
            self._by_stem[_stem(found)].add(key)
            self._by_workers[_workers(found)].add(key)
        if before is None or found is None or before.spec != found.spec or before.uid != found.uid:
            self.changed(None)
            self.changed(key)

    def deployment(self, key: Key, found: Workers | None) -> None:
        """Note a Deployment, or that it is gone."""
        if _put(self.workers, key, found) != found:
            self._workers_changed(key)

    def autoscaler(self, key: Key, deployment: Key | None) -> None:
        """Note which Deployment a HorizontalPodAutoscaler scales, None when it does none."""
        before = _put(self._autoscalers, key, deployment)
        if before == deployment:
            return
        if before:
            self._scaled_by[before].discard(key.name)
            self._workers_changed(before)
        if deployment:
            self._scaled_by[deployment].add(key.name)
            self._workers_changed(deployment)

    def _workers_changed(self, deployment: Key) -> None:
        for key in self._by_workers.get(deployment, ()):
            self.changed(key)

    def session(self, key: Key, found: Slot | None) -> None:
        """Note a session, or that it is gone."""
        stem_key = Key(namespace=key.namespace, name=stem(key.name))
        before = _put(self._slots[stem_key], key.name, found)
        if _lasting(before) != _lasting(found):
            self._changes[stem_key] += 1
            for archive in self._by_stem.get(stem_key, ()):
                self.changed(archive)

    def slots_of(self, archive: Archive) -> dict[str, Slot]:
        """Return an archive's sessions by name: those that it names, and those beyond its size that it once had."""
        names, rivals, ours = set(archive.spec.sessions.names), self._rivals_of(archive), archive.key.name
        found = self._slots.get(_stem(archive), {}).items()
        return {
            name: slot for name, slot in found if slot.archive == ours or (name in names and slot.archive not in rivals)
        }

    def sessions_version(self, archive: Archive) -> int:
        """Return a number that grows with every change of its sessions."""
        return self._changes.get(_stem(archive), 0)

    def taken(self, archive: Archive) -> dict[str, str]:
        """Return which other archives have sessions that this one names, by the sessions' names."""
        names, rivals = set(archive.spec.sessions.names), self._rivals_of(archive)
        found = self._slots.get(_stem(archive), {}).items()
        return {name: str(slot.archive) for name, slot in found if name in names and slot.archive in rivals}

    def _rivals_of(self, archive: Archive) -> set[str]:
        """Return the names of other archives whose sessions have the same kind of name."""
        return {key.name for key in self._by_stem.get(_stem(archive), ())} - {archive.key.name}

    def autoscaler_of(self, archive: Archive) -> str | None:
        """Return the name of a HorizontalPodAutoscaler that scales the same workers."""
        return min(self._scaled_by.get(_workers(archive), ()), default=None)


def _stem(archive: Archive) -> Key:
    return Key(namespace=archive.key.namespace, name=stem(archive.spec.sessions.lease_prefix))


def _workers(archive: Archive) -> Key:
    return Key(namespace=archive.key.namespace, name=archive.spec.workers.deployment_name)


def _put(table: dict[K, V], key: K, found: V | None) -> V | None:
    """Note what there is now, None for nothing; return what there was."""
    before = table.pop(key, None)
    if found is not None:
        table[key] = found
    return before


def _lasting(slot: Slot | None) -> object:
    """What a decision could depend on: not when a session was used."""
    if slot is None:
        return None
    notes = slot.sight.notes
    return notes.state, notes.kind, notes.busy, slot.sight.holder, slot.mark, slot.archive, slot.owner
