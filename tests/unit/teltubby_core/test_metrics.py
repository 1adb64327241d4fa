"""What is counted can be scraped, and what is not known is not shown."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from teltubby_core.breaker import CircuitState
from teltubby_core.domain.records import DedupReason
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import (
    ErrorCategory,
    OverLimitError,
    PermanentError,
    StorageFullError,
    TransientError,
    UserError,
)
from teltubby_core.observability import AlertKind, Metrics, SecurityKind, SkipReason, category_of
from teltubby_core.observability.readings import OTHER, BoundedNames
from teltubby_core.ports import QueueDepth

Samples = dict[tuple[str, frozenset[str]], float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


def scrape(metrics: Metrics) -> Samples:
    body, content_type = metrics.render("")
    assert content_type.startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, *labels: str) -> float | None:
    return scrape(metrics).get((name, frozenset(labels)))


COUNTED: list[tuple[str, tuple[str, ...], Callable[[Metrics], None], float]] = [
    ("teltubby_messages_ingested_total", (), lambda m: m.message_ingested(), 1),
    ("teltubby_bytes_ingested_total", ("mtproto",), lambda m: m.bytes_ingested(5_000_000_000, Route.MTPROTO), 5e9),
    ("teltubby_processing_seconds_sum", ("bot_api",), lambda m: m.processing(1.5, Route.BOT_API), 1.5),
    ("teltubby_first_answer_seconds_sum", (), lambda m: m.first_answer(0.3), 0.3),
    ("teltubby_dedup_hits_total", ("sha256",), lambda m: m.dedup_hit(DedupReason.SHA256), 1),
    ("teltubby_skips_total", ("over_limit",), lambda m: m.skipped(SkipReason.OVER_LIMIT), 1),
    ("teltubby_items_failed_total", ("permanent",), lambda m: m.item_failed(ErrorCategory.PERMANENT), 1),
    ("teltubby_jobs_published_total", (), lambda m: m.job_published(), 1),
    ("teltubby_jobs_republished_total", (), lambda m: m.job_republished(), 1),
    ("teltubby_jobs_completed_total", (), lambda m: m.job_completed(), 1),
    ("teltubby_jobs_failed_total", ("user",), lambda m: m.job_failed(ErrorCategory.USER), 1),
    ("teltubby_jobs_cancelled_total", (), lambda m: m.job_cancelled(), 1),
    ("teltubby_jobs_retried_total", ("transient",), lambda m: m.job_retried(ErrorCategory.TRANSIENT), 1),
    ("teltubby_jobs_redelivered_total", (), lambda m: m.job_redelivered(), 1),
    ("teltubby_security_events_total", ("stranger",), lambda m: m.security_event(SecurityKind.STRANGER), 1),
    ("teltubby_alerts_total", ("quota",), lambda m: m.alert(AlertKind.QUOTA), 1),
    ("teltubby_updates_parked_total", (), lambda m: m.update_parked(), 1),
    ("teltubby_telegram_flood_wait_seconds_total", ("bot_api",), lambda m: m.flood_wait(12, Route.BOT_API), 12),
]


@pytest.mark.parametrize(("name", "labels", "count", "counted"), COUNTED, ids=[row[0] for row in COUNTED])
def test_each_event_is_counted_under_its_name_from_zero(
    metrics: Metrics, name: str, labels: tuple[str, ...], count: Callable[[Metrics], None], counted: float
) -> None:
    assert value(metrics, name, *labels) == 0
    count(metrics)
    assert value(metrics, name, *labels) == pytest.approx(counted)
    count(metrics)
    assert value(metrics, name, *labels) == pytest.approx(2 * counted)


READ: list[tuple[str, tuple[str, ...], Callable[[Metrics, float | None], None]]] = [
    ("teltubby_quota_ratio", (), lambda m, x: m.quota_ratio(x)),
    ("teltubby_inbox_pending", (), lambda m, x: m.inbox_pending(None if x is None else int(x))),
    ("teltubby_oldest_job_age_seconds", (), lambda m, x: m.oldest_job_age(x)),
    ("teltubby_dependency_up", ("broker",), lambda m, x: m.dependency("broker", None if x is None else bool(x))),
]


@pytest.mark.parametrize(("name", "labels", "show"), READ, ids=[row[0] for row in READ])
def test_what_is_not_known_is_absent_and_not_zero(
    metrics: Metrics, name: str, labels: tuple[str, ...], show: Callable[[Metrics, float | None], None]
) -> None:
    assert value(metrics, name, *labels) is None
    show(metrics, 1.0)
    assert value(metrics, name, *labels) == 1
    show(metrics, 0.0)
    assert value(metrics, name, *labels) == 0
    show(metrics, None)
    assert value(metrics, name, *labels) is None


def test_a_ratio_that_is_no_number_is_absent_too(metrics: Metrics) -> None:
    metrics.quota_ratio(math.nan)
    assert value(metrics, "teltubby_quota_ratio") is None


def test_a_broker_that_does_not_tell_all_or_anything_leaves_gaps(metrics: Metrics) -> None:
    def states() -> set[str]:
        return {next(iter(labels)) for name, labels in scrape(metrics) if name == "teltubby_queue_jobs"}

    assert states() == set()
    metrics.queue_depth(QueueDepth(ready=3, unacknowledged=None, dead=0))
    assert states() == {"ready", "dead"}
    metrics.queue_depth(QueueDepth(ready=0, unacknowledged=2, dead=0))
    assert value(metrics, "teltubby_queue_jobs", "unacknowledged") == 2
    metrics.queue_depth(None)
    assert states() == set()


def test_a_session_is_in_one_state_and_in_the_hands_of_one_or_of_nobody(metrics: Metrics) -> None:
    metrics.session("session-1", SessionNotes(state=SessionState.READY, kind=SessionKind.BOT), "worker-7")
    assert value(metrics, "teltubby_session_held", "session-1") == 1
    metrics.session("session-1", SessionNotes(state=SessionState.LOST, kind=SessionKind.BOT), None)
    states = {state: value(metrics, "teltubby_sessions", "session-1", state) for state in SessionState}
    assert states == {SessionState.LOST: 1, SessionState.READY: 0, SessionState.EMPTY: 0, SessionState.FLOODED: 0}
    assert value(metrics, "teltubby_session_held", "session-1") == 0
    assert value(metrics, "teltubby_session_kind", "session-1", "bot") == 1
    assert value(metrics, "teltubby_session_kind", "session-1", "user") == 0


def test_what_is_not_known_of_a_session_is_not_shown(metrics: Metrics) -> None:
    names = [
        "teltubby_session_data_centre",
        "teltubby_session_last_used_timestamp_seconds",
        "teltubby_session_flood_until_timestamp_seconds",
    ]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    metrics.session("session-1", SessionNotes(dc_id=4, used_at=moment, flood_until=moment), "worker-7")
    seconds = moment.timestamp()
    assert [value(metrics, name, "session-1") for name in names] == [4, seconds, seconds]
    metrics.session("session-1", SessionNotes(), None)
    assert [value(metrics, name, "session-1") for name in names] == [None, None, None]


def test_a_circuit_shows_whether_it_is_open_and_how_often_it_was(metrics: Metrics) -> None:
    name = "teltubby_circuit_open"
    metrics.circuit("broker", CircuitState.CLOSED)
    assert (value(metrics, name, "broker"), value(metrics, "teltubby_circuit_opened_total", "broker")) == (0, 0)
    metrics.circuit("broker", CircuitState.OPEN)
    metrics.circuit("broker", CircuitState.HALF_OPEN)
    assert (value(metrics, name, "broker"), value(metrics, "teltubby_circuit_opened_total", "broker")) == (1, 1)


def test_errors_are_counted_by_category_and_place(metrics: Metrics) -> None:
    metrics.error(StorageFullError("full"), "archiving")
    metrics.error(ErrorCategory.USER, "intake")
    metrics.error(ValueError("a defect"), "intake")
    assert value(metrics, "teltubby_errors_total", "system", "archiving") == 1
    assert value(metrics, "teltubby_errors_total", "user", "intake") == 1
    assert value(metrics, "teltubby_errors_total", "system", "intake") == 1


def test_names_that_come_without_end_become_other(metrics: Metrics) -> None:
    for number in range(1000):
        metrics.error(ErrorCategory.SYSTEM, f"loop {number}")
    places = [labels for name, labels in scrape(metrics) if name == "teltubby_errors_total"]
    assert len(places) == 51
    assert value(metrics, "teltubby_errors_total", "system", OTHER) == 950
    assert BoundedNames(0).of("x") == OTHER


def test_a_clock_set_back_spoils_nothing(metrics: Metrics) -> None:
    metrics.processing(-5, Route.BOT_API)
    metrics.first_answer(-5)
    assert value(metrics, "teltubby_processing_seconds_count", "bot_api") == 1
    assert value(metrics, "teltubby_processing_seconds_sum", "bot_api") == 0


def test_two_in_one_process_know_nothing_of_each_other(metrics: Metrics) -> None:
    other = Metrics("other")
    other.message_ingested()
    assert value(metrics, "teltubby_messages_ingested_total") == 0
    assert value(other, "teltubby_messages_ingested_total") == 1


def test_the_process_and_the_program_are_shown(metrics: Metrics) -> None:
    samples = scrape(metrics)
    names = {name for name, _ in samples}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= names
    (build,) = [labels for name, labels in samples if name == "teltubby_build_info"]
    assert "test" in build


def test_openmetrics_is_given_to_who_asks_for_it(metrics: Metrics) -> None:
    metrics.message_ingested()
    body, content_type = metrics.render("application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_openmetrics(body.decode())}
    assert families["teltubby_messages_ingested"].samples[0].value == 1


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (TransientError("x"), ErrorCategory.TRANSIENT),
        (PermanentError("x"), ErrorCategory.PERMANENT),
        (OverLimitError("x"), ErrorCategory.USER),
        (StorageFullError("x"), ErrorCategory.SYSTEM),
        (TimeoutError(), ErrorCategory.TRANSIENT),
        (ConnectionResetError(), ErrorCategory.TRANSIENT),
        (OSError(28, "no space left"), ErrorCategory.SYSTEM),
        (MemoryError(), ErrorCategory.SYSTEM),
        (KeyError("a defect"), ErrorCategory.SYSTEM),
        (ExceptionGroup("", [UserError("x"), TransientError("x")]), ErrorCategory.TRANSIENT),
        (ExceptionGroup("", [PermanentError("x"), ExceptionGroup("", [ValueError()])]), ErrorCategory.SYSTEM),
    ],
)
def test_any_exception_has_a_category(error: BaseException, category: ErrorCategory) -> None:
    assert category_of(error) is category
