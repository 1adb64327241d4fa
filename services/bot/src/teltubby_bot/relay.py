"""The channel from which user accounts read large files: their messages are copied there, and removed afterwards.

A copy is made before its job is published, and recorded. A kill between Telegram's answer and the record leaves a copy
that nobody knows of: copyMessage has no key by which a repetition could be told. It stays in the channel.
"""

import logging
from collections.abc import Callable

from teltubby_bot.catalogue import Text
from teltubby_bot.telegram import ChannelClosedError, Telegram
from teltubby_core.domain.jobs import JobMessage, RelayCopy
from teltubby_core.errors import PermanentError
from teltubby_core.ports import ArchiveIndex

log = logging.getLogger(__name__)

_BATCH = 20


class Relay:
    """Copies messages into one channel, and out of it again."""

    def __init__(
        self, telegram: Telegram, index: ArchiveIndex, channel_id: int, alert: Callable[[str, str], None]
    ) -> None:
        """``alert`` gets a kind and a text for admins."""
        self._telegram = telegram
        self._index = index
        self._channel_id = channel_id
        self._alert = alert
        self._told = ""

    async def carry(self, job: JobMessage) -> JobMessage:
        """Return the job with its message's copy, which is made unless this generation of it has one.

        Raises:
            PermanentError: the message can't be copied; the text says what to do.
            InfrastructureError, TransientError: not now.
        """
        copy = await self._index.relay_copy(job)
        if copy is None:
            copy = RelayCopy(chat_id=self._channel_id, message_id=await self._copied(job))
            await self._index.relayed(job, copy)
        return job.model_copy(update={"relay": copy})

    async def _copied(self, job: JobMessage) -> int:
        try:
            made = await self._telegram.copy(self._channel_id, job.chat_id, job.message_id)
        except ChannelClosedError as error:
            self._tell(Text("alert-relay-closed", error=str(error)))
            raise
        except PermanentError as error:
            reason = f"the message can't be copied to where accounts read it ({error}); send it again"
            raise PermanentError(reason) from error
        self._told = ""
        return made

    async def clear(self) -> float | None:
        """Remove the copies of jobs that have ended.

        Raises:
            InfrastructureError, TransientError: not now; they are kept in mind.
        """
        copies = await self._index.spent_relay_copies(_BATCH)
        for copy in copies:
            try:
                await self._telegram.delete(copy.chat_id, copy.message_id)
            except ChannelClosedError as error:
                self._tell(Text("alert-relay-copies-stay", error=str(error)))
                raise
            except PermanentError as error:
                log.warning("message %d stays in the relay channel: %s", copy.message_id, error)
            await self._index.relay_copy_removed(copy)
        return 0.0 if len(copies) == _BATCH else None

    def _tell(self, text: str) -> None:
        """Tell admins, once for as long as it is the same."""
        if text != self._told:
            self._told = text
            self._alert("relay", text)
