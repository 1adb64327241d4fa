"""How a worker's log lines and reports speak of a job."""

from datetime import UTC, datetime

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import Clock


def label(job: JobMessage) -> str:
    """Return how a log line about a job starts: a person finds a message's whole way by its correlation id."""
    return f"{job.correlation_id}: job {job.job_id}"


def trace(job: JobMessage) -> dict[str, str]:
    """Return what a log line about a job carries for machines."""
    return {"correlation_id": job.correlation_id, "job_id": job.job_id}


def utc(clock: Clock) -> datetime:
    """Return the time of day, UTC."""
    return datetime.fromtimestamp(clock.now(), UTC)
