"""An archive's sessions: which are to be made, logged out, and taken away. Rules without a cluster.

A session is a Secret with a login and a Lease of the same name, which says who uses it. Workers log in and out; the
operator makes the two, asks for logouts by a mark on the Lease, and takes away what is empty and nobody's.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from teltubby_core.adapters.kubernetes import notes
from teltubby_core.domain.sessions import SessionSight, SessionState
from teltubby_operator.archive import KIND, Archive

OURS: Mapping[str, str] = {"app.kubernetes.io/part-of": "teltubby"}
"""Labels of the Leases that are sessions."""
ARCHIVE = "teltubby.io/archive"
"""Label: name of the archive that a session belongs to."""


@dataclass(frozen=True)
class Slot:
    """A session's Lease.

    ``archive``: the one that its label names. ``owner``: uid of the archive with which it goes. ``mark``: why it
    retires.
    """

    sight: SessionSight
    archive: str | None = None
    owner: str | None = None
    mark: str | None = None

    @classmethod
    def read(cls, lease: Mapping[str, Any]) -> "Slot":
        """Read it as the API has it."""
        metadata, spec = lease["metadata"], lease.get("spec") or {}
        annotations = metadata.get("annotations") or {}
        owners = [each["uid"] for each in metadata.get("ownerReferences") or () if each.get("kind") == KIND]
        return cls(
            notes.sight_of(metadata["name"], annotations, spec.get("holderIdentity")),
            (metadata.get("labels") or {}).get(ARCHIVE),
            owners[0] if owners else None,
            annotations.get(notes.RETIRE),
        )

    @property
    def logged_in(self) -> bool:
        """Whether Telegram knows a login of it."""
        return self.sight.notes.filled

    @property
    def idle(self) -> bool:
        """Whether it is empty and nobody's."""
        return not self.logged_in and self.sight.holder is None

    @property
    def coming_back(self) -> bool:
        """Whether it retires only to be logged in anew."""
        return self.mark == notes.ROTATE

    @property
    def to_log_out(self) -> bool:
        """Whether a worker has to log it out."""
        return self.sight.retiring and self.logged_in


class Task(StrEnum):
    """What is to be done with a session."""

    MAKE = "make"
    ADOPT = "adopt"  # label it, and let it go with the archive or not
    SHRINK = "shrink"  # log it out: there are to be fewer
    ROTATE = "rotate"  # log it out: its login is old
    REINSTATE = "reinstate"  # let it be used again
    REMOVE = "remove"


@dataclass(frozen=True)
class Step:
    """One thing to do with one session."""

    task: Task
    name: str


def stem(name: str) -> str:
    """Return what sessions of one prefix have in common, whatever digits the prefix ends in."""
    return name.rstrip("0123456789")


def upkeep(archive: Archive, slots: Mapping[str, Slot], taken: Container[str], now: datetime) -> list[Step]:
    """Return what is to be done next. ``slots`` are the archive's sessions, by name; others have those ``taken``."""
    sessions = archive.spec.sessions
    names = [name for name in sessions.names if name not in taken]
    ours = {name: slots[name] for name in names if name in slots}
    steps = [Step(Task.MAKE, name) for name in names if name not in slots]
    for name, slot in ours.items():
        if (slot.archive, slot.owner) != (archive.key.name, archive.owner):
            steps.append(Step(Task.ADOPT, name))
        if _is_back(slot, sessions.rotate_after_days):
            steps.append(Step(Task.REINSTATE, name))
    if oldest := _outworn(ours, sessions.rotate_after_days, now):
        steps.append(Step(Task.ROTATE, oldest))
    return steps + _too_many(archive, slots)


def _is_back(slot: Slot, rotate_after_days: int | None) -> bool:
    return slot.mark == notes.SHRINK or (slot.coming_back and (slot.idle or rotate_after_days is None))


def _outworn(ours: Mapping[str, Slot], after_days: int | None, now: datetime) -> str | None:
    """Return the oldest login that is to be renewed; one at a time, so that the others can go on."""
    if after_days is None or any(slot.coming_back for slot in ours.values()):
        return None
    before = now - timedelta(days=after_days)
    old = [
        (slot.sight.notes.logged_in_at, name)
        for name, slot in ours.items()
        if slot.sight.notes.state is SessionState.READY and not slot.sight.retiring and slot.sight.notes.logged_in_at
    ]
    return min((each for each in old if each[0] <= before), default=(None, None))[1]


def _too_many(archive: Archive, slots: Mapping[str, Slot]) -> list[Step]:
    """Log out and take away those beyond the size that were made for this archive."""
    sessions = archive.spec.sessions
    pattern = re.compile(re.escape(sessions.lease_prefix) + "(0|[1-9][0-9]*)")
    steps = []
    for name, slot in slots.items():
        found = pattern.fullmatch(name)
        if found is None or int(found[1]) < sessions.size or slot.archive != archive.key.name:
            continue
        if slot.mark != notes.SHRINK:
            steps.append(Step(Task.SHRINK, name))
        elif slot.idle:
            steps.append(Step(Task.REMOVE, name))
    return steps
