"""A circuit breaker with a clock that a test moves by hand."""

import asyncio
import logging

import pytest

from teltubby_core.breaker import Breaker, BreakerLimits, CircuitState, is_outage
from teltubby_core.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    DatabaseUnavailableError,
    FileTooBigError,
    InfrastructureError,
    PermanentError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransferMismatchError,
    TransientError,
    UserError,
)
from teltubby_core.testing import SteppedClock

DOWN = StorageUnavailableError("can't be reached")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def breaker(clock: SteppedClock) -> Breaker:
    return Breaker("object_store", now=clock.now)


def fail(breaker: Breaker, error: BaseException = DOWN, times: int = 1, *, always: bool = False) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker.watched(always=always):
            raise error


def succeed(breaker: Breaker, *, proves: bool = True, always: bool = False) -> None:
    with breaker.watched(proves=proves, always=always):
        pass


def refused(breaker: Breaker) -> TeltubbyError:
    """Return the refusal of a call, which must not get through."""
    with pytest.raises(TeltubbyError) as caught, breaker.watched():
        raise AssertionError("it got through")
    return caught.value


def is_closed(breaker: Breaker) -> bool:
    return breaker.state is CircuitState.CLOSED


def test_five_outages_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, times=4)
    assert is_closed(breaker)
    fail(breaker)
    assert breaker.state is CircuitState.OPEN
    error = refused(breaker)
    assert type(error) is StorageUnavailableError
    assert str(error) == "the object store failed 5 times in a row (last: can't be reached); next try in 1 s"


def test_an_answer_in_between_begins_the_count_anew(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker, times=4)
        for _ in range(6):
            succeed(breaker)
    assert is_closed(breaker)


def test_half_of_the_last_twenty_calls_open_it_too(breaker: Breaker) -> None:
    for _ in range(9):
        fail(breaker)
        succeed(breaker)
    fail(breaker)
    assert is_closed(breaker)
    succeed(breaker)
    fail(breaker)
    assert "failed 10 of its last 20 calls" in str(refused(breaker))
    breaker.answered()
    fail(breaker)
    assert is_closed(breaker)  # what was before counts no more


def test_calls_of_long_ago_do_not_count(breaker: Breaker, clock: SteppedClock) -> None:
    for _ in range(9):
        fail(breaker)
        succeed(breaker)
    clock.advance(61)
    succeed(breaker)
    fail(breaker)
    succeed(breaker)
    fail(breaker)
    assert is_closed(breaker)


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("no such thing"),
        FileTooBigError("too big"),
        UserError("a text"),
        StorageFullError("full: still reads and deletes"),
        ConfigurationError(["S3_BUCKET: wrong"]),
        TransferMismatchError("short"),
        TransientError("flood", retry_after=3),
    ],
)
def test_what_is_no_outage_never_opens_it_and_closes_it_as_any_answer_does(
    breaker: Breaker, clock: SteppedClock, error: TeltubbyError
) -> None:
    assert not is_outage(error)
    fail(breaker, error, times=50)
    assert is_closed(breaker)
    fail(breaker, times=5)
    clock.advance(1)
    fail(breaker, error)
    assert is_closed(breaker)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), asyncio.CancelledError(), TimeoutError()])
def test_a_defect_or_a_cancellation_says_nothing(breaker: Breaker, clock: SteppedClock, error: BaseException) -> None:
    fail(breaker, times=4)
    fail(breaker, error, times=10)
    assert is_closed(breaker)
    fail(breaker)
    assert not is_closed(breaker)
    clock.advance(1)
    fail(breaker, error)  # as the probe: another call may find out at once
    succeed(breaker)
    assert is_closed(breaker)


def test_after_the_pause_one_call_finds_out_and_the_others_are_still_refused(
    breaker: Breaker, clock: SteppedClock
) -> None:
    fail(breaker, times=5)
    clock.advance(1)
    with breaker.watched() as probe:
        assert probe
        assert breaker.state is CircuitState.HALF_OPEN
        refused(breaker)
    assert is_closed(breaker)
    with breaker.watched() as probe:
        assert not probe


def test_pauses_grow_from_a_second_to_half_a_minute(breaker: Breaker, clock: SteppedClock) -> None:
    fail(breaker, times=5)
    pauses = []
    for _ in range(7):
        pause = breaker.report().next_try_in
        assert pause is not None
        pauses.append(pause)
        clock.advance(pause - 0.01)
        refused(breaker)
        clock.advance(0.02)
        fail(breaker)
    assert [round(pause) for pause in pauses] == [1, 2, 4, 8, 16, 30, 30]


