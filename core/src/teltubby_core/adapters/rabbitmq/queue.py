"""The job queue on RabbitMQ. It carries jobs and knows nothing of what they do."""

import asyncio
import logging
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aiormq.abc import AbstractChannel as LowerChannel
from aiormq.exceptions import ChannelPreconditionFailed

from teltubby_core.adapters.rabbitmq import wire
from teltubby_core.adapters.rabbitmq.broker import Broker
from teltubby_core.adapters.rabbitmq.consumer import Consumer, channel_of
from teltubby_core.adapters.rabbitmq.finishing import to_the_end
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.ports import Delivery, QueueDepth
from teltubby_core.wakeup import Wakeup

log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
"""How long a job may wait here, fetched ahead, for somebody to ask for it; then it goes to others."""


@dataclass(frozen=True)
class _Held:
    """A job that was handed out: the message, its channel, and the subscription that brought it."""

    delivery: Delivery
    message: AbstractIncomingMessage
    channel: LowerChannel
    start: int


class RabbitJobQueue:
    """Jobs as persistent messages; each method as of JobQueue, with these differences to a queue of one machine.

    A job_id is not looked at: publishing it again queues it again. A delay is rounded up to the next step of
    ``topology.DELAYS``. Nothing is consumed before the first fetch. One instance serves a process.
    """

    def __init__(self, broker: Broker, prefetch: int = 1) -> None:
        """``prefetch``: how many jobs are fetched side by side; more are never here."""
        self._broker = broker
        self._topology = broker.topology
        self._prefetch = prefetch
        self._consumer = Consumer(broker, self._find, self._arrived, self._ended)
        self._limit = 0  # of the subscription that runs
        self._ahead: deque[AbstractIncomingMessage] = deque()
        self._held: dict[int, _Held] = {}
        self._owed: set[int] = set()  # tags of jobs that could not be given back when they should have been
        self._tags = count(1)
        self._taking = asyncio.Lock()
        self._wakeup = Wakeup()
        self._fetching = 0
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._clearing: asyncio.Task[None] | None = None

    async def publish(self, job: JobMessage) -> None:
        """Queue a job durably."""
        await self._broker.publish(self._topology.exchange, self._topology.jobs, wire.job_message(job))

    async def fetch(self, timeout: float) -> Delivery | None:
        """Wait up to ``timeout`` seconds for a job, longer when the broker has to be connected to.

        One that can't be read becomes a dead letter. One that came back is queued anew with the count of that: the
        broker's own mark does not tell whether a worker died of it or the broker fell.
        """
        self._stopped = False
        self._fetching += 1
        if self._timer:
            self._timer.cancel()
        try:
            return await self._wakeup.poll(self._look, timeout)
        finally:
            self._fetching -= 1
            if not self._fetching:
                self._timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._clear)

    async def ack(self, delivery: Delivery) -> None:
        """The job has its outcome. Like all that follow it leaves alone what is no longer in our hands."""
        if held := self._live(delivery):
            await to_the_end(self._let_go(held))

    async def retry(self, delivery: Delivery, job: JobMessage, delay: float) -> None:
        """Queue ``job`` in place of the delivered one, to be had after ``delay`` seconds."""
        if held := self._live(delivery):
            message = wire.job_message(job, delivery.redeliveries)
            await to_the_end(self._replace(held, message, self._topology.key_for(delay)))

    async def give_back(self, delivery: Delivery) -> None:
        """Queue it again unchanged, behind what waits with the same priority.

        If that fails it is done before the next fetch: the broker would leave it with us as long as we are connected.
        """
        if held := self._live(delivery):
            await to_the_end(self._give_back(held))

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put it aside with the reason."""
        if held := self._live(delivery):
            await to_the_end(self._bury(held, reason))

    async def stop_fetching(self) -> None:
        """No fetch follows: what was brought here ahead of one goes to others at once. Jobs in hand stay ours."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
        await to_the_end(self._put_down())

    async def depth(self) -> QueueDepth:
        """Count. Who holds how many, only the broker's management API tells."""
        waiting = (self._topology.job_queue, *self._topology.delay_queues)
        async with self._broker.scratch_channel() as channel, self._broker.bounded():
            ready = sum([_count(await spec.declare(channel)) for spec in waiting])
            dead = _count(await self._topology.dead_queue.declare(channel))
        return QueueDepth(ready=ready, unacknowledged=None, dead=dead)

    async def close(self) -> None:
        """Stop consuming and let others have what was fetched ahead. The broker stays open."""
        with suppress(BrokerUnavailableError):  # then it takes them back itself
            await self.stop_fetching()

    async def _look(self) -> tuple[Delivery | None, float | None]:
        async with self._taking:
            if self._stopped:
                return None, None
            self._forget_lost()
            await to_the_end(self._subscribe())
            while self._ahead:
                if delivery := self._hand_out(self._ahead[0]):
                    return delivery, None
                await to_the_end(self._put_right_first())
            return None, None

    async def _subscribe(self) -> None:
        for tag in list(self._owed):
            await self._give_back(self._held[tag])
        if self._consumer.running:
            room = self._limit - sum(held.start == self._consumer.starts for held in self._held.values())
            if self._ahead or room >= self._free:
                return
            await self._consumer.stop()  # begun while earlier jobs were still in our hands: there is room for more now
        if not self._ahead:
            self._limit = max(1, self._free)
            await self._consumer.start(self._limit)

    @property
    def _free(self) -> int:
        # Jobs of a lost connection are still being worked on and count, though the broker does not know of it.
        return self._prefetch - len(self._held)

    def _hand_out(self, message: AbstractIncomingMessage) -> Delivery | None:
        """Hand out a job that is one and did not come back; None when it needs to be put right first."""
        channel = channel_of(message)
        if message.redelivered or channel is None:
            return None
        try:
            job = wire.read_job(message)
        except wire.UnreadableError:
            return None
        self._ahead.popleft()
        delivery = Delivery(job, wire.redeliveries(message), next(self._tags))
        self._held[delivery.tag] = _Held(delivery, message, channel, self._consumer.starts)
        return delivery

    async def _put_right_first(self) -> None:
        """Queue the first of those fetched ahead anew, its return counted, or put it aside."""
        message = self._ahead[0]
        if channel_of(message):
            try:
                copy = wire.job_message(wire.read_job(message), wire.redeliveries(message))
            except wire.UnreadableError as error:
                log.error("a message on %s is a dead letter: %s", self._topology.jobs, error)
                await self._publish_dead(message, str(error))
            else:
                await self._broker.publish(self._topology.exchange, self._topology.jobs, copy)
            await self._ack(message)
        self._ahead.popleft()

    async def _put_down(self) -> None:
        async with self._taking:
            await self._consumer.stop()
            while self._ahead:
                await self._put_right_first()

    def _clear(self) -> None:
        self._clearing = asyncio.get_running_loop().create_task(self._clear_away(), name="jobs fetched ahead")

    async def _clear_away(self) -> None:
        if not self._fetching:
            with suppress(BrokerUnavailableError):  # then the connection is as good as lost, and takes them along
                await self._put_down()

    def _live(self, delivery: Delivery) -> _Held | None:
        held = self._held.get(delivery.tag)
        if held and channel_of(held.message) is None:
            self._forget(held)  # the broker has given it to others already
            return None
        return held

    async def _replace(self, held: _Held, message: Message, routing_key: str) -> None:
        await self._broker.publish(self._topology.exchange, routing_key, message)
        await self._let_go(held)

    async def _give_back(self, held: _Held) -> None:
        if self._live(held.delivery):
            message = wire.job_message(held.delivery.job, held.delivery.redeliveries)
            try:
                await self._replace(held, message, self._topology.jobs)
            except BrokerUnavailableError:
                self._owed.add(held.delivery.tag)
                raise

    async def _bury(self, held: _Held, reason: str) -> None:
        await self._publish_dead(held.message, reason)
        await self._let_go(held)

    async def _publish_dead(self, message: AbstractIncomingMessage, reason: str) -> None:
        letter = wire.dead_letter(message.body, reason)
        await self._broker.publish(self._topology.dead_exchange, self._topology.dead, letter)

    async def _let_go(self, held: _Held) -> None:
        await self._ack(held.message)
        self._forget(held)

    async def _ack(self, message: AbstractIncomingMessage) -> None:
        try:
            async with self._broker.bounded():
                await message.ack()
        except BrokerUnavailableError:
            if channel_of(message):
                raise

    def _forget(self, held: _Held) -> None:
        self._held.pop(held.delivery.tag, None)
        self._owed.discard(held.delivery.tag)
        self._wakeup.notify()

    def _forget_lost(self) -> None:
        self._ahead = deque(message for message in self._ahead if channel_of(message))

    async def _find(self, channel: AbstractChannel) -> AbstractQueue:
        return await self._topology.job_queue.declare(channel)

    def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._ahead.append(message)
        self._wakeup.notify()

    def _ended(self, channel: LowerChannel | None, error: BaseException | None) -> None:
        if reason := _timed_out(error):
            for held in self._held.values():
                if held.channel is channel:
                    log.error("%s: %s", held.delivery.job.correlation_id, reason)
                    held.delivery.revocation.revoke(reason)
        self._wakeup.notify()


def _count(queue: AbstractQueue) -> int:
    return queue.declaration_result.message_count or 0


def _timed_out(error: BaseException | None) -> str | None:
    """Return the reason when the broker closed a channel for a job that was held too long."""
    if not isinstance(error, ChannelPreconditionFailed) or "delivery acknowledgement" not in str(error):
        return None
    told = re.search(r"value used: (\d+) ms", str(error))
    limit = f" ({int(told[1]) // 1000} s)" if told else ""
    return (
        f"the broker took the job back: it was held for longer than its consumer_timeout{limit}; set consumer_timeout "
        "in rabbitmq.conf above the time of the longest transfer"
    )
