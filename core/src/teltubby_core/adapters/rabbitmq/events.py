"""Reports, progress and news on RabbitMQ: a topic exchange that anybody may bind a queue of their own to."""

import asyncio
import logging
from collections import OrderedDict, deque
from itertools import count

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel as LowerChannel

from teltubby_core.adapters.rabbitmq import wire
from teltubby_core.adapters.rabbitmq.broker import Broker
from teltubby_core.adapters.rabbitmq.consumer import Consumer, channel_of
from teltubby_core.adapters.rabbitmq.finishing import to_the_end
from teltubby_core.domain.jobs import (
    JobCancelled,
    JobCompleted,
    JobEvent,
    JobFailed,
    JobProgress,
    News,
    Report,
    SessionReport,
)
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.ports import EventDelivery
from teltubby_core.wakeup import Wakeup

log = logging.getLogger(__name__)

_AHEAD = 10
"""Reports on their way to us at once. They are handed out one by one; unacked ones keep their place in the queue."""
_MOST_JOBS = 1000
"""Jobs whose latest progress, or latest report, is kept in memory."""


class RabbitEvents:
    """Reports in a durable queue for the bot, progress in a bounded one of its own; each method as of Events.

    Progress is handed out when no report waits at the broker, and never after a report of its job that came later.
    What is published with nobody's queue to take it is an error for a report, and nothing for progress and news.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._topology = broker.topology
        reports, progress = self._topology.event_queues
        self._report_queue, self._progress_queue = reports, progress
        self._reports = Consumer(broker, reports.declare, self._report_arrived, self._ended)
        self._progress_reports = Consumer(broker, progress.declare, self._progress_arrived, self._ended, no_ack=True)
        self._ahead: deque[AbstractIncomingMessage] = deque()
        self._head: tuple[AbstractIncomingMessage, EventDelivery] | None = None
        self._progress: OrderedDict[str, JobProgress] = OrderedDict()
        self._latest: OrderedDict[str, JobEvent] = OrderedDict()
        self._tags = count(1)
        self._taking = asyncio.Lock()
        self._wakeup = Wakeup()

    async def publish(self, event: Report) -> None:
        """Report."""
        mandatory = not isinstance(event, JobProgress)
        await self._broker.publish(self._topology.events, event.kind, wire.event_message(event), mandatory=mandatory)

    async def announce(self, news: News) -> None:
        """Tell whoever has bound a queue for it."""
        await self._broker.publish(self._topology.events, news.kind, wire.event_message(news), mandatory=False)

    async def next(self, timeout: float) -> EventDelivery | None:
        """Wait up to ``timeout`` seconds for an event. One that can't be read is logged and dropped."""
        return await self._wakeup.poll(self._look, timeout)

    async def ack(self, delivery: EventDelivery) -> None:
        """Its effect is in the index; of progress (tag None) there is nothing to ack."""
        if self._head and self._head[1].tag == delivery.tag:
            message, _ = self._head
            await to_the_end(self._ack(message))
            self._head = None
            self._wakeup.notify()

    async def _look(self) -> tuple[EventDelivery | None, float | None]:
        async with self._taking:
            await to_the_end(self._subscribe())
            if head := await self._report():
                return head, None
            # asked first: progress must not overtake what its job reported before
            if not self._progress or await self._reports_wait():
                return None, None
            if head := await self._report():
                return head, None
            return (self._newest_progress() if self._progress else None), None

    async def _subscribe(self) -> None:
        if not self._reports.running:
            await self._reports.start(_AHEAD)
        if not self._progress_reports.running:
            await self._progress_reports.start(0)

    async def _report(self) -> EventDelivery | None:
        """Return the oldest report, the same until it is acked."""
        if self._head and channel_of(self._head[0]):
            return self._head[1]
        self._head = None  # of a lost connection: the broker sends it again
        while self._ahead:
            message = self._ahead[0]
            if channel_of(message) is None:
                self._ahead.popleft()
                continue
            try:
                event = wire.read_event(message)
            except wire.UnreadableError as error:
                # as after a downgrade; the reconciler finds out what became of the job
                log.error("an event on %s can't be read and is dropped: %s", self._topology.reports, error)
                await to_the_end(self._ack(message))
                self._ahead.popleft()
                continue
            self._ahead.popleft()
            self._note(event)
            self._head = message, EventDelivery(event, next(self._tags))
            return self._head[1]
        return None

    async def _reports_wait(self) -> bool:
        """Whether the broker has reports that did not come yet. Those that it had sent before have come by then."""
        channel = self._reports.channel
        if channel is None:
            return True
        async with self._broker.bounded():
            queue = await self._report_queue.declare(channel)
            # The count may overtake what was sent just before it; the answer to a further question can't.
            await channel.set_qos(_AHEAD)
        return bool(queue.declaration_result.message_count) and not self._ahead

    def _newest_progress(self) -> EventDelivery:
        _, progress = self._progress.popitem(last=False)
        return EventDelivery(progress, None)

    def _note(self, event: Report) -> None:
        if isinstance(event, SessionReport):
            return
        if (progress := self._progress.get(event.job_id)) and _outdated(progress, event):
            del self._progress[event.job_id]
        self._latest.pop(event.job_id, None)
        self._latest[event.job_id] = event
        if len(self._latest) > _MOST_JOBS:
            self._latest.popitem(last=False)

    async def _ack(self, message: AbstractIncomingMessage) -> None:
        try:
            async with self._broker.bounded():
                await message.ack()
        except BrokerUnavailableError:
            if channel_of(message):
                raise

    def _report_arrived(self, message: AbstractIncomingMessage) -> None:
        self._ahead.append(message)
        self._wakeup.notify()

    def _progress_arrived(self, message: AbstractIncomingMessage) -> None:
        try:
            progress = wire.read_event(message)
        except wire.UnreadableError as error:
            log.warning("an event on %s can't be read and is dropped: %s", self._topology.progress, error)
            return
        if not isinstance(progress, JobProgress) or _outdated(progress, self._latest.get(progress.job_id)):
            return
        self._progress.pop(progress.job_id, None)  # a newer report goes to the end
        self._progress[progress.job_id] = progress
        if len(self._progress) > _MOST_JOBS:
            self._progress.popitem(last=False)
        self._wakeup.notify()

    def _ended(self, _channel: LowerChannel | None, _error: BaseException | None) -> None:
        self._wakeup.notify()


def _outdated(progress: JobProgress, report: JobEvent | None) -> bool:
    """Whether progress is from before a report of its job, or from after its end."""
    if report is None or progress.generation > report.generation:
        return False
    if progress.generation < report.generation or isinstance(report, JobCompleted | JobFailed | JobCancelled):
        return True
    return progress.at < report.at
