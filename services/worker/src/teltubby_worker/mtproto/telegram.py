"""The worker's Telegram port over MTProto: sources that share one session."""

from collections.abc import Awaitable, Callable

from teltubby_core.domain.jobs import JobMessage
from teltubby_worker.mtproto.relay import RelayChannels
from teltubby_worker.mtproto.session import Session
from teltubby_worker.mtproto.source import MtprotoSource
from teltubby_worker.mtproto.transfer import TransferLimits


class MtprotoTelegram:
    """Files of the bot's private messages, or of the relay channel, fetched with one login."""

    def __init__(
        self, session: Session, limits: TransferLimits, on_closed: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``on_closed`` is awaited once the session is released."""
        self._session = session
        self._relay = RelayChannels(session)
        self._limits = limits
        self._on_closed = on_closed

    def source(self, job: JobMessage) -> MtprotoSource:
        """Return the job's file."""
        return MtprotoSource(self._session, job, self._limits, self._relay)

    def start(self) -> None:
        """See Telegram."""
        self._session.start()

    async def close(self) -> None:
        """Disconnect and release the session."""
        await self._session.close()
        if self._on_closed:
            await self._on_closed()
