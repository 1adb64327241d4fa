"""Events in memory."""

from itertools import count

from teltubby_core.domain.jobs import JobProgress, News, Report, SessionReport
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import EventDelivery
from teltubby_core.wakeup import Wakeup

_MAX_PROGRESS = 1000


class MemoryEvents:
    """Keeps events in a dict, of progress only the latest a job.

    Attributes:
        fail_with: when set, every call raises it, as when the broker is down.
        announced: all news so far.
    """

    def __init__(self) -> None:
        self.fail_with: TeltubbyError | None = None
        self.announced: list[News] = []
        self._durable: dict[int, Report] = {}
        self._progress: dict[str, JobProgress] = {}
        self._tags = count(1)
        self._wakeup = Wakeup()

    async def publish(self, event: Report) -> None:
        """Report."""
        self._fail()
        # taken out first: a report moves to the end, and what came before a durable event is out of date
        if not isinstance(event, SessionReport):
            self._progress.pop(event.job_id, None)
        if isinstance(event, JobProgress):
            self._progress[event.job_id] = event
            if len(self._progress) > _MAX_PROGRESS:
                del self._progress[next(iter(self._progress))]
        else:
            self._durable[next(self._tags)] = event
        self._wakeup.notify()

    async def announce(self, news: News) -> None:
        """Tell whoever listens: here, nobody."""
        self._fail()
        self.announced.append(news)

    async def next(self, timeout: float) -> EventDelivery | None:
        """Wait for an event."""
        return await self._wakeup.poll(self._look, timeout)

    async def ack(self, delivery: EventDelivery) -> None:
        """Forget it."""
        self._fail()
        if delivery.tag is not None:
            self._durable.pop(delivery.tag, None)

    async def _look(self) -> tuple[EventDelivery | None, float | None]:
        self._fail()
        for tag, event in self._durable.items():
            return EventDelivery(event, tag), None
        for job_id in self._progress:
            return EventDelivery(self._progress.pop(job_id), None), None
        return None, None

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with
