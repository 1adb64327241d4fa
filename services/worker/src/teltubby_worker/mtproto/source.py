"""From a job to the bytes of its file: find the message, take the job's file from it, stream it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

from telethon.tl.functions.messages import GetMessagesRequest
from telethon.tl.functions.upload import GetFileRequest
from telethon.tl.types import InputMessageID
from telethon.tl.types.upload import File

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import InfrastructureError, PermanentError, TransferMismatchError, TransientError
from teltubby_worker.mtproto.errors import SessionChangedError, WrongDataCentreError
from teltubby_worker.mtproto.relay import RelayChannels
from teltubby_worker.mtproto.remote_file import OTHER_FILE, RemoteFile, file_of
from teltubby_worker.mtproto.transfer import Patience, Transfer, TransferLimits

log = logging.getLogger(__name__)

_MOVES = 2  # how often one part follows its file to another data centre before that counts as a failure


class Caller(Protocol):
    """A login at Telegram, as ``session.Session`` is one."""

    @property
    def kind(self) -> SessionKind: ...

    @property
    def account(self) -> int | None: ...

    async def ready(self) -> None: ...

    async def call(self, request: Any) -> Any: ...

    async def fetch(self, make: Callable[[], Any], dc_id: int) -> Any: ...


class MtprotoSource:
    """A job's file at Telegram (a MediaSource), read once."""

    def __init__(
        self, telegram: Caller, job: JobMessage, limits: TransferLimits, relay: RelayChannels | None = None
    ) -> None:
        """``relay`` is shared by the sources of one login."""
        self._telegram = telegram
        self._relay = relay or RelayChannels(telegram)
        self._account: int | None = None
        self._job = job
        self._limits = limits
        self._file: RemoteFile | None = None
        self._quiet_until = 0.0  # by the loop's clock

    def told_size(self) -> int | None:
        """Return the file's size as its message at Telegram has it, None before it was opened."""
        return self._file.size if self._file else None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield an empty chunk once the file is found, then its bytes in order.

        Raises:
            InfrastructureError: Telegram can't be reached or refuses the login.
            PermanentError: the message or its file is gone.
            TransientError: anything that may go better next time.
        """
        await self._telegram.ready()
        patience = Patience(self._limits)
        self._file = await patience.persist(self._find, "the message")
        yield b""
        async with aclosing(Transfer(self, self._file.size, self._limits, patience).parts()) as parts:
            async for part in parts:
                yield part
                del part  # or it would live on while the next one is awaited

    async def fetch(self, offset: int, limit: int) -> bytes:
        """Return a part of the file, from whichever data centre has it now."""
        for moves in range(_MOVES + 1):
            try:
                return await self._ask(offset, limit)
            except WrongDataCentreError as error:
                self._move(error.dc_id)
                if moves == _MOVES:
                    raise
        raise AssertionError("the last move returns or raises")

    async def _ask(self, offset: int, limit: int) -> bytes:
        def request() -> GetFileRequest:
            # Made when its turn has come: there may be a new reference by then, or a flood to be waited out.
            if self._telegram.account != self._account:
                raise SessionChangedError("another account goes on")
            if (left := self._quiet_until - _now()) > 0:
                raise TransientError("Telegram asked to wait", left)
            return GetFileRequest(self._known().location, offset, limit)

        try:
            answer = await self._telegram.fetch(request, self._known().dc_id)
        except TransientError as error:
            self._quiet_until = max(self._quiet_until, _now() + (error.retry_after or 0.0))
            raise
        if not isinstance(answer, File):
            raise PermanentError("Telegram serves this file from a CDN, which bots can't read")
        content: bytes = answer.bytes
        return content

    def _move(self, dc_id: int) -> None:
        file = self._known()
        if file.dc_id != dc_id:
            log.info("job %s: its file is at data centre %d, not %d", self._job.job_id, dc_id, file.dc_id)
            self._file = replace(file, dc_id=dc_id)

    async def refresh(self) -> None:
        """Take the message's new file reference, if it is still the same file."""
        old, new = self._known(), await self._find()
        if (new.file_id, new.size) != (old.file_id, old.size):
            raise TransferMismatchError(OTHER_FILE)
        self._file = replace(new, dc_id=self._known().dc_id)

    def _known(self) -> RemoteFile:
        assert self._file is not None  # chunks() found it before any part is asked for
        return self._file

    async def _find(self) -> RemoteFile:
        account = self._telegram.account
        file = file_of(await self._message(), self._job, self._at)
        if self._telegram.account != account:
            raise SessionChangedError("another account goes on")
        self._account = account
        return file

    @property
    def _at(self) -> int:
        relay = self._job.relay
        return relay.message_id if relay and self._telegram.kind is SessionKind.USER else self._job.message_id

    async def _message(self) -> Any:
        if self._telegram.kind is SessionKind.USER:
            if self._job.relay is None:  # a person's message with this id would be something else
                raise InfrastructureError(
                    "the job has no copy in a relay channel: set MTPROTO_SESSION_KIND of bot and worker alike"
                )
            return await self._relay.message(self._job.relay)
        found = await self._telegram.call(GetMessagesRequest([InputMessageID(self._job.message_id)]))
        return found.messages[0] if found.messages else None


def _now() -> float:
    return asyncio.get_running_loop().time()
