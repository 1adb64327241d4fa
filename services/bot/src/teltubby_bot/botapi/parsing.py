"""An update's JSON as an IncomingMessage.

It is read field by field, not through python-telegram-bot's classes: those refuse a whole update for one field that is
not as documented, and a file must not be lost for a malformed title.
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from teltubby_bot.botapi.files import files_of
from teltubby_bot.botapi.raw import Fields, count, fields, listed, moment, number, text
from teltubby_bot.presses import Press
from teltubby_bot.texts import TOO_NEW
from teltubby_core.domain.media import ForwardOrigin, IncomingMessage

log = logging.getLogger(__name__)

_NOT_FILES: dict[str, str] = {
    "venue": "a venue",  # before location: Telegram sends a venue as both
    "game": "a game",
    **{name: f"a {name}" for name in ("location", "contact", "poll", "story", "checklist", "giveaway")},
    "dice": "a dice",
    "invoice": "an invoice",
    "paid_media": "paid media that is still locked",
    "giveaway_winners": "a giveaway's winners",
}
"""What Telegram sends in place of a file, and how we call it."""


def _words(written: str) -> frozenset[str]:
    return frozenset(written.split())


_ENVELOPE = _words(
    """
    message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count sender_business_bot date
    business_connection_id chat forward_origin is_topic_message is_automatic_forward reply_to_message external_reply
    quote reply_to_story reply_to_checklist_task_id via_bot edit_date has_protected_content is_from_offline
    is_paid_post media_group_id author_signature paid_star_count text entities link_preview_options
    suggested_post_info effect_id caption caption_entities show_caption_above_media has_media_spoiler reply_markup
    forward_from forward_from_chat forward_from_message_id forward_signature forward_sender_name forward_date
    animation document photo video audio voice video_note sticker
    """
)
"""What goes with any message, and the kinds of files."""

_EVENTS = _words(
    """
    new_chat_members left_chat_member new_chat_title new_chat_photo delete_chat_photo group_chat_created
    supergroup_chat_created channel_chat_created message_auto_delete_timer_changed migrate_to_chat_id
    migrate_from_chat_id pinned_message successful_payment refunded_payment users_shared chat_shared gift
    unique_gift gift_upgrade_sent connected_website write_access_allowed passport_data proximity_alert_triggered
    boost_added chat_background_set checklist_tasks_done checklist_tasks_added direct_message_price_changed
    forum_topic_created forum_topic_edited forum_topic_closed forum_topic_reopened general_forum_topic_hidden
    general_forum_topic_unhidden giveaway_created giveaway_completed paid_message_price_changed
    suggested_post_approved suggested_post_approval_failed suggested_post_declined suggested_post_paid
    suggested_post_refunded video_chat_scheduled video_chat_started video_chat_ended video_chat_participants_invited
    web_app_data user_shared chat_owner_left chat_owner_changed
    """
)
"""Messages that only tell of an event: nobody wrote them, so nobody waits for an answer."""

_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)


def parse_update(raw: Fields) -> IncomingMessage | None:
    """Return the new or edited message of an update, None for every other kind of update and for mere events.

    Raises:
        ValueError: the JSON has no ids, or names a file without what is needed to fetch it.
    """
    if "update_id" not in raw:
        raise ValueError("an update without a number")
    whole = _encodable(raw)
    for name in ("message", "edited_message", "channel_post"):
        if whole.get(name) is not None:
            return _message(fields(whole[name]), edited=name == "edited_message")
    return None


def parse_press(given: Fields) -> Press | None:
    """Return the press of a button that an update tells of; None of every other update, and of a press of nothing."""
    press = fields(_encodable(given).get("callback_query"))
    query_id, data = text(press, "id"), text(press, "data")
    sender, message = fields(press.get("from")), fields(press.get("message"))
    user_id, chat_id = number(sender, "id"), number(fields(message.get("chat")), "id")
    message_id = count(message, "message_id")
    if query_id is None or user_id is None or chat_id is None or not message_id:
        return None
    language = text(sender, "language_code")
    private = text(fields(message.get("chat")), "type") == "private"
    return Press(query_id, user_id, chat_id, message_id, data or "", private=private, language=language)


def _encodable(raw: Fields) -> Fields:
    """Replace halves of surrogate pairs, which neither database nor document can hold; offsets stay true."""
    written = json.dumps(raw, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        whole: dict[str, Any] = json.loads(written.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        return whole
    return raw


def _message(given: Fields, *, edited: bool) -> IncomingMessage | None:
    chat, sender = fields(given.get("chat")), fields(given.get("from"))
    chat_id, message_id = number(chat, "id"), count(given, "message_id")
    if chat_id is None or not message_id:
        raise ValueError("a message without the ids of its chat and its own")
    first, *further = files_of(given, _others(given)) or [None]
    unsupported = None if first else _unsupported(given)
    written = any(given.get(name) is not None for name in ("text", "caption", "media_group_id"))
    if not (first or unsupported or written):
        return None
    return IncomingMessage(
        chat_id=chat_id,
        chat_type=text(chat, "type") or "",
        message_id=message_id,
        date=_date(given, message_id),
        sender_id=number(sender, "id"),
        sender_name=_name(sender),
        sender_username=text(sender, "username"),
        sender_language=text(sender, "language_code"),
        chat_title=text(chat, "title"),
        chat_username=text(chat, "username"),
        media_group_id=text(given, "media_group_id") or None,
        forward_origin=_origin(given),
        text=text(given, "text"),
        entities=_entities(given, "entities"),
        caption=text(given, "caption"),
        caption_entities=_entities(given, "caption_entities"),
        media=first,
        further=tuple(further),
        unsupported=unsupported,
        edited=edited,
        edit_date=moment(given, "edit_date"),
    )


def _others(given: Fields) -> Iterator[str]:
    """Yield the fields whose meaning is not known."""
    return (name for name in given if name not in _ENVELOPE and name not in _EVENTS and name not in _NOT_FILES)


def _unsupported(given: Fields) -> str | None:
    known = next((words for name, words in _NOT_FILES.items() if given.get(name) is not None), None)
    if known or given.get("text") is not None or not _EVENTS.isdisjoint(given):
        return known
    return TOO_NEW if any(isinstance(given[name], dict | list) for name in _others(given)) else None


def _date(given: Fields, message_id: int) -> datetime:
    date = moment(given, "date")
    if date is None:
        log.warning("message %d came without a date that can be read", message_id)
    return date or _NO_DATE


def _name(person: Fields) -> str | None:
    return " ".join(filter(None, (text(person, "first_name"), text(person, "last_name")))) or None


def _entities(given: Fields, name: str) -> tuple[dict[str, Any], ...]:
    """Return entities in Telegram's own form; those that point nowhere are left out."""
    return tuple(
        dict(each)
        for each in listed(given.get(name))
        if text(each, "type") and count(each, "offset") is not None and count(each, "length") is not None
    )


def _origin(given: Fields) -> ForwardOrigin | None:
    """Return where a forward comes from: null only when Telegram tells nothing, whatever type it names."""
    origin = fields(given.get("forward_origin"))
    kind = text(origin, "type")
    if not kind:
        return None
    user = fields(origin.get("sender_user"))
    place = user or fields(origin.get("sender_chat")) or fields(origin.get("chat"))
    return ForwardOrigin(
        type=kind,
        date=moment(origin, "date"),
        id=number(place, "id"),
        name=_name(user) or text(origin, "sender_user_name"),
        username=text(place, "username"),
        title=text(place, "title"),
        message_id=number(origin, "message_id"),
        author_signature=text(origin, "author_signature"),
    )
