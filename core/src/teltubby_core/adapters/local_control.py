"""Orders to workers within one process."""

from collections import deque

from teltubby_core.domain.jobs import CancelOrder
from teltubby_core.wakeup import Wakeup

_MOST = 1000


class LocalControl:
    """Hands orders from the bot to the one worker beside it. Of more than a thousand that wait, the oldest goes."""

    def __init__(self) -> None:
        self._orders: deque[CancelOrder] = deque(maxlen=_MOST)
        self._wakeup = Wakeup()

    async def cancel(self, order: CancelOrder) -> None:
        """See Control."""
        self._orders.append(order)
        self._wakeup.notify()

    async def next(self, timeout: float) -> CancelOrder | None:
        """See Control."""
        return await self._wakeup.poll(self._look, timeout)

    async def _look(self) -> tuple[CancelOrder | None, float | None]:
        return (self._orders.popleft() if self._orders else None), None
