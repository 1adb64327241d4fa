"""What an archive's conditions say, and since when."""

from dataclasses import replace

import pytest

from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState
from teltubby_operator.archive import Queue, Sessions, Spec, Workers
from teltubby_operator.conditions import Trouble, conditions, count_sessions, rendered
from teltubby_operator.scaling import Decision, Reason
from teltubby_operator.sessions import Slot

GOOD = Decision(2, Reason.BACKLOG, "because")


def a_spec(kind: SessionKind = SessionKind.BOT, size: int = 3) -> Spec:
    return Spec(
        workers=Workers(deployment_name="worker", max=3),
        queue=Queue(amqp_url="amqp://rabbit", management_url="http://rabbit", secret_name="broker"),
        sessions=Sessions(kind=kind, size=size, lease_prefix="session-"),
    )


def slots(*found: Slot) -> dict[str, Slot]:
    return {f"session-{number}": each for number, each in enumerate(found)}


EMPTY = Slot(SessionSight("x", SessionNotes()))
READY = Slot(SessionSight("x", SessionNotes(state=SessionState.READY)))
LOST = Slot(SessionSight("x", SessionNotes(state=SessionState.LOST)))
RETIRING = Slot(replace(READY.sight, retiring=True), mark="true")
ROTATING = replace(RETIRING, mark="rotate")


@pytest.mark.parametrize(
    ("kind", "found", "usable"),
    [
        (SessionKind.BOT, (EMPTY, READY, LOST), 3),
        (SessionKind.USER, (EMPTY, READY, LOST), 1),
        (SessionKind.BOT, (READY, RETIRING, EMPTY), 2),
        (SessionKind.BOT, (READY, ROTATING, EMPTY), 3),
        (SessionKind.USER, (READY, ROTATING, EMPTY), 1),
        (SessionKind.USER, (READY, RETIRING, EMPTY), 1),
        (SessionKind.BOT, (READY,), 1),
        (SessionKind.BOT, (), 0),
    ],
)
def test_which_sessions_can_be_used(kind, found, usable):
    assert count_sessions(a_spec(kind), slots(*found)).usable == usable


def test_workers_say_whether_they_are_busy_or_do_not():
    def held(busy: bool | None) -> Slot:
        return Slot(SessionSight("x", SessionNotes(state=SessionState.READY, busy=busy), holder="pod"))

    assert count_sessions(a_spec(), slots(held(True), held(False), EMPTY)).busy == 1
    assert count_sessions(a_spec(), slots(held(True), held(None), EMPTY)).busy is None
    assert count_sessions(a_spec(), slots(EMPTY, EMPTY, EMPTY)).busy == 0


def test_what_is_to_be_logged_out_counts_beyond_the_size_too():
    found = count_sessions(a_spec(size=2), slots(READY, RETIRING, RETIRING, EMPTY))
    assert (found.to_log_out, found.retiring, found.missing) == (2, 1, 0)
    assert "1 to be logged out" in told(slots=slots(READY, RETIRING, READY))["SessionsReady"].message


def told(**wrong):
    spec = wrong.pop("spec", a_spec())
    sessions = count_sessions(spec, wrong.pop("slots", slots(READY, EMPTY, EMPTY)))
    decision = wrong.pop("decision", GOOD)
    return {each.type: each for each in conditions(spec, decision, sessions, **wrong)}


def test_all_is_well():
    found = told()
    assert {name: each.holds for name, each in found.items()} == {
        "Ready": True,
        "QueueReachable": True,
        "SessionsReady": True,
        "ScalingActive": True,
        "Paused": False,
    }
    assert found["Ready"].message == "because"


@pytest.mark.parametrize(
    ("wrong", "which"),
    [
        ({"queue": Trouble("BrokerSlow", "look at its log")}, "QueueReachable"),
        ({"decision": None, "workers": Trouble("DeploymentMissing", "make it")}, "ScalingActive"),
        ({"slots": slots(READY)}, "SessionsReady"),
        ({"keeping": Trouble("SessionsNotKept", "its Role is missing")}, "SessionsReady"),
        ({"spec": a_spec(SessionKind.USER), "slots": slots(EMPTY, EMPTY, EMPTY)}, "SessionsReady"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_and_in_ready(wrong, which):
    found = told(**wrong)
    assert [name for name, each in found.items() if not each.holds and name != "Paused"] == ["Ready", which]
    assert found["Ready"].reason == found[which].reason
    assert found["Ready"].message == found[which].message


def test_a_paused_archive_is_as_its_owner_wants_it():
    found = told(decision=Decision(2, Reason.PAUSED, "paused"), spec=a_spec().model_copy(update={"paused": True}))
    assert (found["Ready"].holds, found["ScalingActive"].holds, found["Paused"].holds) == (True, False, True)


def test_a_condition_is_as_old_as_its_status():
    before = rendered(told().values(), (), 1, "2026-01-01T00:00:00Z")
    later = rendered(told(queue=Trouble("BrokerSlow", "look")).values(), before, 2, "2026-01-02T00:00:00Z")
    since = {each["type"]: each["lastTransitionTime"] for each in later}
    assert since["QueueReachable"] == since["Ready"] == "2026-01-02T00:00:00Z"
    assert since["SessionsReady"] == "2026-01-01T00:00:00Z"
    assert {each["observedGeneration"] for each in later} == {2}
