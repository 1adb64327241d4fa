"""How jobs, events and orders look as messages: JSON bodies, persistent, with what the broker and people need beside.

What comes in may be anything: reading it raises UnreadableError with a reason that repeats nothing of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from pydantic import BaseModel, TypeAdapter, ValidationError

from teltubby_core.adapters._unreadable import unreadable_reason
from teltubby_core.domain.jobs import CancelOrder, JobMessage, News, Report, report
from teltubby_core.ports import DeadLetter

T = TypeVar("T")

MAX_BODY = 1024 * 1024
"""Bytes of the largest message that is read: a job with the longest caption has less than a hundredth of it."""

_REDELIVERIES = "x-redeliveries"
_REASON = "x-dead-reason"
_DEAD_AT = "x-dead-at"
_MOST_REDELIVERIES = 1_000_000
_LONGEST_REASON = 1000  # characters
_SHORT_TEXT = 255  # bytes of a property, by the protocol
_JSON = "application/json"

_order: TypeAdapter[CancelOrder] = TypeAdapter(CancelOrder)


class UnreadableError(Exception):
    """A message is not what it should be; the text is the reason."""


def job_message(job: JobMessage, redeliveries: int = 0) -> Message:
    """Return the message that carries a job."""
    return Message(
        job.model_dump_json().encode(),
        headers={_REDELIVERIES: redeliveries},
        content_type=_JSON,
        delivery_mode=DeliveryMode.PERSISTENT,
        priority=job.job_metadata.priority.level,
        message_id=_short(job.job_id),
        correlation_id=_short(job.correlation_id),
        timestamp=datetime.now(UTC),
        type="job",
    )


def event_message(event: Report | News) -> Message:
    """Return the message that carries a report or news."""
    return _message(event, event.kind)


def order_message(order: CancelOrder) -> Message:
    """Return the message that carries an order."""
    return _message(order, "job.cancel")


def dead_letter(body: bytes, reason: str) -> Message:
    """Return the message that lies among the dead letters for ``body``; of a larger one MAX_BODY is kept."""
    now = datetime.now(UTC)
    return Message(
        body[:MAX_BODY],
        headers={_REASON: reason[:_LONGEST_REASON], _DEAD_AT: now.isoformat()},
        content_type=_JSON,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=now,
        type="job",
    )


def read_job(message: AbstractIncomingMessage) -> JobMessage:
    """Return the job that a message carries.

    Raises:
        UnreadableError: it carries none.
    """
    if len(message.body) > MAX_BODY:
        raise UnreadableError(f"can't be read: it has more than {MAX_BODY} bytes")
    try:
        return JobMessage.model_validate_json(message.body)
    except ValidationError as error:
        raise UnreadableError(unreadable_reason(error)) from None


def read_event(message: AbstractIncomingMessage) -> Report:
    """Return the report that a message carries.

    Raises:
        UnreadableError: it carries none.
    """
    return _read(report, message)


def read_order(message: AbstractIncomingMessage) -> CancelOrder:
    """Return the order that a message carries.

    Raises:
        UnreadableError: it carries none.
    """
    return _read(_order, message)


def read_dead_letter(message: AbstractIncomingMessage) -> DeadLetter:
    """Return what lies among the dead letters, whoever put it there."""
    try:
        job = read_job(message)
    except UnreadableError:
        job = None
    reason = message.headers.get(_REASON)
    return DeadLetter(str(reason) if reason else _brokers_reason(message.headers), job, _died_at(message.headers))


def redeliveries(message: AbstractIncomingMessage) -> int:
    """Return how often the job came back, this time included when the broker says that it did."""
    told = message.headers.get(_REDELIVERIES)
    before = min(max(told, 0), _MOST_REDELIVERIES) if isinstance(told, int) else 0
    return before + bool(message.redelivered)


def _message(model: BaseModel, kind: str) -> Message:
    return Message(
        model.model_dump_json().encode(),
        content_type=_JSON,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=datetime.now(UTC),
        type=kind,
    )


def _read(adapter: TypeAdapter[T], message: AbstractIncomingMessage) -> T:
    if len(message.body) > MAX_BODY:
        raise UnreadableError(f"it has more than {MAX_BODY} bytes")
    try:
        return adapter.validate_json(message.body)
    except ValidationError as error:
        raise UnreadableError(f"{error.error_count()} wrong fields") from None


def _brokers_reason(headers: Mapping[str, Any]) -> str:
    death = _death(headers)
    return f"put aside by the broker: {death.get('reason', 'no reason told')}"


def _died_at(headers: Mapping[str, Any]) -> datetime | None:
    told = headers.get(_DEAD_AT)
    if isinstance(told, str):
        try:
            return datetime.fromisoformat(told)
        except ValueError:
            return None
    time = _death(headers).get("time")
    return time if isinstance(time, datetime) else None


def _death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the latest entry of the broker's own account of why a message died."""
    deaths = headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return latest if isinstance(latest, dict) else {}


def _short(text: str) -> str:
    return text.encode()[:_SHORT_TEXT].decode("utf-8", "ignore")
