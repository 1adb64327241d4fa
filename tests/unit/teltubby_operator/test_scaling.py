"""How many workers: cases by the table, and what holds whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teltubby_operator.archive import Queue as QueueSpec
from teltubby_operator.archive import Scaling, Sessions, Spec, Workers
from teltubby_operator.scaling import Backlog, Decision, Memory, Reason, Seen, decide

QUEUE = QueueSpec(amqp_url="amqp://rabbit", management_url="http://rabbit:15672", secret_name="broker")


def a_spec(*, minimum=0, maximum=8, replicas=None, paused=False, **scaling) -> Spec:
    return Spec(
        paused=paused,
        workers=Workers(deployment_name="worker", min=minimum, max=maximum, replicas=replicas),
        scaling=Scaling(**scaling),
        queue=QUEUE,
        sessions=Sessions(size=8, lease_prefix="session-"),
    )


def seen(ready=0, unacknowledged=0, *, now=1000.0, current=0, busy=0, sessions=8, to_log_out=0, blind=False) -> Seen:
    return Seen(now, None if blind else Backlog(ready, unacknowledged), current, busy, sessions, to_log_out)


def old_memory(now=0.0) -> Memory:
    """Of an archive that has been quiet for long."""
    return Memory(last_job_at=now)


@pytest.mark.parametrize(
    ("spec", "what", "replicas", "reason"),
    [
        (a_spec(), seen(), 0, Reason.BACKLOG),
        (a_spec(), seen(1), 1, Reason.BACKLOG),
        (a_spec(), seen(2), 1, Reason.BACKLOG),
        (a_spec(), seen(3), 2, Reason.BACKLOG),
        (a_spec(), seen(0, 5), 3, Reason.BACKLOG),
        (a_spec(jobs_per_worker=1), seen(4, 2), 6, Reason.BACKLOG),
        (a_spec(), seen(1000), 8, Reason.AT_MAXIMUM),
        (a_spec(), seen(1000, sessions=3), 3, Reason.FEW_SESSIONS),
        (a_spec(), seen(10, sessions=0), 0, Reason.FEW_SESSIONS),
        (a_spec(), seen(to_log_out=2), 1, Reason.RETIRING),
        (a_spec(), seen(3, to_log_out=2), 2, Reason.BACKLOG),
        (a_spec(), seen(sessions=0, to_log_out=1), 1, Reason.RETIRING),
        (a_spec(), seen(9, sessions=0, to_log_out=1), 1, Reason.FEW_SESSIONS),
        (a_spec(replicas=0), seen(to_log_out=1), 0, Reason.FIXED),
        (a_spec(minimum=2), seen(), 2, Reason.BACKLOG),
        (a_spec(minimum=2), seen(current=5), 2, Reason.BACKLOG),
        (a_spec(minimum=2), seen(current=5, busy=4), 4, Reason.WORKERS_BUSY),
        (a_spec(replicas=4), seen(100), 4, Reason.FIXED),
        (a_spec(replicas=4), seen(100, sessions=3), 3, Reason.FEW_SESSIONS),
        (a_spec(replicas=1), seen(current=3, busy=2), 2, Reason.WORKERS_BUSY),
        (a_spec(replicas=0), seen(10, current=3), 0, Reason.FIXED),
        (a_spec(paused=True), seen(100, current=3), 3, Reason.PAUSED),
        (a_spec(paused=True), seen(current=3), 3, Reason.PAUSED),
        (a_spec(fallback_replicas=3), seen(blind=True), 3, Reason.FALLBACK),
        (a_spec(fallback_replicas=3), seen(blind=True, current=7), 7, Reason.FALLBACK),
        (a_spec(fallback_replicas=3), seen(blind=True, sessions=1), 1, Reason.FALLBACK),
        (a_spec(fallback_replicas=30), seen(blind=True), 8, Reason.FALLBACK),
        (a_spec(), seen(0, 0, current=4, busy=4), 4, Reason.WORKERS_BUSY),
    ],
)
def test_the_number_and_its_reason(spec, what, replicas, reason):
    found = decide(spec, what, old_memory())
    assert (found.replicas, found.reason) == (replicas, reason)
    assert found.sentence


def test_down_only_once_it_was_so_for_the_whole_window():
    spec, memory = a_spec(scale_down_stabilization_seconds=120, cooldown_seconds=0), old_memory()
    assert decide(spec, seen(16, now=0.0), memory).replicas == 8
    assert decide(spec, seen(4, now=60.0, current=8), memory) == Decision(
        8, Reason.STABILIZING, "4 waiting and 0 running, 2 a worker: 2 workers; 8 were needed within 120 s"
    )
    assert decide(spec, seen(4, now=121.0, current=8), memory).replicas == 2


def test_to_nothing_only_after_the_cooldown_and_at_once_up_again():
    spec, memory = a_spec(scale_down_stabilization_seconds=0, cooldown_seconds=300), old_memory()
    decide(spec, seen(2, now=100.0), memory)
    cooling = decide(spec, seen(now=399.0, current=1), memory)
    assert (cooling.replicas, cooling.reason) == (1, Reason.COOLING_DOWN)
    assert decide(spec, seen(16, now=399.0, current=1), memory).replicas == 8
    assert decide(spec, seen(now=800.0, current=8), memory).replicas == 0


def test_a_restarted_operator_ends_no_worker_before_the_window_has_passed():
    spec, memory = a_spec(scale_down_stabilization_seconds=120, cooldown_seconds=300), Memory()
    assert decide(spec, seen(now=10.0, current=5), memory).replicas == 5
    assert decide(spec, seen(now=309.0, current=5), memory).replicas == 5
    assert decide(spec, seen(now=311.0, current=5), memory).replicas == 0


def test_what_somebody_else_added_does_not_cool_down():
    spec, memory = a_spec(scale_down_stabilization_seconds=0, cooldown_seconds=300), old_memory()
    memory.asked, memory.last_job_at = 1, 100.0
    assert decide(spec, seen(now=110.0, current=6), memory).replicas == 1


counts = st.integers(0, 40)
specs = st.builds(
    lambda low, more, **rest: a_spec(minimum=low, maximum=max(1, low + more), **rest),
    st.integers(0, 6),
    st.integers(0, 10),
    jobs_per_worker=st.integers(1, 5),
    scale_down_stabilization_seconds=st.integers(0, 200),
    cooldown_seconds=st.integers(0, 400),
    fallback_replicas=st.integers(0, 12),
)


@st.composite
def sights(draw):
    current = draw(st.integers(0, 16))
    return seen(
        draw(counts),
        draw(counts),
        now=draw(st.floats(0, 2000)),
        current=current,
        busy=draw(st.integers(0, current)),
        sessions=draw(st.integers(0, 16)),
        blind=draw(st.booleans()),
    )


@given(specs, st.lists(sights(), min_size=1, max_size=20))
def test_never_up_beyond_bounds_and_never_down_below_the_busy(spec, history):
    memory = Memory()
    for what in sorted(history, key=lambda each: each.now):
        found = decide(spec, what, memory)
        assert found.replicas >= min(what.busy, what.current)
        if found.replicas > what.current:
            assert found.replicas <= what.sessions
            assert found.replicas <= max(spec.workers.max, spec.workers.min)


@given(specs, sights(), st.integers(0, 30))
def test_more_jobs_never_mean_fewer_workers(spec, what, more):
    if what.backlog is None:
        return
    fuller = seen(
        what.backlog.ready + more,
        what.backlog.unacknowledged,
        now=what.now,
        current=what.current,
        busy=what.busy,
        sessions=what.sessions,
    )
    assert decide(spec, fuller, old_memory()).replicas >= decide(spec, what, old_memory()).replicas


@given(st.lists(st.integers(0, 16), min_size=2, max_size=60))
def test_a_noisy_backlog_changes_the_number_no_more_than_it_rises(noise):
    """Within one window workers only come: each change is a new highest."""
    spec, memory, current, changes = a_spec(scale_down_stabilization_seconds=1000), old_memory(), 0, []
    for second, ready in enumerate(noise):
        found = decide(spec, seen(ready, now=float(second), current=current), memory)
        if found.replicas != current:
            changes.append(found.replicas)
        current = found.replicas
    assert changes == sorted(set(changes))


@given(specs, sights())
def test_without_a_number_nobody_goes(spec, what):
    blind = Seen(what.now, None, what.current, what.current, what.sessions)
    assert decide(spec, blind, old_memory()).replicas >= what.current
