"""An archive's conditions: what holds, why, and what to do, in words that `kubectl describe` shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teltubby_core.domain.sessions import SessionKind, SessionSight, SessionState
from teltubby_operator.archive import Spec
from teltubby_operator.scaling import Decision, Reason


@dataclass(frozen=True)
class Condition:
    """One of them."""

    type: str
    holds: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Trouble:
    """What keeps us from doing something, and what to do about it."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class SessionCounts:
    """Of an archive's sessions: those with a login, without, in use, not known to Telegram any more, to be logged out.

    ``usable``: those that workers have, can have or can make. ``busy``: those whose holder has a job in hand; None when
    not all holders say.
    """

    ready: int
    empty: int
    leased: int
    lost: int
    retiring: int
    missing: int
    usable: int
    busy: int | None


def count_sessions(spec: Spec, sights: Mapping[str, SessionSight]) -> SessionCounts:
    """Count them; ``sights`` are by their Leases' names."""
    found = [sights[name] for name in spec.sessions.names if name in sights]
    staying = [sight for sight in found if not sight.retiring]
    filled = [sight for sight in staying if sight.notes.filled]
    held = [sight.notes.busy for sight in found if sight.holder]
    return SessionCounts(
        ready=len(filled),
        empty=sum(sight.notes.state is SessionState.EMPTY for sight in staying),
        leased=sum(sight.holder is not None for sight in found),
        lost=sum(sight.notes.state is SessionState.LOST for sight in staying),
        retiring=len(found) - len(staying),
        missing=spec.sessions.size - len(found),
        busy=None if any(tells is None for tells in held) else sum(filter(None, held)),
        usable=len(staying if spec.sessions.kind is SessionKind.BOT else filled),
    )


def conditions(
    spec: Spec, decision: Decision | None, queue: Trouble | None, workers: Trouble | None, sessions: SessionCounts
) -> list[Condition]:
    """Return all of an archive's conditions. ``queue``, ``workers``: what is wrong with them."""
    reachable = _queue(queue)
    in_order = _sessions(spec, sessions)
    active = _scaling(decision, workers)
    idle = (each for each in (active, reachable, in_order) if each.reason != Reason.PAUSED)  # which somebody wants
    wrong = [each for each in idle if not each.holds]
    ready = (
        Condition("Ready", False, wrong[0].reason, "; ".join(each.message for each in wrong))
        if wrong
        else Condition("Ready", True, "AllWell", active.message)
    )
    paused = Condition("Paused", spec.paused, "Paused" if spec.paused else "NotPaused", f"spec.paused is {spec.paused}")
    return [ready, reachable, in_order, active, paused]


def _queue(trouble: Trouble | None) -> Condition:
    if trouble:
        return Condition("QueueReachable", False, trouble.reason, trouble.sentence)
    return Condition("QueueReachable", True, "Read", "the broker tells how many jobs wait and run")


def _sessions(spec: Spec, found: SessionCounts) -> Condition:
    if found.missing:
        return Condition(
            "SessionsReady",
            False,
            "SessionsMissing",
            f"{found.missing} of {spec.sessions.size} Leases {spec.sessions.lease_prefix}<number> are not there; "
            "check sessions.leasePrefix and sessions.size, or install the chart, which makes them",
        )
    if spec.sessions.kind is SessionKind.USER and not found.usable:
        sentence = "nobody is logged in for large files; an admin of the bot can do that: /mtstatus"
        return Condition("SessionsReady", False, "NobodyLoggedIn", sentence)
    told = f"{found.ready} logged in, {found.empty} empty, {found.lost} lost, {found.leased} in use"
    return Condition("SessionsReady", True, "Usable", told)


def _scaling(decision: Decision | None, workers: Trouble | None) -> Condition:
    if workers:
        return Condition("ScalingActive", False, workers.reason, workers.sentence)
    assert decision is not None
    return Condition("ScalingActive", decision.reason is not Reason.PAUSED, decision.reason, decision.sentence)


def rendered(
    found: Iterable[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """Return them as the API has them; ``lastTransitionTime`` stays where a condition's status does."""
    earlier = {each.get("type"): each for each in before}
    return [_rendered(each, earlier.get(each.type, {}), generation, now) for each in found]


def _rendered(found: Condition, before: Mapping[str, Any], generation: int, now: str) -> dict[str, Any]:
    status = str(found.holds)
    since = before.get("lastTransitionTime", now) if before.get("status") == status else now
    return {
        "type": found.type,
        "status": status,
        "reason": str(found.reason),
        "message": found.message,
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
