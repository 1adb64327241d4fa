"""Files at Telegram behind a circuit breaker: while it is away, jobs don't each wait for a time-out to find out."""

from teltubby_core.breaker import Breaker
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.guarded_source import GuardedSource
from teltubby_core.ports import MediaSource
from teltubby_worker.ports import Telegram

MTPROTO = "telegram_mtproto"
"""Name of the dependency, in circuits and metrics."""


class GuardedTelegram:
    """Telegram behind a breaker, which may refuse to open a file; a transfer under way goes on."""

    def __init__(self, telegram: Telegram, breaker: Breaker) -> None:
        self._telegram = telegram
        self._breaker = breaker

    def source(self, job: JobMessage) -> MediaSource:
        """See Telegram."""
        return GuardedSource(self._telegram.source(job), self._breaker)

    def start(self) -> None:
        """See Telegram."""
        self._telegram.start()

    async def close(self) -> None:
        """See Telegram."""
        await self._telegram.close()
