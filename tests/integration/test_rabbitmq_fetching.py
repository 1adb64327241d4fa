"""How many jobs are here at a time, and what becomes of those fetched ahead of anybody who asks for them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from integration.rabbitmq_stage import SOON, fetch_patiently
from support import eventually
from teltubby_core.adapters.rabbitmq import Broker, RabbitJobQueue
from teltubby_core.adapters.rabbitmq import queue as queue_module
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings
from teltubby_core.testing import sample_job
from testbed.brokers import rabbit_settings
from testbed.rabbitmq import AmqpAddress


@pytest.fixture
def settings(rabbitmq: AmqpAddress) -> RabbitSettings:
    return rabbit_settings(rabbitmq)


@pytest.fixture
async def broker(settings: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(settings, "fetching test")
    yield broker
    await broker.close()


@pytest.fixture
async def other(settings: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(settings, "another")
    yield broker
    await broker.close()


async def publish(queue: RabbitJobQueue, count: int) -> None:
    for number in range(count):
        await queue.publish(sample_job(f"job-{number}"))


async def test_as_many_jobs_are_here_as_are_done_side_by_side(broker: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=3)
    await publish(queue, 5)

    held = [await fetch_patiently(queue) for _ in range(3)]

    assert await queue.fetch(0.3) is None
    assert (await queue.depth()).ready == 2
    await queue.ack(held[1])
    assert (await fetch_patiently(queue)).job.job_id == "job-3"


async def test_who_only_publishes_consumes_nothing(broker: Broker) -> None:
    queue = RabbitJobQueue(broker)
    await publish(queue, 2)

    assert (await queue.depth()).ready == 2


async def test_what_was_fetched_ahead_goes_to_others_when_fetching_stops(broker: Broker, other: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=2)
    await publish(queue, 2)
    held = await fetch_patiently(queue)
    await eventually(lambda: len(queue._ahead) == 1)

    await queue.stop_fetching()

    taken = await fetch_patiently(RabbitJobQueue(other))
    assert (taken.job.job_id, taken.redeliveries) == ("job-1", 0)
    await queue.ack(held)
    assert (await queue.depth()).ready == 0


async def test_a_fetch_under_way_takes_nothing_more_once_fetching_stops(broker: Broker, other: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=2)
    await publish(queue, 1)
    held = await fetch_patiently(queue)
    waiting = asyncio.ensure_future(queue.fetch(1.0))
    await asyncio.sleep(0)
    await queue.stop_fetching()
    await RabbitJobQueue(other).publish(sample_job("next"))

    await queue.ack(held)  # there is room for another now

    assert await waiting is None
    assert (await fetch_patiently(RabbitJobQueue(other))).redeliveries == 0


async def test_what_was_fetched_ahead_goes_to_others_when_nobody_asks_for_long(
    broker: Broker, other: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "_IDLE_SECONDS", 0.2)
    queue = RabbitJobQueue(broker, prefetch=2)
    await publish(queue, 3)
    held = await fetch_patiently(queue)

    taken = await fetch_patiently(RabbitJobQueue(other))

    assert taken.redeliveries == 0
    await queue.ack(held)
    again = await fetch_patiently(queue)  # it goes on when somebody asks again
    assert len({held.job.job_id, taken.job.job_id, again.job.job_id}) == 3


async def test_after_a_pause_no_more_jobs_are_fetched_than_there_is_room_for(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "_IDLE_SECONDS", 0.05)
    queue = RabbitJobQueue(broker, prefetch=2)
    await publish(queue, 5)
    held = [await fetch_patiently(queue)]
    await eventually(lambda: not queue._consumer.running)

    held.append(await fetch_patiently(queue))

    assert await queue.fetch(0.3) is None
    assert len(queue._held) + len(queue._ahead) == 2
    for delivery in held:
        await queue.ack(delivery)
    both = await asyncio.gather(fetch_patiently(queue), fetch_patiently(queue))
    assert len({delivery.job.job_id for delivery in both}) == 2


async def test_closing_gives_back_what_was_fetched_ahead_as_it_was(broker: Broker, other: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=5)
    await publish(queue, 5)
    await queue.ack(await fetch_patiently(queue))
    await queue.close()
    await broker.close()

    successor = RabbitJobQueue(other)
    for number in range(1, 5):
        delivery = await fetch_patiently(successor)
        assert (delivery.job.job_id, delivery.redeliveries) == (f"job-{number}", 0)
        await successor.ack(delivery)


async def test_a_job_that_could_not_be_given_back_is_before_the_next_fetch(
    broker: Broker, other: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = RabbitJobQueue(broker)
    await publish(queue, 1)
    held = await fetch_patiently(queue)

    async def refused(*_: object, **__: object) -> None:
        raise BrokerUnavailableError("refused by the test")

    with monkeypatch.context() as broken:
        broken.setattr(broker, "publish", refused)
        with pytest.raises(BrokerUnavailableError):
            await queue.give_back(held)
        with pytest.raises(BrokerUnavailableError):
            await queue.fetch(0)

    assert (await fetch_patiently(queue)).job == held.job
    await queue.stop_fetching()
    assert (await RabbitJobQueue(other).depth()).ready == 0


async def test_a_cancelled_settlement_is_brought_to_its_end(broker: Broker) -> None:
    queue = RabbitJobQueue(broker)
    await publish(queue, 1)
    held = await fetch_patiently(queue)
    settling = asyncio.ensure_future(queue.retry(held, held.job.retried(), 0))
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling

    again = await fetch_patiently(queue)
    assert again.job == held.job.retried()
    await queue.ack(again)
    assert await queue.fetch(0.3) is None


async def test_operations_at_once_share_one_connection(broker: Broker) -> None:
    queue = RabbitJobQueue(broker, prefetch=30)

    await asyncio.gather(*(queue.publish(sample_job(f"job-{number % 3}")) for number in range(30)), broker.check())

    async with asyncio.timeout(SOON):
        taken = await asyncio.gather(*(fetch_patiently(queue) for _ in range(30)))
    assert len(taken) == 30
