"""Records of messages with items in any state, for documents and replies."""

from support import CURATOR, DATE, a_file, a_message
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import ForwardOrigin, MediaItem, MediaKind
from teltubby_core.domain.records import DedupReason, ItemRecord, ItemState, MessageRecord
from teltubby_core.domain.routing import Route

FOLDER = "teltubby/2025/03/ada/7"
SHA = "ab" * 32


def an_item(
    ordinal: int = 1,
    *,
    state: ItemState = ItemState.STORED,
    media: MediaItem | None = None,
    caption: str | None = None,
    origin: ForwardOrigin | None = None,
    reason: str | None = None,
    owner: int = CURATOR,
    route: Route = Route.BOT_API,
    job_state: JobState | None = None,
    last_error: str | None = None,
) -> ItemRecord:
    """Return an item with what its state entails."""
    stored, duplicate = state is ItemState.STORED, state is ItemState.DUPLICATE
    file = media or a_file(f"m{ordinal}")
    return ItemRecord(
        id=ordinal,
        message=1,
        update_id=1000 + ordinal,
        incoming=a_message(6 + ordinal, file, caption=caption, origin=origin),
        media=file,
        state=state,
        ordinal=ordinal,
        route=route if stored or state is ItemState.QUEUED else None,
        key=f"{FOLDER}/{ordinal}.jpg" if stored else None,
        sha256=SHA if stored or duplicate else None,
        size_bytes=1000 if stored else None,
        duplicate_of="teltubby/2025/02/ada/3/first.jpg" if duplicate else None,
        dedup_reason=DedupReason.SHA256 if duplicate else None,
        duplicate_owner=owner if duplicate else None,
        skipped_reason=reason,
        last_error=last_error,
        job_id=f"job-{ordinal}" if job_state else None,
        job_state=job_state,
    )


def a_record(*items: ItemRecord, album: str | None = None, documented: bool = True) -> MessageRecord:
    """Return a closed message with these items."""
    return MessageRecord(
        id=1,
        chat_id=CURATOR,
        message_id=7,
        media_group_id=album,
        slug="ada",
        base_path=FOLDER,
        revision=4,
        documented=4 if documented else 0,
        documented_at=None,
        items=items or (an_item(),),
    )


def an_origin(kind: str = "channel") -> ForwardOrigin:
    """Return an origin of this type with every field that Telegram tells."""
    return ForwardOrigin.model_validate(
        {"type": kind, "date": DATE, "id": -100, "title": "The News", "username": "thenews", "message_id": 5}
    )


VIDEO = a_file("big", kind=MediaKind.VIDEO, size=10**9, original="big.mp4")
