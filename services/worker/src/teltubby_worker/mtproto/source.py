"""From a job to the bytes of its file: find the message, check that it is the job's file, stream it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

from telethon.tl.functions.messages import GetMessagesRequest
from telethon.tl.functions.upload import GetFileRequest
from telethon.tl.types import (
    Document,
    InputDocumentFileLocation,
    InputMessageID,
    InputPhotoFileLocation,
    Message,
    MessageMediaDocument,
    MessageMediaPhoto,
    PeerUser,
    Photo,
    PhotoSize,
    PhotoSizeProgressive,
)
from telethon.tl.types.upload import File

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.errors import PermanentError, TransferMismatchError
from teltubby_worker.mtproto.errors import MESSAGE_GONE, WrongDataCentreError
from teltubby_worker.mtproto.transfer import Patience, Transfer, TransferLimits

_OTHER_FILE = "the message holds another file by now; send the file again"


class Caller(Protocol):
    """A login at Telegram, as ``session.Session`` is one."""

    async def ready(self) -> None: ...

    async def call(self, request: Any, dc_id: int | None = None) -> Any: ...


@dataclass(frozen=True)
class RemoteFile:
    """A file as its message shows it. ``location`` holds the file reference, good for some hours."""

    file_id: int
    size: int
    dc_id: int
    location: Any


def file_of(message: Any, job: JobMessage) -> RemoteFile:
    """Return the file of a message that came for ``job``.

    Raises:
        PermanentError: the message is gone, or holds no file, or one of another size.
    """
    if not isinstance(message, Message) or message.id != job.message_id:
        raise PermanentError(MESSAGE_GONE)
    if isinstance(message.peer_id, PeerUser) and message.peer_id.user_id != job.chat_id:
        raise PermanentError("the message belongs to another chat: the job was made for another bot")
    file = _document(message.media) or _photo(message.media)
    if file is None:
        raise PermanentError("the message holds no file any more")
    if job.file_info.file_size not in (None, file.size):
        raise PermanentError(_OTHER_FILE)
    return file


def _document(media: Any) -> RemoteFile | None:
    if not isinstance(media, MessageMediaDocument) or not isinstance(media.document, Document):
        return None
    found = media.document
    location = InputDocumentFileLocation(
        id=found.id, access_hash=found.access_hash, file_reference=found.file_reference, thumb_size=""
    )
    return RemoteFile(found.id, found.size, found.dc_id, location)


def _photo(media: Any) -> RemoteFile | None:
    if not isinstance(media, MessageMediaPhoto) or not isinstance(media.photo, Photo):
        return None
    found = media.photo
    sizes = [each for each in found.sizes if isinstance(each, PhotoSize | PhotoSizeProgressive)]
    if not sizes:
        return None
    largest = max(sizes, key=lambda each: each.w * each.h)
    # A progressive one lists how far each quality level reaches; the last level is the whole file.
    size = largest.size if isinstance(largest, PhotoSize) else max(largest.sizes)
    location = InputPhotoFileLocation(
        id=found.id,
        access_hash=found.access_hash,
        file_reference=found.file_reference,
        thumb_size=largest.type,
    )
    return RemoteFile(found.id, size, found.dc_id, location)


class MtprotoSource:
    """A job's file at Telegram (a MediaSource), read once."""

    def __init__(self, telegram: Caller, job: JobMessage, limits: TransferLimits) -> None:
        self._telegram = telegram
        self._job = job
        self._limits = limits
        self._file: RemoteFile | None = None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes in order.

        Raises:
            InfrastructureError: Telegram can't be reached or refuses the login.
            PermanentError: the message or its file is gone.
            TransientError: anything that may go better next time.
        """
        await self._telegram.ready()
        patience = Patience(self._limits)
        self._file = await patience.persist(self._find, "the message")
        async with aclosing(Transfer(self, self._file.size, self._limits, patience).parts()) as parts:
            async for part in parts:
                yield part
                del part  # or it would live on while the next one is awaited

    async def fetch(self, offset: int, limit: int) -> bytes:
        """Return a part of the file."""
        file = self._known()
        try:
            answer = await self._telegram.call(GetFileRequest(file.location, offset, limit), file.dc_id)
        except WrongDataCentreError as error:
            self._file = replace(self._known(), dc_id=error.dc_id)
            raise
        if not isinstance(answer, File):
            raise PermanentError("Telegram serves this file from a CDN, which bots can't read")
        content: bytes = answer.bytes
        return content

    async def refresh(self) -> None:
        """Take the message's new file reference, if it is still the same file."""
        old, new = self._known(), await self._find()
        if (new.file_id, new.size) != (old.file_id, old.size):
            raise TransferMismatchError(_OTHER_FILE)
        self._file = replace(new, dc_id=old.dc_id)

    def _known(self) -> RemoteFile:
        assert self._file is not None  # chunks() found it before any part is asked for
        return self._file

    async def _find(self) -> RemoteFile:
        found = await self._telegram.call(GetMessagesRequest([InputMessageID(self._job.message_id)]))
        return file_of(found.messages[0] if found.messages else None, self._job)
