"""What becomes of jobs and events when the broker, its queues or the connection go away. On a broker of its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from integration.rabbitmq_stage import SOON, fetch_patiently, raw_channel, restart
from support import eventually
from teltubby_core.adapters.rabbitmq import Broker, RabbitControl, RabbitDeadLetters, RabbitEvents, RabbitJobQueue
from teltubby_core.domain.jobs import CancelOrder, JobStarted
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings
from teltubby_core.testing import sample_job
from testbed.brokers import rabbit_settings
from testbed.rabbitmq import RabbitMq

STARTED = JobStarted(job_id="job-1", at=datetime(2025, 3, 1, tzinfo=UTC), worker="worker-0", attempt=1)


@pytest.fixture
def settings(own_rabbitmq: RabbitMq) -> RabbitSettings:
    if not own_rabbitmq.process.alive:  # a test before failed
        own_rabbitmq.start()
    return rabbit_settings(own_rabbitmq.address)


@pytest.fixture
async def broker(settings: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(settings, "fault test")
    yield broker
    await broker.close()


async def complains(broker: Broker, text: str) -> bool:
    """Whether it can't be used and says so in these words; with no words, whether it can."""
    try:
        await broker.check()
    except BrokerUnavailableError as error:
        return bool(text) and text in str(error)
    return not text


async def publish_patiently(queue: RabbitJobQueue, job_id: str) -> bool:
    try:
        await queue.publish(sample_job(job_id))
    except BrokerUnavailableError:
        return False
    return True


async def test_a_power_cut_loses_no_job_and_kills_none(own_rabbitmq: RabbitMq, broker: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=4)
    names = [f"job-{number}" for number in range(50)]
    for name in names:
        await queue.publish(sample_job(name))
    held = [await fetch_patiently(queue) for _ in range(2)]

    own_rabbitmq.kill()
    await restart(own_rabbitmq)

    for delivery in held:
        await queue.ack(delivery)  # too late: the broker has taken them back
    came: Counter[str] = Counter()
    while len(came) < len(names):
        delivery = await fetch_patiently(queue)
        came[delivery.job.job_id] += 1
        assert delivery.redeliveries <= 1
        await queue.ack(delivery)
    assert sorted(came) == sorted(names)
    assert set(came.values()) == {1}
    depth = await queue.depth()
    assert (depth.ready, depth.dead) == (0, 0)


async def test_without_a_broker_a_publish_fails_and_with_it_back_it_works(
    own_rabbitmq: RabbitMq, broker: Broker
) -> None:
    queue, events = RabbitJobQueue(broker), RabbitEvents(broker)
    await queue.publish(sample_job("before"))
    own_rabbitmq.stop()

    where = f"127.0.0.1:{own_rabbitmq.address.port}"
    with pytest.raises(BrokerUnavailableError, match=where):
        await queue.publish(sample_job("lost"))
    with pytest.raises(BrokerUnavailableError, match=where):
        await events.publish(STARTED)
    await eventually(lambda: complains(broker, "nothing listens there; is it up? Check RABBITMQ_HOST"))
    await restart(own_rabbitmq)

    await eventually(lambda: publish_patiently(queue, "after"), SOON)
    came = []
    for _ in range(2):
        delivery = await fetch_patiently(queue)
        came.append(delivery.job.job_id)
        await queue.ack(delivery)
    assert sorted(came) == ["after", "before"]


async def test_readers_go_on_by_themselves_when_the_broker_comes_back(
    own_rabbitmq: RabbitMq, settings: RabbitSettings, broker: Broker
) -> None:
    queue, events, control = RabbitJobQueue(broker), RabbitEvents(broker), RabbitControl(broker)
    assert await queue.fetch(0) is None
    assert await events.next(0) is None
    assert await control.next(0) is None

    async def order() -> CancelOrder:
        while True:
            try:
                if found := await control.next(0.5):
                    return found
            except BrokerUnavailableError:
                await asyncio.sleep(0.05)

    async def report() -> str:
        while True:
            try:
                if found := await events.next(0.5):
                    return found.event.kind
            except BrokerUnavailableError:
                await asyncio.sleep(0.05)

    async with asyncio.timeout(SOON * 2):
        readers = asyncio.gather(fetch_patiently(queue, SOON * 2), report(), order())
        own_rabbitmq.kill()
        await restart(own_rabbitmq)
        other = Broker(settings, "another")
        await RabbitJobQueue(other).publish(sample_job())
        await RabbitEvents(other).publish(STARTED)
        cancel = CancelOrder(job_id="job-1")
        while not readers.done():
            await RabbitControl(other).cancel(cancel)  # reaches those that listen by then
            await asyncio.sleep(0.1)
        delivery, kind, ordered = await readers
        await other.close()

    assert delivery.job == sample_job()
    assert kind == "job.started"
    assert ordered == cancel


async def test_a_silent_broker_is_an_error_in_time_and_work_goes_on_when_it_speaks_again(
    own_rabbitmq: RabbitMq, settings: RabbitSettings
) -> None:
    broker = Broker(settings, "fault test", limit=1.0)
    queue = RabbitJobQueue(broker)
    await queue.publish(sample_job("job-1"))
    held = await fetch_patiently(queue)
    own_rabbitmq.process.pause()
    try:
        for action in (queue.publish(sample_job("job-2")), queue.retry(held, held.job.retried(), 0), broker.check()):
            with pytest.raises(BrokerUnavailableError, match="in time"):
                await action
    finally:
        own_rabbitmq.process.resume()

    await eventually(lambda: publish_patiently(queue, "job-3"), SOON)
    await queue.retry(held, held.job.retried(), 0)
    assert (await fetch_patiently(queue)).job.job_id in {"job-1", "job-2", "job-3"}
    await broker.close()


