"""What every control does. A further adapter is a further maker in ``MAKERS``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.adapters.rabbitmq import Broker, RabbitControl
from teltubby_core.domain.jobs import CancelOrder
from teltubby_core.ports import Control
from testbed.brokers import rabbit_settings

SOON = 10.0


@dataclass
class Harness:
    """Who gives orders, and who takes them: several where the control reaches further than one process."""

    giver: Control
    takers: list[Control]


@asynccontextmanager
async def local(_: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    control = LocalControl()
    yield Harness(control, [control])


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    settings = rabbit_settings(request.getfixturevalue("rabbitmq"))
    brokers = [Broker(settings, f"contract test {number}") for number in range(3)]
    yield Harness(RabbitControl(brokers[0]), [RabbitControl(broker) for broker in brokers[1:]])
    for broker in brokers:
        await broker.close()


@pytest.fixture(params=[local, rabbitmq], ids=lambda maker: maker.__name__)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with request.param(request) as made:
        yield made


async def test_nothing_comes_of_nothing(harness: Harness) -> None:
    for taker in harness.takers:
        assert await taker.next(0) is None
        assert await taker.next(0.01) is None


async def test_orders_reach_every_listener_in_order_and_once(harness: Harness) -> None:
    for taker in harness.takers:
        assert await taker.next(0) is None  # from now on it listens
    orders = [CancelOrder(job_id=f"job-{number}", generation=number) for number in range(3)]
    for order in orders:
        await harness.giver.cancel(order)

    for taker in harness.takers:
        assert [await taker.next(SOON) for _ in orders] == orders
        assert await taker.next(0.05) is None


async def test_a_waiting_listener_wakes(harness: Harness) -> None:
    async with asyncio.timeout(SOON):
        for taker in harness.takers:
            assert await taker.next(0) is None
        waiting = [asyncio.ensure_future(taker.next(SOON * 2)) for taker in harness.takers]
        await harness.giver.cancel(CancelOrder(job_id="job-1"))

        assert await asyncio.gather(*waiting) == [CancelOrder(job_id="job-1")] * len(waiting)


async def test_a_wait_that_is_cancelled_loses_no_order(harness: Harness) -> None:
    taker = harness.takers[0]
    assert await taker.next(0) is None
    for number in range(10):
        waiting = asyncio.ensure_future(taker.next(SOON))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await harness.giver.cancel(CancelOrder(job_id="job-1"))

    assert await taker.next(SOON) == CancelOrder(job_id="job-1")


async def test_an_order_that_nobody_listens_for_is_no_error(harness: Harness) -> None:
    await harness.giver.cancel(CancelOrder(job_id="job-1"))


async def test_of_a_flood_of_orders_the_latest_are_kept(harness: Harness) -> None:
    taker = harness.takers[0]
    assert await taker.next(0) is None
    for number in range(1010):
        await harness.giver.cancel(CancelOrder(job_id=f"job-{number}"))

    found = []
    while order := await taker.next(0.2):
        found.append(order.job_id)
    assert len(found) in {1000, 1001}  # the last may have come after the first was taken
    assert found == [f"job-{number}" for number in range(1010 - len(found), 1010)]
