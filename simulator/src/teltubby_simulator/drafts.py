"""What somebody is about to send, and what Telegram's own clients would not let them send."""

from typing import TypedDict

from teltubby_simulator.entities import Entity, detect_entities, utf16_length
from teltubby_simulator.model import ForwardOrigin, Media, Message, User

TEXT_LIMIT = 4096  # UTF-16 units
CAPTION_LIMIT = 1024
PREMIUM_CAPTION_LIMIT = 4096
WITHOUT_CAPTION = frozenset({"sticker", "video_note"})
UPLOAD_LIMIT = 4000 * 512 * 1024  # bytes: 4000 parts of 512 KiB, twice as many for premium accounts


class Draft(TypedDict, total=False):
    """The content of a message: a text, media with or without a caption, or something special such as a contact."""

    text: str | None
    media: Media | None
    special: dict[str, object] | None  # {name: Bot API form}, as Message has it
    caption: str | None
    entities: list[Entity] | None  # of text or caption; found by themselves when absent
    forward_origin: ForwardOrigin | None
    media_group_id: str | None
    reply_to: Message | None
    date: int | None  # Unix seconds; now when absent


def check_draft(draft: Draft, sender: User | None) -> None:
    """Refuse what an official client would not send.

    Raises:
        ValueError: no content or several kinds, too long, larger than the sender may upload.
    """
    text, media = draft.get("text"), draft.get("media")
    premium = sender is not None and sender.is_premium
    if [text, media, draft.get("special")].count(None) != 2:
        raise ValueError("a message is a text, a medium with or without a caption, or something special")
    if media is None and draft.get("caption") is not None:
        raise ValueError("only media have captions")
    if media is not None and media.kind in WITHOUT_CAPTION and draft.get("caption"):
        raise ValueError(f"a {media.kind} has no caption")
    if text is not None and not 1 <= utf16_length(text) <= TEXT_LIMIT:
        raise ValueError(f"a text has 1 to {TEXT_LIMIT} UTF-16 units")
    limit = PREMIUM_CAPTION_LIMIT if premium else CAPTION_LIMIT
    if utf16_length(draft.get("caption") or "") > limit:
        raise ValueError(f"this sender's captions have up to {limit} UTF-16 units")
    if media is not None and draft.get("forward_origin") is None:
        largest = UPLOAD_LIMIT * (2 if premium else 1)
        if media.file.content.size > largest:
            raise ValueError(f"this sender's files have up to {largest} bytes")


def entities_of(draft: Draft) -> list[Entity]:
    """Return the given entities, or those that Telegram finds in the text or caption."""
    given = draft.get("entities")
    if given is not None:
        return given
    return detect_entities(draft.get("text") or draft.get("caption") or "")
