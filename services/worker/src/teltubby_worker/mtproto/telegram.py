"""The worker's Telegram port over MTProto: sources that share one session."""

from teltubby_core.domain.jobs import JobMessage
from teltubby_worker.mtproto.session import Session
from teltubby_worker.mtproto.source import MtprotoSource
from teltubby_worker.mtproto.transfer import TransferLimits


class MtprotoTelegram:
    """Files of the bot's private messages, fetched with one login."""

    def __init__(self, session: Session, limits: TransferLimits) -> None:
        self._session = session
        self._limits = limits

    def source(self, job: JobMessage) -> MtprotoSource:
        """Return the job's file."""
        return MtprotoSource(self._session, job, self._limits)

    async def close(self) -> None:
        """Disconnect and release the session."""
        await self._session.close()