def test_the_pause_goes_on_growing_when_it_only_seemed_to_be_back(breaker: Breaker, clock: SteppedClock) -> None:
    fail(breaker, times=5)
    for expected in (1, 2, 4):
        assert breaker.report().next_try_in == pytest.approx(expected)
        clock.advance(expected)
        succeed(breaker)
        fail(breaker, times=5)
    clock.advance(8)
    succeed(breaker)
    clock.advance(31)
    fail(breaker, times=5)
    assert breaker.report().next_try_in == pytest.approx(1)


def test_a_probe_that_hangs_gives_way_to_another(breaker: Breaker, clock: SteppedClock) -> None:
    fail(breaker, times=5)
    clock.advance(1)
    with breaker.watched():
        clock.advance(9.9)
        refused(breaker)
        clock.advance(0.2)
        succeed(breaker)
        assert is_closed(breaker)


def test_calls_that_must_be_tried_get_through_and_what_they_learn_counts(breaker: Breaker, clock: SteppedClock) -> None:
    fail(breaker, times=5)
    fail(breaker, times=10, always=True)
    assert breaker.report().next_try_in == pytest.approx(1)  # their failures do not keep it open longer
    succeed(breaker, always=True, proves=False)
    refused(breaker)
    succeed(breaker, always=True)
    assert is_closed(breaker)


def test_what_began_before_it_opened_tells_of_an_earlier_time(breaker: Breaker, clock: SteppedClock) -> None:
    with breaker.watched():
        fail(breaker, times=5)
    refused(breaker)
    clock.advance(1)
    succeed(breaker)
    with pytest.raises(StorageUnavailableError), breaker.watched():  # noqa: PT012  # all of it happens meanwhile
        fail(breaker, times=5)
        clock.advance(2)
        succeed(breaker)
        fail(breaker, times=4)
        raise DOWN
    assert is_closed(breaker)


def test_who_asked_by_another_way_may_close_it(breaker: Breaker) -> None:
    fail(breaker, times=5)
    breaker.answered()
    assert is_closed(breaker)


@pytest.mark.parametrize(
    "error",
    [
        BrokerUnavailableError("x"),
        StorageUnavailableError("x"),
        DatabaseUnavailableError("x"),
        InfrastructureError("x"),
    ],
)
def test_a_refusal_is_as_the_outage_was(breaker: Breaker, error: InfrastructureError) -> None:
    fail(breaker, error, times=5)
    assert type(refused(breaker)) is type(error)


def test_a_refusal_of_something_transient_asks_to_wait_and_burns_no_retry(
    breaker: Breaker, clock: SteppedClock
) -> None:
    class NotThereError(TransientError):
        pass

    fail(breaker, NotThereError("404"), times=5)
    error = refused(breaker)
    assert type(error) is TransientError
    assert error.retry_after == pytest.approx(1)
    fail(breaker, error, times=1, always=True)  # of a breaker behind this one: no outage
    assert is_closed(breaker)


def test_listeners_hear_of_each_change_and_of_the_state_at_first(
    breaker: Breaker, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[str, str]] = []
    breaker.subscribe(lambda name, state: heard.append((name, state.value)))
    with caplog.at_level(logging.INFO):
        fail(breaker, times=5)
        clock.advance(1)
        fail(breaker)
        clock.advance(2)
        succeed(breaker)
    assert {name for name, _ in heard} == {"object_store"}
    assert [state for _, state in heard] == ["closed", "open", "half_open", "open", "half_open", "closed"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[1].getMessage() == "the object store answers again"


def test_the_report_says_how_things_stand(breaker: Breaker, clock: SteppedClock) -> None:
    fail(breaker, times=5)
    clock.advance(0.25)
    report = breaker.report()
    assert (report.name, report.state, report.outages_in_a_row) == ("object_store", CircuitState.OPEN, 5)
    assert report.last_error == "can't be reached"
    assert report.next_try_in == pytest.approx(0.75)
    breaker.answered()
    assert (breaker.report().outages_in_a_row, breaker.report().next_try_in) == (0, None)


def test_limits_and_what_counts_can_be_set(clock: SteppedClock) -> None:
    breaker = Breaker(
        "telegram",
        limits=BreakerLimits(in_a_row=2, first_pause=3),
        now=clock.now,
        counts=lambda error: "conflict" not in str(error),
    )
    fail(breaker, TransientError("conflict"), times=10)
    assert is_closed(breaker)
    fail(breaker, TransientError("network"), times=2)
    assert "next try in 3 s" in str(refused(breaker))
