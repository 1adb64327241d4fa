"""What an archive's conditions say, and since when."""

from dataclasses import replace

import pytest

from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState
from teltubby_operator.archive import Queue, Sessions, Spec, Workers
from teltubby_operator.conditions import Trouble, conditions, count_sessions, rendered
from teltubby_operator.scaling import Decision, Reason

GOOD = Decision(2, Reason.BACKLOG, "because")


def a_spec(kind: SessionKind = SessionKind.BOT, size: int = 3) -> Spec:
    return Spec(
        workers=Workers(deployment_name="worker", max=3),
        queue=Queue(amqp_url="amqp://rabbit", management_url="http://rabbit", secret_name="broker"),
        sessions=Sessions(kind=kind, size=size, lease_prefix="session-"),
    )


def sights(*found: SessionSight) -> dict[str, SessionSight]:
    return {f"session-{number}": each for number, each in enumerate(found)}


EMPTY = SessionSight("x", SessionNotes())
READY = SessionSight("x", SessionNotes(state=SessionState.READY))
LOST = SessionSight("x", SessionNotes(state=SessionState.LOST))
RETIRING = replace(READY, retiring=True)


@pytest.mark.parametrize(
    ("kind", "found", "usable"),
    [
        (SessionKind.BOT, (EMPTY, READY, LOST), 3),
        (SessionKind.USER, (EMPTY, READY, LOST), 1),
        (SessionKind.BOT, (READY, RETIRING, EMPTY), 2),
        (SessionKind.USER, (READY, RETIRING, EMPTY), 1),
        (SessionKind.BOT, (READY,), 1),
        (SessionKind.BOT, (), 0),
    ],
)
def test_which_sessions_can_be_used(kind, found, usable):
    assert count_sessions(a_spec(kind), sights(*found)).usable == usable


def test_workers_say_whether_they_are_busy_or_do_not():
    def held(busy: bool | None) -> SessionSight:
        return replace(READY, holder="pod", notes=SessionNotes(state=SessionState.READY, busy=busy))

    assert count_sessions(a_spec(), sights(held(True), held(False), EMPTY)).busy == 1
    assert count_sessions(a_spec(), sights(held(True), held(None), EMPTY)).busy is None
    assert count_sessions(a_spec(), sights(EMPTY, EMPTY, EMPTY)).busy == 0


def told(**wrong):
    spec = wrong.pop("spec", a_spec())
    sessions = count_sessions(spec, wrong.pop("sights", sights(READY, EMPTY, EMPTY)))
    given = {"decision": GOOD, "queue": None, "workers": None, **wrong}
    return {each.type: each for each in conditions(spec, given["decision"], given["queue"], given["workers"], sessions)}


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
        ({"sights": sights(READY)}, "SessionsReady"),
        ({"spec": a_spec(SessionKind.USER), "sights": sights(EMPTY, EMPTY, EMPTY)}, "SessionsReady"),
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
