"""The JSON documents beside the objects: message.json, one a message, and metadata.json, one a worker's item.

Both are made from records alone, so writing one again gives the same document (its archive time aside).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.domain.media import ForwardOrigin, MediaKind
from teltubby_core.domain.records import Caption, DedupReason, ItemRecord, ItemState, MessageRecord
from teltubby_core.domain.routing import Route

SCHEMA_VERSION: Literal["1.0"] = "1.0"
MESSAGE_JSON = "message.json"
METADATA_JSON = "metadata.json"


def utc_text(moment: datetime) -> str:
    """Return ISO 8601 in UTC to the second, ending in Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


UtcTime = Annotated[datetime, PlainSerializer(utc_text)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemDocument(_Document):
    """One item in message.json. ``s3_key`` is null for what has no object of its own."""

    ordinal: int
    message_id: int
    caption_plain: str | None
    caption_entities: tuple[dict[str, Any], ...]
    type: MediaKind
    mime_type: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    duration: int | None
    file_id: str
    file_unique_id: str
    original_filename: str | None
    sha256: str | None
    s3_key: str | None
    duplicate_of: str | None
    dedup_reason: DedupReason | None
    skipped_reason: str | None
    route: Route | None


class TelegramDocument(_Document):
    """What Telegram said about the message. Of an album, the caption is that of the first item that has one."""

    message_id: int
    media_group_id: str | None
    chat_id: int
    chat_title: str | None
    chat_username: str | None
    sender_id: int | None
    sender_username: str | None
    forward_origin: dict[str, Any] | None
    caption_plain: str | None
    caption_entities: tuple[dict[str, Any], ...]
    entities: tuple[dict[str, Any], ...]
    items: tuple[ItemDocument, ...]


class CaptionEdit(_Document):
    """An earlier caption of one of the messages, and when it was replaced."""

    message_id: int
    caption_plain: str | None
    caption_entities: tuple[dict[str, Any], ...]
    edited_at_utc: UtcTime


class MessageDocument(_Document):
    """message.json."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    archive_timestamp_utc: UtcTime
    message_timestamp_utc: UtcTime
    bucket: str
    base_path: str
    files_count: int
    total_bytes_uploaded: int
    keys: tuple[str, ...]
    duplicate_of: str | None
    dedup_reason: DedupReason | None
    notes: tuple[str, ...]
    edits: tuple[CaptionEdit, ...] = ()
    telegram: TelegramDocument


class MetadataTelegram(_Document):
    """Whose message the item is."""

    chat_id: int
    message_id: int
    user_id: int
    media_group_id: str | None
    forward_origin: dict[str, Any] | None
    caption_plain: str | None
    caption_entities: tuple[dict[str, Any], ...]


class MetadataFile(_Document):
    """The item as Telegram announced it and as it was stored. ``size_bytes`` and ``sha256`` are the stored ones."""

    type: MediaKind
    mime_type: str | None
    size_bytes: int
    file_id: str
    file_unique_id: str
    original_filename: str | None
    sha256: str


class MetadataDocument(_Document):
    """metadata.json."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    job_id: str
    correlation_id: str
    archive_timestamp_utc: UtcTime
    message_timestamp_utc: UtcTime
    bucket: str
    s3_key: str
    message_json_key: str
    telegram: MetadataTelegram
    file: MetadataFile
    worker: str
    attempt: int
    redeliveries: int


def message_json_key(base_path: str) -> str:
    """Return where the message.json of this folder lies."""
    return f"{base_path}/{MESSAGE_JSON}"


def message_document(record: MessageRecord, bucket: str, archived_at: float) -> MessageDocument:
    """Show a settled message as its document."""
    if not record.settled or record.base_path is None:
        raise ValueError(f"message record {record.id} is not settled")
    items = record.items
    keys = tuple(item.key for item in items if item.key)
    stored = sum(item.size_bytes or 0 for item in items if item.state is ItemState.STORED)
    duplicates = [item for item in items if item.state is ItemState.DUPLICATE]
    whole = duplicates[0] if len(duplicates) == len(items) else None
    return MessageDocument(
        archive_timestamp_utc=datetime.fromtimestamp(archived_at, UTC),
        message_timestamp_utc=items[0].incoming.date,
        bucket=bucket,
        base_path=record.base_path,
        files_count=len(items),
        total_bytes_uploaded=stored,
        keys=keys,
        duplicate_of=whole.duplicate_of if whole else None,
        dedup_reason=whole.dedup_reason if whole else None,
        notes=tuple(note for item in items for note in _notes(item, record)),
        edits=_edits(record),
        telegram=_telegram(record),
    )


def _notes(item: ItemRecord, record: MessageRecord) -> Iterator[str]:
    """Say what a reader would not expect of an item."""
    if item.state is ItemState.FAILED:
        yield f"item {item.ordinal} failed: {item.skipped_reason}"
    if item.state is ItemState.SKIPPED:
        yield f"item {item.ordinal} skipped: {item.skipped_reason}"
    if item.state is ItemState.CANCELLED:
        yield f"item {item.ordinal} {item.skipped_reason}"
    announced, sent = item.media.size_bytes, item.size_bytes
    if item.state is ItemState.STORED and announced is not None and announced != sent:
        yield f"item {item.ordinal}: Telegram announced {announced} bytes, sent {sent}"
    if item.media.field is not None:
        yield f"item {item.ordinal}: Telegram calls this kind “{item.media.field}”"
    if item.edition > 1 and item.incoming.edited:
        earlier = max((each for each in record.items if _replaced_by(each, item)), key=lambda each: each.edition)
        yield f"item {item.ordinal} took the place of item {earlier.ordinal} by an edit; both are listed"


def _replaced_by(earlier: ItemRecord, later: ItemRecord) -> bool:
    return earlier.incoming.message_id == later.incoming.message_id and earlier.edition < later.edition


def _edits(record: MessageRecord) -> tuple[CaptionEdit, ...]:
    """Return the captions that are no more, oldest first."""
    edits = [
        CaptionEdit(
            message_id=item.incoming.message_id,
            caption_plain=earlier.text,
            caption_entities=earlier.entities,
            edited_at_utc=datetime.fromtimestamp(later.since, UTC),
        )
        for item in record.items
        if item.edition == 1
        for earlier, later in pairwise(item.captions)
    ]
    return tuple(sorted(edits, key=lambda edit: edit.edited_at_utc))


def _telegram(record: MessageRecord) -> TelegramDocument:
    first = record.items[0].incoming
    speaker = _with_caption(record)
    return TelegramDocument(
        message_id=record.message_id,
        media_group_id=record.media_group_id,
        chat_id=record.chat_id,
        chat_title=first.chat_title,
        chat_username=first.chat_username,
        sender_id=first.sender_id,
        sender_username=first.sender_username,
        forward_origin=_origin(first.forward_origin),
        caption_plain=speaker.text,
        caption_entities=speaker.entities,
        entities=first.entities,
        items=tuple(_item(item) for item in record.items),
    )


def _with_caption(record: MessageRecord) -> Caption:
    captions = [item.caption for item in record.items]
    return next((caption for caption in captions if caption.text), captions[0])


def _origin(origin: ForwardOrigin | None) -> dict[str, Any] | None:
    return origin.model_dump(mode="json") if origin else None


def _item(item: ItemRecord) -> ItemDocument:
    media = item.media
    return ItemDocument(
        ordinal=item.ordinal or 0,
        message_id=item.incoming.message_id,
        caption_plain=item.caption.text,
        caption_entities=item.caption.entities,
        type=media.kind,
        mime_type=media.mime_type,
        size_bytes=item.size_bytes if item.size_bytes is not None else media.size_bytes,
        width=media.width,
        height=media.height,
        duration=media.duration,
        file_id=media.file_id,
        file_unique_id=media.file_unique_id,
        original_filename=media.original_filename,
        sha256=item.sha256,
        s3_key=item.key,
        duplicate_of=item.duplicate_of,
        dedup_reason=item.dedup_reason,
        skipped_reason=item.skipped_reason,
        route=item.route,
    )


def metadata_document(
    job: JobMessage,
    *,
    bucket: str,
    sha256: str,
    size_bytes: int,
    archived_at: float,
    worker: str,
    redeliveries: int,
) -> MetadataDocument:
    """Show a worker's item as its document."""
    info, context = job.file_info, job.telegram_context
    return MetadataDocument(
        job_id=job.job_id,
        correlation_id=job.correlation_id,
        archive_timestamp_utc=datetime.fromtimestamp(archived_at, UTC),
        message_timestamp_utc=job.date,
        bucket=bucket,
        s3_key=job.key,
        message_json_key=job.message_json_key,
        telegram=MetadataTelegram(
            chat_id=job.chat_id,
            message_id=job.message_id,
            user_id=job.user_id,
            media_group_id=context.media_group_id,
            forward_origin=_origin(context.forward_origin),
            caption_plain=context.caption,
            caption_entities=context.entities,
        ),
        file=MetadataFile(
            type=info.file_type,
            mime_type=info.mime_type,
            size_bytes=size_bytes,
            file_id=info.file_id,
            file_unique_id=info.file_unique_id,
            original_filename=info.file_name,
            sha256=sha256,
        ),
        worker=worker,
        attempt=job.job_metadata.retry_count + 1,
        redeliveries=redeliveries,
    )
