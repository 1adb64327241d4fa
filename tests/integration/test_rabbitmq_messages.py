"""What lies at the broker, and what becomes of messages that are none of ours."""

import json
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aio_pika import Message
from pamqp import encode

from integration.rabbitmq_stage import SOON, fetch_patiently, raw_channel, send_raw
from support import eventually
from teltubby_core.adapters.rabbitmq import Broker, RabbitControl, RabbitDeadLetters, RabbitEvents, RabbitJobQueue
from teltubby_core.adapters.rabbitmq.consumer import Consumer
from teltubby_core.domain.jobs import (
    CancelOrder,
    JobCancelled,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobProgress,
    JobQueued,
    JobReplayed,
    JobRetrying,
    JobStarted,
    Priority,
)
from teltubby_core.errors import ErrorCategory
from teltubby_core.ports import DeadLetter, EventDelivery
from teltubby_core.settings import RabbitSettings
from teltubby_core.testing import sample_job
from testbed.brokers import rabbit_settings
from testbed.rabbitmq import AmqpAddress

AT = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)
GOOD = sample_job("good")


@pytest.fixture
def settings(rabbitmq: AmqpAddress) -> RabbitSettings:
    return rabbit_settings(rabbitmq)


@pytest.fixture
async def broker(settings: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(settings, "message test")
    await broker.check()
    yield broker
    await broker.close()


@pytest.fixture
def hostile_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what we send bear a time in microseconds, as some clients do."""

    def microseconds(value: datetime) -> bytes:
        return struct.pack(">Q", int(value.timestamp() * 1_000_000))

    monkeypatch.setitem(encode.METHODS, "timestamp", microseconds)
    monkeypatch.setattr(encode, "timestamp", microseconds)


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(sample_job("odd").model_dump_json()), **fields}).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no JSON"),
        (b"private \xff text", "no JSON"),
        (b"[" * 5000, "no JSON"),
        (b"{}", "wrong fields, the first: job_id"),
        (b'"private"', "1 wrong fields"),
        (changed(version=2), "version that this teltubby does not know"),
        (changed(private="private"), "a field of an unknown name"),
        (changed(file_info={"private": 1}), "file_info"),
        (changed(job_metadata={"created_at": "private"}), "job_metadata.created_at"),
        (changed(chat_id="private"), "chat_id"),
        (b'{"private": "' + b"x" * 1024 * 1024 + b'"}', "more than 1048576 bytes"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
async def test_what_is_no_job_is_a_dead_letter_and_the_next_job_comes(
    settings: RabbitSettings, broker: Broker, body: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = RabbitJobQueue(broker)
    await send_raw(settings, body, content_type="text/plain", priority=9)  # before the other
    await queue.publish(GOOD)

    delivery = await fetch_patiently(queue)

    assert delivery.job == GOOD
    (letter,) = await RabbitDeadLetters(broker).browse(10)
    assert letter.job is None
    assert reason in letter.reason
    assert "private" not in letter.reason + caplog.text
    assert reason in caplog.text
    async with raw_channel(settings) as channel:
        lying = await (await channel.get_queue(settings.job_dead_letter_queue)).get()
    assert lying.body == body[: 1024 * 1024]


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"x-redeliveries": "many"}},
        {"headers": {"x-redeliveries": -7}},
        {"headers": {"x-redeliveries": [1, {"deep": None}]}},
        {"priority": 255},
        {"message_id": "m" * 255, "correlation_id": "c" * 255, "type": "t" * 255, "app_id": "a", "reply_to": "r"},
        {"delivery_mode": 1},
    ],
    ids=str,
)
async def test_odd_properties_harm_nobody(settings: RabbitSettings, broker: Broker, how: dict[str, Any]) -> None:
    await send_raw(settings, GOOD.model_dump_json().encode(), **how)

    delivery = await fetch_patiently(RabbitJobQueue(broker))

    assert (delivery.job, delivery.redeliveries) == (GOOD, 0)


@pytest.mark.usefixtures("hostile_clock")
@pytest.mark.parametrize("where", ["property", "header"])
async def test_a_time_that_no_calendar_has_does_not_cost_the_connection(
    settings: RabbitSettings, broker: Broker, where: str
) -> None:
    now = datetime.now(UTC)
    how: dict[str, Any] = {"timestamp": now} if where == "property" else {"headers": {"sent": [now], "other": 1}}
    await send_raw(settings, GOOD.model_dump_json().encode(), **how)

    delivery = await RabbitJobQueue(broker).fetch(SOON)  # a lost connection would raise

    assert delivery is not None
    assert delivery.job == GOOD


async def test_ids_of_any_length_are_carried(broker: Broker) -> None:
    queue = RabbitJobQueue(broker)
    job = sample_job("ä" * 4000)
    await queue.publish(job)
    delivery = await fetch_patiently(queue)
    await queue.give_back(delivery)

    assert (await fetch_patiently(queue)).job == job


async def test_a_job_on_the_wire_is_persistent_and_says_what_it_is(settings: RabbitSettings, broker: Broker) -> None:
    job = sample_job(priority=Priority.URGENT)
    await RabbitJobQueue(broker).publish(job)

    async with raw_channel(settings) as channel:
        message = await (await channel.get_queue(settings.job_queue_name)).get()

    assert json.loads(message.body) == json.loads(job.model_dump_json())
    assert message.delivery_mode == 2
    assert message.priority == 9
    assert message.message_id == job.job_id
    assert message.correlation_id == job.correlation_id
    assert message.content_type == "application/json"
    assert message.timestamp is not None
    assert message.headers == {"x-redeliveries": 0}


async def test_a_delay_goes_to_the_queue_of_the_next_step(settings: RabbitSettings, broker: Broker) -> None:
    queue = RabbitJobQueue(broker)
    for delay, step in ((3, 5), (601, 900), (86_400, 3600)):
        await queue.publish(sample_job())
        delivery = await fetch_patiently(queue)
        await queue.retry(delivery, delivery.job, delay)

        async with raw_channel(settings) as channel:
            waiting = await channel.get_queue(f"{settings.job_queue_name}.delay.{step}s")
            assert (await waiting.get()).message_id == "job-1"


async def test_what_the_broker_put_aside_tells_the_brokers_reason(settings: RabbitSettings, broker: Broker) -> None:
    await RabbitJobQueue(broker).publish(GOOD)
    async with raw_channel(settings) as channel:
        message = await (await channel.get_queue(settings.job_queue_name)).get()
        await message.reject()

    async def found() -> list[DeadLetter]:
        return await RabbitDeadLetters(broker).browse(10)

    (letter,) = await found() or await found()

    assert letter.job == GOOD
    assert letter.reason == "put aside by the broker: rejected"
    assert letter.at is not None


async def test_dead_letters_of_anybody_can_be_looked_at(settings: RabbitSettings, broker: Broker) -> None:
    for how in (
        {"headers": {"x-dead-reason": 7, "x-dead-at": "yesterday"}},
        {"headers": {"x-death": "long ago"}},
        {"headers": {"x-death": ["long ago"], "x-dead-at": 5}},
        {},
    ):
        await send_raw(settings, b"junk", key=settings.job_dead_letter_queue, **how)

    letters = await RabbitDeadLetters(broker).browse(10)

    assert [(letter.job, letter.at) for letter in letters] == [(None, None)] * 4
    assert [letter.reason for letter in letters] == ["7", *["put aside by the broker: no reason told"] * 3]


async def test_every_kind_of_report_reaches_the_bot(broker: Broker) -> None:
    events = RabbitEvents(broker)
    reports: list[JobEvent] = [
        JobStarted(job_id="job-1", at=AT, worker="worker-0", attempt=1),
        JobRetrying(job_id="job-1", at=AT, error="e", category=ErrorCategory.USER, retry_count=1, delay_seconds=1),
        JobCompleted(job_id="job-1", at=AT, key="key", sha256="0" * 64, size_bytes=1),
        JobFailed(job_id="job-1", at=AT, error="e", category=ErrorCategory.USER),
        JobCancelled(job_id="job-1", at=AT, worker="worker-0"),
        JobReplayed(job_id="job-1", at=AT),
        JobProgress(job_id="job-2", at=AT, done_bytes=1, total_bytes=2),
    ]
    for event in reports:
        await events.publish(event)

    for event in reports:
        delivery = await events.next(SOON)
        assert delivery is not None
        assert delivery.event == event
        await events.ack(delivery)


async def test_anybody_may_listen_to_news(settings: RabbitSettings, broker: Broker) -> None:
    events = RabbitEvents(broker)
    news = JobQueued(job_id="job-1", at=AT, priority=Priority.HIGH)
    await events.announce(news)  # nobody listens yet
    async with raw_channel(settings) as channel:
        own = await channel.declare_queue(exclusive=True)
        await own.bind(settings.event_exchange, "job.queued")
        await events.announce(news)

        message = await own.get(timeout=SOON)

    assert json.loads(message.body) == json.loads(news.model_dump_json())


@pytest.mark.parametrize("key", ["job.started", "job.progress"])
async def test_an_event_that_cannot_be_read_is_dropped_and_logged(
    settings: RabbitSettings, broker: Broker, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = RabbitEvents(broker)
    for junk in (b"private", b'{"kind": "job.private"}', b"x" * (1024 * 1024 + 1)):
        await send_raw(settings, junk, settings.event_exchange, key)
    started = JobStarted(job_id="job-1", at=AT, worker="worker-0", attempt=1)
    await events.publish(started)

    delivery = await events.next(SOON)

    assert delivery is not None
    assert delivery.event == started
    assert "private" not in caplog.text
    if key == "job.started":
        assert caplog.text.count("can't be read") == 3


async def test_an_order_that_cannot_be_read_is_dropped_and_logged(
    settings: RabbitSettings, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    control = RabbitControl(broker)
    assert await control.next(0) is None
    async with raw_channel(settings) as channel:
        orders = await channel.get_exchange(f"{settings.job_queue_name}.control", ensure=False)
        await orders.publish(Message(b"private"), "")
    await control.cancel(CancelOrder(job_id="job-1"))

    assert await control.next(SOON) == CancelOrder(job_id="job-1")
    assert "can't be read" in caplog.text
    assert "private" not in caplog.text


def progress(done: int, at: datetime = AT, generation: int = 0) -> JobProgress:
    return JobProgress(job_id="job-1", at=at, done_bytes=done, total_bytes=None, generation=generation)


async def test_progress_after_the_end_of_its_job_is_dropped_until_a_retry_by_hand(broker: Broker) -> None:
    events = RabbitEvents(broker)
    await events.publish(JobFailed(job_id="job-1", at=AT, error="e", category=ErrorCategory.PERMANENT))
    ended = await events.next(SOON)
    assert ended is not None
    await events.ack(ended)

    await events.publish(progress(1))
    assert await events.next(0.3) is None

    await events.publish(progress(2, generation=1))
    found = await events.next(SOON)
    assert found is not None
    assert found.event == progress(2, generation=1)


async def test_progress_of_before_a_report_is_dropped_with_it(broker: Broker) -> None:
    events = RabbitEvents(broker)
    assert await events.next(0) is None
    await events.publish(progress(1, AT))
    await eventually(lambda: events._progress)
    later = AT + timedelta(seconds=1)
    await events.publish(JobStarted(job_id="job-1", at=later, worker="worker-1", attempt=2))
    await eventually(lambda: events._ahead)

    report = await events.next(SOON)
    assert report is not None
    await events.ack(report)

    assert await events.next(0.3) is None
    await events.publish(progress(2, later))
    assert await events.next(SOON) == EventDelivery(progress(2, later), None)


async def test_progress_waits_while_the_broker_still_has_a_report(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = RabbitEvents(broker)
    assert await events.next(0) is None
    await events._reports.stop()
    with monkeypatch.context() as delayed:  # as if the report were still on its way
        delayed.setattr(Consumer, "running", True)
        await events.publish(JobStarted(job_id="job-1", at=AT, worker="worker-0", attempt=1))
        await events.publish(progress(1))
        await eventually(lambda: events._progress)

        assert await events.next(0.3) is None

    for kind in (JobStarted, JobProgress):
        delivery = await events.next(SOON)
        assert delivery is not None
        assert isinstance(delivery.event, kind)
        await events.ack(delivery)
