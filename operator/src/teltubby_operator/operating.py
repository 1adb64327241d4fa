"""The operator's work: for each archive, decide how many workers there should be, ask for them, and say why."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from teltubby_operator.archive import Archive, Key
from teltubby_operator.book import SCALING, Book, Workers
from teltubby_operator.broker import Management
from teltubby_operator.cluster import Cluster
from teltubby_operator.conditions import Condition, SessionCounts, Trouble, conditions, count_sessions, rendered
from teltubby_operator.grouping import Sites
from teltubby_operator.keeping import Keeper
from teltubby_operator.measures import Measures
from teltubby_operator.scaling import Decision, Memory, Reason, Seen, decide
from teltubby_operator.sites import Reading

log = logging.getLogger(__name__)

_AT_ONCE = 8
"""Archives that are evaluated side by side."""
_RETRY_SECONDS = 5.0
_FOR_NOW = frozenset({Reason.WORKERS_BUSY, Reason.COOLING_DOWN, Reason.FALLBACK})
"""Reasons to leave for a while what somebody else set: it is corrected later."""
_LASTING = frozenset({Reason.BACKLOG, Reason.FEW_SESSIONS, Reason.FIXED, Reason.PAUSED})
"""Reasons that hold until something changes."""
_REST_SECONDS = 60.0
"""So long an archive where nothing changes is not looked at again; ages of sessions are told by then."""
_OUR_FAULT = (TransientError, InfrastructureError)


class Operator:
    """Works on what the book says; ``run`` goes on until it is cancelled."""

    def __init__(
        self, book: Book, cluster: Cluster, keeper: Keeper, management: Management, measures: Measures
    ) -> None:
        self._book = book
        self._cluster = cluster
        self._keeper = keeper
        self._measures = measures
        self._sites = Sites(book, cluster, management, self._mark)
        self._memories: dict[Key, tuple[str, Memory]] = {}
        self._due: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._resting: dict[Key, tuple[object, float]] = {}
        self._news = asyncio.Event()
        book.changed = self._changed

    @property
    def silent_for(self) -> float:
        """Seconds since the slowest broker's last poll ended, beyond the pause that it is due."""
        return self._sites.silent_for

    async def run(self) -> None:
        """Work."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sites.run(), name="group archives by broker")
            for number in range(_AT_ONCE):
                group.create_task(self._evaluate_due(), name=f"evaluate {number}")

    def _changed(self, key: Key | None) -> None:
        if key is None:
            self._sites.changed()
        else:
            self._mark(key)

    def _mark(self, key: Key) -> None:
        self._due.setdefault(key, time.monotonic())
        self._news.set()

    async def _evaluate_due(self) -> None:
        while True:
            key = next((each for each in self._due if each not in self._running), None)
            if key is None:
                self._news.clear()
                await self._news.wait()
                continue
            since = self._due.pop(key)
            self._running.add(key)
            try:
                await self._evaluate(key, since)
            except PermanentError as error:
                log.warning("%s", error)
            except _OUR_FAULT as error:
                log.warning("archive %s: %s; tried again", key, error)
                self._measures.failed()
                asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._mark, key)
            except Exception:  # the loop's edge: other archives must not suffer
                log.exception("archive %s can't be evaluated", key)
                self._measures.failed()
            finally:
                self._running.discard(key)
                self._news.set()

    async def _evaluate(self, key: Key, since: float) -> None:
        if departed := self._book.departed.pop(key, None):
            self._memories.pop(key, None)
            self._resting.pop(key, None)
            self._measures.forget(key)
            await self._keeper.leave(departed)
        archive = self._book.archives.get(key)
        if archive is None:
            return
        reading = self._sites.reading(key)
        state = self._state(archive, reading)
        if self._rests(key, state):
            return
        keeping = await self._keeper.keep(archive)
        reading = self._sites.reading(key)
        if reading == Reading() and archive.spec.workers.replicas is None and not archive.spec.paused:
            return  # the next poll tells
        sessions = count_sessions(archive.spec, self._book.slots_of(archive))
        workers = self._book.workers.get(Key(namespace=key.namespace, name=archive.spec.workers.deployment_name))
        decision, trouble = None, self._unscalable(archive, workers)
        if workers is not None and trouble is None:
            memory = self._memory(archive)
            decision = decide(archive.spec, _seen(reading, workers, sessions), memory)
            await self._apply(archive, workers, decision, memory, since)
        found = conditions(archive.spec, decision, sessions, queue=reading.trouble, workers=trouble, keeping=keeping)
        await self._report(archive, reading, decision, sessions, workers, found)
        # jobs have a time of their own, the last one's; what keeps us from keeping sessions is tried again sooner
        idle = reading.backlog is not None and not reading.backlog.jobs and keeping is None
        if idle and workers and decision and decision.reason in _LASTING and decision.replicas == workers.replicas:
            self._resting[key] = (state, time.monotonic() + random.uniform(0.5, 1) * _REST_SECONDS)  # noqa: S311

    def _state(self, archive: Archive, reading: Reading) -> object:
        """Return all that an evaluation depends on, but for the time."""
        return (
            archive.uid,
            archive.generation,
            reading,
            self._book.workers.get(Key(namespace=archive.key.namespace, name=archive.spec.workers.deployment_name)),
            self._book.autoscaler_of(archive),
            self._book.sessions_version(archive),
        )

    def _rests(self, key: Key, state: object) -> bool:
        """Whether another evaluation would find what the last one found."""
        found = self._resting.pop(key, None)
        if found is None or found[0] != state or time.monotonic() >= found[1]:
            return False
        self._resting[key] = found
        return True

    def _unscalable(self, archive: Archive, workers: Workers | None) -> Trouble | None:
        """Return what is wrong with the Deployment of an archive's workers, if anything is."""
        name = archive.spec.workers.deployment_name
        if workers is None:
            sentence = f"there is no Deployment {name}; make it, or correct workers.deploymentName"
            return Trouble("DeploymentMissing", sentence)
        if not workers.scalable:
            sentence = f"{name} has the annotation {SCALING}=false: left alone; delete that, or this archive"
            return Trouble("ScalingSwitchedOff", sentence)
        if (autoscaler := self._book.autoscaler_of(archive)) and not archive.spec.paused:
            sentence = (
                f"HorizontalPodAutoscaler {autoscaler} scales {name}, and would end busy workers: it is left to that; "
                "delete it, or set spec.paused=true"
            )
            return Trouble("OtherAutoscaler", sentence)
        return None

    def _memory(self, archive: Archive) -> Memory:
        uid, memory = self._memories.get(archive.key, ("", Memory()))
        if uid != archive.uid:
            memory = Memory()
            self._memories[archive.key] = (archive.uid, memory)
        return memory

    async def _apply(
        self, archive: Archive, workers: Workers, decision: Decision, memory: Memory, since: float
    ) -> None:
        key, name = archive.key, archive.spec.workers.deployment_name
        theirs = memory.asked is not None and workers.replicas != memory.asked
        if workers.replicas == decision.replicas:
            if decision.reason not in _FOR_NOW:
                memory.asked = decision.replicas
            return
        if 0 < decision.replicas < workers.replicas:
            await self._cluster.mark_busy(key.namespace, workers.selector, self._busy_pods(archive))
        await self._cluster.scale(key.namespace, name, decision.replicas)
        before, memory.asked = workers.replicas, decision.replicas
        self._measures.scaled(time.monotonic() - since)
        # until the watch tells of it: another evaluation may come before
        self._book.workers[Key(namespace=key.namespace, name=name)] = replace(workers, replicas=decision.replicas)
        log.info("archive %s: %d → %d workers: %s", key, before, decision.replicas, decision.sentence)
        if theirs:
            sentence = f"somebody set {name} to {before}; back to {decision.replicas}: use workers.replicas or paused"
            await self._cluster.tell(archive, "ReplicasCorrected", sentence, warning=True)
        else:
            await self._cluster.tell(archive, "Scaled", f"{before} → {decision.replicas} workers: {decision.sentence}")

    async def _report(
        self,
        archive: Archive,
        reading: Reading,
        decision: Decision | None,
        sessions: SessionCounts,
        workers: Workers | None,
        found: Sequence[Condition],
    ) -> None:
        before, now = archive.status, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        desired = decision.replicas if decision else None
        status: dict[str, Any] = {
            "observedGeneration": archive.generation,
            "replicas": workers.ready if workers else None,
            "desiredReplicas": desired,
            "queue": _queue(reading),
            "sessions": {name: getattr(sessions, name) for name in ("ready", "empty", "leased", "lost", "retiring")},
            "conditions": rendered(found, before.get("conditions") or (), archive.generation, now),
        }
        if workers is not None and desired is not None and desired != before.get("desiredReplicas"):
            status["lastScaleTime"] = now
        self._measures.seen(archive.key, reading.backlog, desired, status["replicas"], sessions)
        if any(before.get(name) != value for name, value in status.items()):
            if not await self._cluster.write_status(archive, status):
                self._book.archive(archive.key, None)
                return
            await self._tell_changes(archive, before, status)
            kept = {name: value for name, value in {**before, **status}.items() if value is not None}
            if self._book.archives.get(archive.key) is archive:
                self._book.archives[archive.key] = archive.model_copy(update={"status": kept})

    async def _tell_changes(self, archive: Archive, before: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Make an event of each condition that turned; of what is well from the start there is nothing to tell."""
        earlier = {each["type"]: each["status"] for each in before.get("conditions") or ()}
        for each in status["conditions"]:
            turned = each["status"] != earlier.get(each["type"], "True")
            if turned and each["type"] in {"QueueReachable", "SessionsReady", "ScalingActive"}:
                wrong = each["status"] != "True" and each["reason"] != Reason.PAUSED
                await self._cluster.tell(archive, each["reason"], each["message"], warning=wrong)

    def _busy_pods(self, archive: Archive) -> set[str]:
        """Return the pods whose workers have a job in hand, or don't say."""
        sights = [slot.sight for slot in self._book.slots_of(archive).values()]
        return {sight.holder for sight in sights if sight.holder and sight.notes.busy is not False}


def _seen(reading: Reading, workers: Workers, sessions: SessionCounts) -> Seen:
    current, backlog = workers.replicas, reading.backlog
    # Blind, everybody may be busy; where holders don't say, a job that is running is a worker that is.
    busy = current if backlog is None else min(backlog.unacknowledged, current)
    if backlog is not None and sessions.busy is not None and sessions.leased:
        busy = sessions.busy
    return Seen(time.monotonic(), backlog, current, busy, sessions.usable, sessions.to_log_out)


def _queue(reading: Reading) -> dict[str, int] | None:
    backlog = reading.backlog
    return {"ready": backlog.ready, "unacknowledged": backlog.unacknowledged} if backlog else None
