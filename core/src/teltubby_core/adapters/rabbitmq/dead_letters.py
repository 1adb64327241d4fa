"""The dead letters on RabbitMQ, for people to look at and take out."""

from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from teltubby_core.adapters.rabbitmq import wire
from teltubby_core.adapters.rabbitmq.broker import Broker
from teltubby_core.ports import DeadLetter


class RabbitDeadLetters:
    """What lies in the dead letter queue; each method as of DeadLetters.

    Letters are taken without an ack and go back to their place when the channel closes. Meanwhile nobody else sees
    them, so of two who look at once one may see fewer.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def browse(self, limit: int) -> list[DeadLetter]:
        """Return the oldest; they stay."""
        found: list[DeadLetter] = []
        async with self._broker.scratch_channel() as channel:
            queue = await self._find(channel)
            while len(found) < limit and (message := await self._take(queue)):
                found.append(wire.read_dead_letter(message))
        return found

    async def drain(self, decide: Callable[[DeadLetter], Awaitable[bool]]) -> int:
        """Show each that lies there now to ``decide``, oldest first; remove those it accepts, return how many.

        What ``decide`` raises ends it: that one and those behind it stay.
        """
        accepted = 0
        async with self._broker.scratch_channel() as channel:
            queue = await self._find(channel)
            for _ in range(queue.declaration_result.message_count or 0):
                message = await self._take(queue)
                if message is None:
                    break
                if await decide(wire.read_dead_letter(message)):
                    async with self._broker.bounded():
                        await message.ack()
                    accepted += 1
        return accepted

    async def _find(self, channel: AbstractChannel) -> AbstractQueue:
        async with self._broker.bounded():
            return await self._broker.topology.dead_queue.declare(channel)

    async def _take(self, queue: AbstractQueue) -> AbstractIncomingMessage | None:
        async with self._broker.bounded():
            return await queue.get(fail=False)
