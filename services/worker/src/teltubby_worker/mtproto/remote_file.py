"""Which file of a message is the job's. Pure.

The Bot API's file_id tells the id that the file has at Telegram; where it can be read, a file with that id is the
job's, whatever size was announced, and any other is not. Where it can't, the announced size has to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from telethon.tl.types import (
    Document,
    InputDocumentFileLocation,
    InputPhotoFileLocation,
    Message,
    MessageExtendedMedia,
    MessageMediaDocument,
    MessageMediaPaidMedia,
    MessageMediaPhoto,
    PeerUser,
    Photo,
    PhotoSize,
    PhotoSizeProgressive,
)

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.errors import PermanentError
from teltubby_worker.mtproto import file_id
from teltubby_worker.mtproto.errors import MESSAGE_GONE

OTHER_FILE = "the message holds another file by now; send the file again"


@dataclass(frozen=True)
class RemoteFile:
    """A file as its message shows it, ``size`` in bytes. ``location`` holds the file reference, good for some hours."""

    file_id: int
    size: int
    dc_id: int
    location: Any


def file_of(message: Any, job: JobMessage, message_id: int | None = None) -> RemoteFile:
    """Return the file of a message that came for ``job``; ``message_id`` is its copy's, where that was asked for.

    Raises:
        PermanentError: the message is gone, or holds no file, or another one.
    """
    if not isinstance(message, Message) or message.id != (message_id or job.message_id):
        raise PermanentError(MESSAGE_GONE)
    if isinstance(message.peer_id, PeerUser) and message.peer_id.user_id != job.chat_id:
        raise PermanentError("the message belongs to another chat: the job was made for another bot")
    name, announced = file_id.decode(job.file_info.file_id), job.file_info.file_size
    files = list(_files(message.media, name.size_letter if name else None))
    if not files:
        raise PermanentError("the message holds no file any more")
    found = [
        file for file in files if (file.file_id == name.id if name else announced is None or announced == file.size)
    ]
    if not found:
        raise PermanentError(OTHER_FILE)
    return found[0]


def _files(media: Any, letter: str | None) -> Iterator[RemoteFile]:
    match media:
        case MessageMediaDocument(document=Document() as document):
            yield _document(document)
        case MessageMediaPhoto(photo=Photo() as photo):
            yield from _photo(photo, letter)
        case MessageMediaPaidMedia():
            for each in media.extended_media:
                if isinstance(each, MessageExtendedMedia):
                    yield from _files(each.media, letter)


def _document(found: Any) -> RemoteFile:
    location = InputDocumentFileLocation(
        id=found.id, access_hash=found.access_hash, file_reference=found.file_reference, thumb_size=""
    )
    return RemoteFile(found.id, found.size, found.dc_id, location)


def _photo(found: Any, letter: str | None) -> Iterator[RemoteFile]:
    """Yield the photo in the size asked for, or else in its largest."""
    sizes = [each for each in found.sizes if isinstance(each, PhotoSize | PhotoSizeProgressive)]
    chosen = [each for each in sizes if each.type == letter] or sizes
    if not chosen:
        return
    largest = max(chosen, key=lambda each: each.w * each.h)
    # A progressive one lists how far each quality level reaches; the last level is the whole file.
    size = largest.size if isinstance(largest, PhotoSize) else max(largest.sizes)
    location = InputPhotoFileLocation(
        id=found.id,
        access_hash=found.access_hash,
        file_reference=found.file_reference,
        thumb_size=largest.type,
    )
    yield RemoteFile(found.id, size, found.dc_id, location)
