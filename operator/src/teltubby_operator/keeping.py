"""Sees to it that archives have their sessions: makes them, has them logged out, takes them away."""

import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from teltubby_core.domain.sessions import SessionState
from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_operator.archive import Archive, DeletionPolicy, Key
from teltubby_operator.book import Book, Departed
from teltubby_operator.cluster import Cluster
from teltubby_operator.conditions import Trouble
from teltubby_operator.sessions import Step, Task, upkeep
from teltubby_operator.slots import Slots

log = logging.getLogger(__name__)

_ASSURE_SECONDS = 600.0
"""So often Secrets that somebody may have deleted are made again: they can't be watched without reading them all."""
_RETRY_SECONDS = 30.0
_WHAT_HAPPENED = {
    Task.MAKE: ("SessionsMade", "made sessions {names}: workers log in with them"),
    Task.SHRINK: ("SessionsRetire", "sessions {names} are too many: logged out by a worker, then removed"),
    Task.ROTATE: ("SessionRotates", "session {names} is old: a worker logs it out, and then in anew"),
    Task.REINSTATE: ("SessionBack", "session {names} can be used again"),
    Task.REMOVE: ("SessionsRemoved", "removed sessions {names}"),
}
"""What is told; of adopting there is nothing to tell."""


class Keeper:
    """Looks after the sessions of all archives."""

    def __init__(self, book: Book, cluster: Cluster, slots: Slots) -> None:
        self._book = book
        self._cluster = cluster
        self._slots = slots
        self._assured: dict[Key, tuple[str, float]] = {}
        self._lost: dict[Key, frozenset[str]] = {}
        self._troubles: dict[Key, tuple[int, float, Trouble]] = {}

    async def keep(self, archive: Archive) -> Trouble | None:
        """Do what is due; return what keeps us from it. That is tried again after a while, or when the spec changes."""
        generation, until, trouble = self._troubles.get(archive.key, (0, 0.0, None))
        if trouble and generation == archive.generation and time.monotonic() < until:
            return trouble
        self._troubles.pop(archive.key, None)
        try:
            await self._assure(archive)
            taken = self._book.taken(archive)
            await self._take(archive, upkeep(archive, self._book.slots_of(archive), taken, datetime.now(UTC)))
        except (TransientError, InfrastructureError) as error:
            trouble = Trouble("SessionsNotKept", str(error))
            log.warning("archive %s: its sessions can't be kept: %s", archive.key, error)
            self._troubles[archive.key] = archive.generation, time.monotonic() + _RETRY_SECONDS, trouble
            return trouble
        return _shared(taken)

    async def leave(self, departed: Departed) -> None:
        """Tell what stays of an archive that is gone. Raises what ``kubernetes_errors`` does."""
        archive = departed.archive
        for table in (self._assured, self._lost, self._troubles):
            table.pop(archive.key, None)
        if departed.logged_in:
            reason, sentence = _what_stays(departed)
            await self._cluster.tell(archive, reason, sentence, warning=True)

    async def _assure(self, archive: Archive) -> None:
        """Make Secrets that are missing beside their Leases: now and then, and when a worker does not find its own."""
        names, slots = archive.spec.sessions.names, self._book.slots_of(archive)
        lost = frozenset(name for name in names if name in slots and slots[name].sight.notes.state is SessionState.LOST)
        uid, at = self._assured.get(archive.key, ("", 0.0))
        if uid != archive.uid:  # a new operator does not ask for all at once
            at = time.monotonic() - random.uniform(0, _ASSURE_SECONDS)  # noqa: S311
        news = lost - self._lost.get(archive.key, frozenset())
        due = time.monotonic() - at >= _ASSURE_SECONDS
        there = [name for name in (names if due else sorted(news)) if name in slots]
        made = [name for name in there if await self._slots.assure(archive, name)]
        self._lost[archive.key] = lost
        self._assured[archive.key] = archive.uid, time.monotonic() if due else at
        if made:
            sentence = f"made the Secrets {_listed(made)} again: somebody had deleted them, with their logins"
            await self._cluster.tell(archive, "SecretsMade", sentence, warning=True)

    async def _take(self, archive: Archive, steps: Sequence[Step]) -> None:
        """Take them; what was done is in the book at once, before the watch tells of it."""
        for task in Task:
            names = [step.name for step in steps if step.task is task]
            for name in names:
                slot = await self._slots.take(archive, Step(task, name), self._book.slots_of(archive).get(name))
                self._book.session(Key(namespace=archive.key.namespace, name=name), slot)
            if names and (told := _WHAT_HAPPENED.get(task)):
                reason, sentence = told
                await self._cluster.tell(archive, reason, sentence.format(names=_listed(names)))


def _shared(taken: Mapping[str, str]) -> Trouble | None:
    if not taken:
        return None
    name, whose = next(iter(taken.items()))
    sentence = f"session {name} belongs to archive {whose}; give each archive a sessions.leasePrefix of its own"
    return Trouble("SessionsShared", sentence)


def _what_stays(departed: Departed) -> tuple[str, str]:
    archive, names = departed.archive, _listed(departed.logged_in)
    if archive.spec.deletion_policy is DeletionPolicy.DELETE:
        return "LoginsStay", (
            f"sessions {names} went with the archive, but Telegram still knows their logins; a person ends theirs in "
            "the app (Devices), a bot's end with a new token from @BotFather"
        )
    return "SessionsStay", (
        f"sessions {names} stay with their logins; an archive with sessions.leasePrefix "
        f"{archive.spec.sessions.lease_prefix} takes them up, and `kubectl delete secret,lease -l "
        f"teltubby.io/archive={archive.key.name}` removes them"
    )


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found) if len(found) <= 4 else f"{found[0]} … {found[-1]} ({len(found)})"
