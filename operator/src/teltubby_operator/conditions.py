"""An archive's conditions: what holds, why, and what to do, in words that `kubectl describe` shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teltubby_core.domain.sessions import SessionKind, SessionState
from teltubby_operator.archive import Spec
from teltubby_operator.scaling import Decision, Reason
from teltubby_operator.sessions import Slot


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

    ``usable``: those that workers have, can have or can make. ``to_log_out``: those that wait for a worker that does.
    ``busy``: those whose holder has a job in hand; None when not all holders say.
    """

    ready: int
    empty: int
    leased: int
    lost: int
    retiring: int
    missing: int
    usable: int
    to_log_out: int
    busy: int | None


def count_sessions(spec: Spec, slots: Mapping[str, Slot]) -> SessionCounts:
    """Count them; ``slots`` are by their names. Beyond the size, those count that are in use or to be logged out."""
    found = [slots[name] for name in spec.sessions.names if name in slots]
    staying = [slot for slot in found if not slot.sight.retiring]
    filled = [slot for slot in staying if slot.logged_in]
    held = [slot.sight.notes.busy for slot in slots.values() if slot.sight.holder]
    rotating = sum(slot.coming_back for slot in found)  # soon to be had again
    return SessionCounts(
        ready=len(filled),
        empty=sum(slot.sight.notes.state is SessionState.EMPTY for slot in staying),
        leased=len(held),
        lost=sum(slot.sight.notes.state is SessionState.LOST for slot in staying),
        retiring=len(found) - len(staying),
        missing=spec.sessions.size - len(found),
        busy=None if any(tells is None for tells in held) else sum(filter(None, held)),
        usable=len(staying) + rotating if spec.sessions.kind is SessionKind.BOT else len(filled),
        to_log_out=sum(slot.to_log_out for slot in slots.values()),
    )


def conditions(
    spec: Spec,
    decision: Decision | None,
    sessions: SessionCounts,
    *,
    queue: Trouble | None = None,
    workers: Trouble | None = None,
    keeping: Trouble | None = None,
) -> list[Condition]:
    """Return all of an archive's conditions. ``queue``, ``workers``, ``keeping`` sessions: what is wrong with that."""
    reachable = _queue(queue)
    in_order = _sessions(spec, sessions, keeping)
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


def _sessions(spec: Spec, found: SessionCounts, keeping: Trouble | None) -> Condition:
    if keeping:
        return Condition("SessionsReady", False, keeping.reason, keeping.sentence)
    if found.missing:
        sentence = f"{found.missing} of {spec.sessions.size} Leases {spec.sessions.lease_prefix}<number> are not there"
        return Condition("SessionsReady", False, "SessionsMissing", f"{sentence}; they are about to be made")
    if spec.sessions.kind is SessionKind.USER and not found.usable:
        sentence = "nobody is logged in for large files; an admin of the bot can do that: /mtstatus"
        return Condition("SessionsReady", False, "NobodyLoggedIn", sentence)
    told = f"{found.ready} logged in, {found.empty} empty, {found.lost} lost, {found.leased} in use"
    if found.retiring:
        told += f", {found.retiring} to be logged out"
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
