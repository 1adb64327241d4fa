"""The job on the wire is the seed's message and our additions, and nothing malformed passes for one."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from support import DATE
from teltubby_core.domain.jobs import (
    JobCompleted,
    JobEvent,
    JobFailed,
    JobMessage,
    JobProgress,
    JobRetrying,
    JobStarted,
    JobState,
    Priority,
    report,
    retry_delay,
)
from teltubby_core.errors import ErrorCategory
from teltubby_core.testing import sample_job

SEED = {
    "job_id": str,
    "user_id": int,
    "chat_id": int,
    "message_id": int,
    "file_info": {"file_id", "file_unique_id", "file_size", "file_type", "file_name", "mime_type"},
    "telegram_context": {"forward_origin", "caption", "entities", "media_group_id"},
    "job_metadata": {"created_at", "priority", "retry_count", "max_retries"},
}
OURS = {
    "version",
    "correlation_id",
    "generation",
    "ordinal",
    "date",
    "base_path",
    "key",
    "message_json_key",
    "relay",
}
EVENTS: list[JobEvent] = [
    JobStarted(job_id="j", at=DATE, worker="w", attempt=1),
    JobProgress(job_id="j", at=DATE, done_bytes=5, total_bytes=None),
    JobRetrying(
        job_id="j", at=DATE, error="e", category=ErrorCategory.TRANSIENT, retry_count=1, delay_seconds=2.5, generation=1
    ),
    JobCompleted(job_id="j", at=DATE, key="a/b", sha256="0" * 64, size_bytes=0),
    JobFailed(job_id="j", at=DATE, error="e", category=ErrorCategory.PERMANENT),
]


def _wire() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(sample_job().model_dump_json())
    return parsed


def test_the_wire_shape_is_the_seeds_message_and_our_additions() -> None:
    wire = _wire()
    assert set(wire) == set(SEED) | OURS
    for name, expected in SEED.items():
        if isinstance(expected, set):
            assert set(wire[name]) == expected
        else:
            assert isinstance(wire[name], expected)  # type: ignore[arg-type]
    assert wire["job_metadata"]["priority"] == "normal"
    assert wire["file_info"]["file_type"] == "video"
    assert wire["job_metadata"]["created_at"] == "2025-03-01T12:30:00Z"


def test_a_job_comes_back_from_the_wire_as_it_was() -> None:
    job = sample_job(priority=Priority.URGENT).retried()
    assert JobMessage.model_validate_json(job.model_dump_json()) == job


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_a_report_comes_back_from_the_wire_as_it_was(event: JobEvent) -> None:
    assert report.validate_json(report.dump_json(event)) == event


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("version", 2),
        ("job_id", ""),
        ("job_id", None),
        ("user_id", "somebody"),
        ("message_id", 0),
        ("ordinal", 0),
        ("generation", -1),
        ("date", "yesterday"),
        ("surprise", 1),
        ("file_info.file_size", -1),
        ("file_info.file_type", "fax"),
        ("file_info.file_id", None),
        ("telegram_context.entities", "bold"),
        ("telegram_context.forward_origin", {"type": 5, "date": 0}),
        ("job_metadata.priority", "asap"),
        ("job_metadata.retry_count", -1),
        ("job_metadata.max_retries", None),
    ],
)
def test_a_malformed_job_is_refused(place: str, value: object) -> None:
    wire = _wire()
    holder, _, name = place.rpartition(".")
    (wire[holder] if holder else wire)[name] = value
    with pytest.raises(ValidationError):
        JobMessage.model_validate(wire)


@pytest.mark.parametrize("name", ["job_id", "chat_id", "file_info", "job_metadata", "key", "base_path", "date"])
def test_a_job_with_a_missing_field_is_refused(name: str) -> None:
    wire = _wire()
    del wire[name]
    with pytest.raises(ValidationError):
        JobMessage.model_validate(wire)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"not json",
        b'{"kind": "job.exploded", "job_id": "j", "at": "2025-01-01T00:00:00Z"}',
        b'{"kind": "job.completed", "job_id": "j", "at": 0, "key": "k", "sha256": "x", "size_bytes": 1}',
    ],
)
def test_a_malformed_report_is_refused(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        report.validate_json(raw)


def test_a_retry_counts_and_changes_nothing_else() -> None:
    job = sample_job()
    again = job.retried()
    assert again.job_metadata.retry_count == job.job_metadata.retry_count + 1
    assert again.model_copy(update={"job_metadata": job.job_metadata}) == job


def test_delays_double_from_the_base_up_to_the_ceiling() -> None:
    assert [retry_delay(n, 0) for n in range(8)] == [15, 30, 60, 120, 240, 480, 600, 600]
    assert retry_delay(29, 0, base=1.0, ceiling=60.0) == 60


def test_jitter_adds_up_to_half() -> None:
    assert (retry_delay(2, 0.0), retry_delay(2, 0.5), retry_delay(2, 1.0)) == (60.0, 75.0, 90.0)


def test_final_states_are_those_after_which_nothing_happens_by_itself() -> None:
    assert {state for state in JobState if state.final} == {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


def test_priorities_have_the_queues_numbers() -> None:
    assert [priority.level for priority in Priority] == [4, 7, 9]
