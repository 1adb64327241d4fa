"""Orders to all workers on RabbitMQ: a fanout exchange, and for each listener a queue that goes with its connection."""

import asyncio
import logging
from collections import deque

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel as LowerChannel

from teltubby_core.adapters.rabbitmq import wire
from teltubby_core.adapters.rabbitmq.broker import Broker
from teltubby_core.adapters.rabbitmq.consumer import Consumer
from teltubby_core.adapters.rabbitmq.finishing import to_the_end
from teltubby_core.domain.jobs import CancelOrder
from teltubby_core.wakeup import Wakeup

log = logging.getLogger(__name__)

_MOST_ORDERS = 1000
"""Orders that wait here to be asked for; of more the oldest is dropped."""


class RabbitControl:
    """Orders reach every worker that is connected and listens; each method as of Control."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumer = Consumer(broker, broker.topology.listen_for_orders, self._arrived, self._ended, no_ack=True)
        self._orders: deque[CancelOrder] = deque(maxlen=_MOST_ORDERS)
        self._starting = asyncio.Lock()
        self._wakeup = Wakeup()

    async def cancel(self, order: CancelOrder) -> None:
        """Tell every worker to stop a job; there may be none."""
        await self._broker.publish(self._broker.topology.orders, "", wire.order_message(order), mandatory=False)

    async def next(self, timeout: float) -> CancelOrder | None:
        """Listen from the first call on; wait up to ``timeout`` seconds for an order."""
        return await self._wakeup.poll(self._look, timeout)

    async def _look(self) -> tuple[CancelOrder | None, float | None]:
        async with self._starting:
            if not self._orders and not self._consumer.running:
                await to_the_end(self._consumer.start(0))
        return (self._orders.popleft() if self._orders else None), None

    def _arrived(self, message: AbstractIncomingMessage) -> None:
        try:
            self._orders.append(wire.read_order(message))
        except wire.UnreadableError as error:
            log.warning("an order on %s can't be read and is dropped: %s", self._broker.topology.orders, error)
        self._wakeup.notify()

    def _ended(self, _channel: LowerChannel | None, _error: BaseException | None) -> None:
        self._wakeup.notify()
