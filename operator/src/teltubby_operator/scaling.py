"""How many workers an archive should have: a pure decision over what is known, with its reason in words."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from teltubby_operator.archive import Spec


class Reason(StrEnum):
    """Why it is this number: the reason of a condition."""

    BACKLOG = "Backlog"
    STABILIZING = "Stabilizing"
    COOLING_DOWN = "CoolingDown"
    WORKERS_BUSY = "WorkersBusy"
    FEW_SESSIONS = "FewSessions"
    AT_MAXIMUM = "AtMaximum"
    RETIRING = "RetiringSessions"
    FALLBACK = "Fallback"
    FIXED = "Fixed"
    PAUSED = "Paused"


@dataclass(frozen=True)
class Backlog:
    """Jobs at the broker."""

    ready: int
    unacknowledged: int

    @property
    def jobs(self) -> int:
        """All of them: one that a worker has is a worker needed."""
        return self.ready + self.unacknowledged


@dataclass(frozen=True)
class Seen:
    """What is known at ``now`` (seconds that never go back).

    ``backlog`` is None while it can't be read. ``busy``: workers that have a job. ``sessions``: logins that workers
    have, can have or can make. ``to_log_out``: sessions that wait for a worker that logs them out.
    """

    now: float
    backlog: Backlog | None
    current: int
    busy: int
    sessions: int
    to_log_out: int = 0


@dataclass(frozen=True)
class Decision:
    """How many, and why."""

    replicas: int
    reason: Reason
    sentence: str


@dataclass
class Memory:
    """What earlier decisions leave behind. A new one takes what it finds as wanted: a restart ends no worker."""

    wanted: deque[tuple[float, int]] = field(default_factory=deque)
    last_job_at: float | None = None
    asked: int | None = None
    """What was last asked for by ourselves, or found to be right."""

    def highest(self, now: float, wanted: int, seconds: float) -> int:
        """Note what is wanted now; return the highest of the last ``seconds``."""
        while self.wanted and self.wanted[0][0] < now - seconds:
            self.wanted.popleft()
        # of those that are lower than a later one none can be the highest any more: their number stays bounded
        while self.wanted and self.wanted[-1][1] <= wanted:
            self.wanted.pop()
        self.wanted.append((now, wanted))
        return self.wanted[0][1]


def decide(spec: Spec, seen: Seen, memory: Memory) -> Decision:
    """Decide, and note in ``memory`` what the next decision depends on."""
    if memory.last_job_at is None:
        memory.last_job_at = seen.now
        memory.highest(seen.now, seen.current, spec.scaling.scale_down_stabilization_seconds)
    if spec.paused:
        return Decision(seen.current, Reason.PAUSED, f"paused: {_workers(seen.current)} stay; set spec.paused=false")
    if spec.workers.replicas is not None:
        fixed = Decision(spec.workers.replicas, Reason.FIXED, f"workers.replicas fixes {spec.workers.replicas}")
        return _spared(_within_sessions(fixed, seen), seen)
    if seen.backlog is None:
        return _blind(spec, seen)
    return _spared(_steady(spec, _wanted(spec, seen, seen.backlog), seen, memory), seen)


def _blind(spec: Spec, seen: Seen) -> Decision:
    """Without a number nothing is known to be idle: nobody goes, and the fallback comes."""
    lowest = min(max(spec.workers.min, spec.scaling.fallback_replicas), max(spec.workers.max, spec.workers.min))
    replicas = max(seen.current, min(lowest, seen.sessions))
    return Decision(
        replicas, Reason.FALLBACK, f"the queue can't be read: {_workers(replicas)}, and no fewer until it can"
    )


def _wanted(spec: Spec, seen: Seen, backlog: Backlog) -> Decision:
    """What the backlog needs within the bounds."""
    per_worker = spec.scaling.jobs_per_worker
    needed = -(-backlog.jobs // per_worker)
    sentence = (
        f"{backlog.ready} waiting and {backlog.unacknowledged} running, {per_worker} a worker: {_workers(needed)}"
    )
    found = Decision(needed, Reason.BACKLOG, sentence)
    if not needed and seen.to_log_out:
        sentence = f"{sentence}, and one to log out {seen.to_log_out} of the sessions"
        needed, found = 1, Decision(1, Reason.RETIRING, sentence)
    if needed < spec.workers.min:
        found = Decision(spec.workers.min, Reason.BACKLOG, f"{sentence}, workers.min is {spec.workers.min}")
    if needed > spec.workers.max:
        found = Decision(spec.workers.max, Reason.AT_MAXIMUM, f"{sentence}, workers.max is {spec.workers.max}")
    return _within_sessions(found, seen)


def _within_sessions(found: Decision, seen: Seen) -> Decision:
    most = max(seen.sessions, 1 if seen.to_log_out else 0)
    if found.replicas <= most:
        return found
    sentence = f"{found.sentence}, but only {seen.sessions} sessions can be used"
    return Decision(most, Reason.FEW_SESSIONS, sentence)


def _steady(spec: Spec, found: Decision, seen: Seen, memory: Memory) -> Decision:
    """Go up at once and down late."""
    scaling = spec.scaling
    if seen.backlog and seen.backlog.jobs:
        memory.last_job_at = seen.now
    highest = memory.highest(seen.now, found.replicas, scaling.scale_down_stabilization_seconds)
    if found.replicas >= seen.current:
        return found
    steady = min(max(highest, found.replicas), seen.current)
    quiet = seen.now - (memory.last_job_at or 0.0)
    if not (seen.backlog and seen.backlog.jobs) and quiet < scaling.cooldown_seconds:
        # ours only: what somebody else added has no job to cool down from
        stay = max(found.replicas, seen.current if memory.asked is None else min(seen.current, memory.asked))
        sentence = f"no job since a moment ago: {_workers(stay)} stay until {scaling.cooldown_seconds} s have passed"
        return Decision(stay, Reason.COOLING_DOWN, sentence)
    if steady > found.replicas:
        sentence = f"{found.sentence}; {steady} were needed within {scaling.scale_down_stabilization_seconds} s"
        return Decision(steady, Reason.STABILIZING, sentence)
    return found


def _spared(found: Decision, seen: Seen) -> Decision:
    """End no worker that has a job."""
    floor = min(seen.busy, seen.current)
    if found.replicas >= floor:
        return found
    return Decision(floor, Reason.WORKERS_BUSY, f"{found.sentence}; {_workers(floor)} still have a job")


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"
