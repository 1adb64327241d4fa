"""Where an item is to lie, and the job that says so to a worker. All of it follows from the item and its message."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from teltubby_core.domain import keys
from teltubby_core.domain.jobs import FileInfo, JobMessage, JobMetadata, TelegramContext
from teltubby_core.domain.records import ItemRecord, MessageRecord
from teltubby_core.domain.sidecar import message_json_key


@dataclass(frozen=True)
class Place:
    """An item, its message, and the filename that it got when it was first placed."""

    item: ItemRecord
    record: MessageRecord
    filename: str

    @property
    def folder(self) -> str:
        """The message's own folder."""
        assert self.record.base_path is not None, "only items of closed messages are placed"
        return self.record.base_path

    @property
    def key(self) -> str:
        """The key of an item that the bot archives itself."""
        return keys.join(self.folder, self.filename)


def key_of_worker(item: ItemRecord, filename: str) -> str:
    """Return the key of an item that a worker archives: in a folder of its own, for metadata.json is one an item."""
    message = item.incoming
    return keys.join(keys.worker_path(message.date, message.message_id, item.edition), filename)


def job_for(place: Place, created_at: datetime, max_retries: int) -> JobMessage:
    """Return a new job for an item."""
    item = place.item
    message, media = item.incoming, item.media
    return JobMessage(
        job_id=str(uuid.uuid4()),
        user_id=message.sender_id or message.chat_id,
        chat_id=message.chat_id,
        message_id=message.message_id,
        file_info=FileInfo(
            file_id=media.file_id,
            file_unique_id=media.file_unique_id,
            file_size=media.size_bytes,
            file_type=media.kind,
            file_name=media.original_filename,
            mime_type=media.mime_type,
        ),
        telegram_context=TelegramContext(
            forward_origin=message.forward_origin,
            caption=item.caption.text,
            entities=item.caption.entities,
            media_group_id=message.media_group_id,
        ),
        job_metadata=JobMetadata(created_at=created_at, max_retries=max_retries),
        correlation_id=item.correlation_id,
        ordinal=item.ordinal or 1,
        date=message.date,
        base_path=place.folder,
        key=key_of_worker(item, place.filename),
        message_json_key=message_json_key(place.folder),
    )


def filename_for(item: ItemRecord, record: MessageRecord) -> str:
    """Return the filename of an item that is placed for the first time."""
    message = item.incoming
    caption = message.caption or next((i.incoming.caption for i in record.items if i.incoming.caption), None)
    place = keys.ItemPlace(
        date=message.date,
        chat=record.slug,
        sender=keys.sender_slug(message),
        message_id=record.message_id,
        media_group_id=record.media_group_id,
        caption=caption,
    )
    return keys.filename(place, item.media, item.ordinal or 1)