async def test_a_broker_without_memory_refuses_in_time_and_takes_again_when_it_has_some(
    own_rabbitmq: RabbitMq, settings: RabbitSettings
) -> None:
    broker = Broker(settings, "fault test", limit=1.0)
    queue = RabbitJobQueue(broker)
    await queue.publish(sample_job("before"))
    held = await fetch_patiently(queue)
    await asyncio.to_thread(own_rabbitmq.control, "set_vm_memory_high_watermark", "0.00001")
    try:
        with pytest.raises(BrokerUnavailableError, match="alarms of memory"):
            await queue.publish(sample_job("refused"))
    finally:
        await asyncio.to_thread(own_rabbitmq.control, "set_vm_memory_high_watermark", "0.4")

    await queue.ack(held)
    await eventually(lambda: publish_patiently(queue, "after"), SOON)
    came = await fetch_patiently(queue)
    assert came.job.job_id in {"refused", "after"}  # what was not confirmed may have arrived all the same
    assert came.redeliveries == 0
    await broker.close()


async def test_a_queue_that_is_deleted_is_declared_anew_and_consumed_from(
    settings: RabbitSettings, broker: Broker
) -> None:
    queue = RabbitJobQueue(broker)
    await queue.publish(sample_job("held"))
    held = await fetch_patiently(queue)
    waiting = asyncio.ensure_future(fetch_patiently(queue))
    async with raw_channel(settings) as channel:
        await channel.queue_delete(settings.job_queue_name)

    await queue.ack(held)
    await eventually(lambda: publish_patiently(queue, "next"), SOON)

    assert (await waiting).job.job_id == "next"


@pytest.mark.parametrize("gone", ["binding", "exchange"])
async def test_what_nobody_takes_is_an_error_and_the_next_attempt_mends_it(
    settings: RabbitSettings, broker: Broker, gone: str
) -> None:
    queue = RabbitJobQueue(broker)
    await broker.check()
    async with raw_channel(settings) as channel:
        if gone == "binding":
            jobs = await channel.get_queue(settings.job_queue_name, ensure=False)
            await jobs.unbind(settings.job_exchange, settings.job_queue_name)
        else:
            await channel.exchange_delete(settings.job_exchange)

    with pytest.raises(BrokerUnavailableError, match="declared again"):
        await queue.publish(sample_job())

    await queue.publish(sample_job())
    assert (await fetch_patiently(queue)).job == sample_job()


async def test_a_full_queue_of_reports_refuses_one_more_and_drops_none(
    own_rabbitmq: RabbitMq, settings: RabbitSettings, broker: Broker
) -> None:
    await broker.check()
    reports = f"{settings.event_exchange}.bot"
    own_rabbitmq.control("set_policy", "narrow", f"^{reports}$", '{"max-length": 1}', "--apply-to", "queues")
    events = RabbitEvents(broker)

    async def full() -> bool:
        try:
            await events.publish(STARTED)
        except BrokerUnavailableError as error:
            return "full" in str(error)
        return False

    await eventually(full, SOON)
    own_rabbitmq.control("clear_policy", "narrow")

    first = await events.next(SOON)
    assert first is not None
    assert first.event == STARTED


async def test_a_job_whose_connection_is_cut_comes_again_counted_and_its_late_end_harms_nothing(
    own_rabbitmq: RabbitMq, broker: Broker
) -> None:
    queue = RabbitJobQueue(broker, prefetch=2)
    await queue.publish(sample_job())
    held = await fetch_patiently(queue)

    await asyncio.to_thread(own_rabbitmq.control, "close_all_connections", "cut by a test")
    again = await fetch_patiently(queue)

    assert (again.job, again.redeliveries) == (held.job, 1)
    assert not held.revocation._revoked.is_set()  # the transfer goes on: a lost connection says nothing about it
    await queue.dead_letter(held, "too late")
    await queue.retry(held, held.job.retried(), 0)
    await queue.give_back(held)
    await queue.ack(held)
    await queue.ack(again)
    depth = await queue.depth()
    assert (depth.ready, depth.dead) == (0, 0)


async def test_jobs_of_a_lost_connection_that_are_still_worked_on_take_up_their_places(
    own_rabbitmq: RabbitMq, broker: Broker
) -> None:
    queue = RabbitJobQueue(broker, prefetch=2)
    await queue.publish(sample_job("slow"))
    slow = await fetch_patiently(queue)
    await asyncio.to_thread(own_rabbitmq.control, "close_all_connections", "cut by a test")
    first = await fetch_patiently(queue)
    assert first.job.job_id == "slow"
    await queue.publish(sample_job("next"))

    assert await queue.fetch(0.5) is None  # two are in hand, though the broker knows of one

    await queue.ack(slow)
    assert (await fetch_patiently(queue)).job.job_id == "next"


async def test_an_interrupted_look_at_dead_letters_leaves_them(own_rabbitmq: RabbitMq, broker: Broker) -> None:
    queue, letters = RabbitJobQueue(broker), RabbitDeadLetters(broker)
    await queue.publish(sample_job())
    await queue.dead_letter(await fetch_patiently(queue), "the reason")

    async def decide(_: object) -> bool:
        await asyncio.to_thread(own_rabbitmq.control, "close_all_connections", "cut by a test")
        return True

    with pytest.raises(BrokerUnavailableError):
        await letters.drain(decide)

    await eventually(lambda: complains(broker, ""), SOON)
    assert [letter.reason for letter in await letters.browse(10)] == ["the reason"]
