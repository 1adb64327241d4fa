"""A subscription to one queue: knows whether it still runs, and tells when it does not. Knows nothing of messages."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, ConsumerTag
from aiormq.abc import AbstractChannel as LowerChannel
from aiormq.exceptions import ChannelInvalidStateError

from teltubby_core.adapters.rabbitmq.broker import Broker

Arrived = Callable[[AbstractIncomingMessage], None]
Ended = Callable[[LowerChannel | None, BaseException | None], None]
"""Told the channel that closed and why; None and None when only the subscription ended, as of a deleted queue."""


class Consumer:
    """Consumes from what ``find`` returns, on a channel that it keeps as long as that lives.

    Attributes:
        starts: how often it was started: tells messages of an earlier subscription from those of this one.
    """

    def __init__(
        self,
        broker: Broker,
        find: Callable[[AbstractChannel], Awaitable[AbstractQueue]],
        arrived: Arrived,
        ended: Ended,
        *,
        no_ack: bool = False,
    ) -> None:
        """With ``no_ack`` the broker forgets each message as it sends it."""
        self._broker = broker
        self._find = find
        self._arrived = arrived
        self._ended = ended
        self._no_ack = no_ack
        self._channel: AbstractChannel | None = None
        self._lower: LowerChannel | None = None
        self._queue: AbstractQueue | None = None
        self._tag: ConsumerTag | None = None
        self.starts = 0

    @property
    def running(self) -> bool:
        """Whether messages come."""
        return self._tag is not None and self._channel is not None and not self._channel.is_closed

    @property
    def channel(self) -> AbstractChannel | None:
        """The channel, while it lives."""
        return self._channel if self._channel is not None and not self._channel.is_closed else None

    async def start(self, prefetch: int) -> None:
        """Have at most ``prefetch`` messages in our hands that came from now on; 0 for any number."""
        await self._broker.ready()
        channel = await self._live_channel()
        async with self._broker.bounded():
            self._queue = await self._find(channel)
            await channel.set_qos(prefetch)
            self.starts += 1
            self._tag = await self._queue.consume(self._take, no_ack=self._no_ack)

    async def stop(self) -> None:
        """Have no further message sent; those that came can still be acked."""
        tag, self._tag = self._tag, None
        if tag is None or self._queue is None or self.channel is None:
            return
        async with self._broker.bounded():
            await self._queue.cancel(tag)

    async def _live_channel(self) -> AbstractChannel:
        if self._lower is not None and self._lower.is_closed:
            self._on_closed(self._lower)  # before anything comes on another one
        if self._channel is None:
            channel = await self._broker.open_channel()
            lower = await channel.get_underlay_channel()
            lower.closing.add_done_callback(lambda _: self._on_closed(lower))
            lower.on_consumer_cancel_callbacks.add(partial(self._on_cancelled, lower))
            self._channel, self._lower, self._tag = channel, lower, None
        return self._channel

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._arrived(message)

    def _on_closed(self, lower: LowerChannel) -> None:
        if lower is not self._lower:
            return
        self._channel, self._lower, self._queue, self._tag = None, None, None, None
        self._ended(lower, _reason(lower))

    async def _on_cancelled(self, lower: LowerChannel, _: Any) -> None:
        if lower is self._lower:
            self._tag = None
            self._broker.declare_again()
            self._ended(None, None)


def _reason(lower: LowerChannel) -> BaseException | None:
    closing = lower.closing
    return None if closing.cancelled() else closing.exception()


def channel_of(message: AbstractIncomingMessage) -> LowerChannel | None:
    """Return the channel that a message came on, None once that is closed: then it is for others."""
    try:
        return message.channel
    except ChannelInvalidStateError:
        return None
