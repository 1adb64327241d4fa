"""Methods that send several messages at once: albums, copies and forwards."""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.formatting import Formatted, check_caption
from teltubby_simulator.botapi.input_media import read_album
from teltubby_simulator.botapi.keyboards import check_markup, parse_markup
from teltubby_simulator.drafts import Draft
from teltubby_simulator.model import Chat, ForwardOrigin, Message, OriginChannel, OriginUser, User

_NOT_COPIED = frozenset({"game", "paid_media", "story", "giveaway", "invoice"})


async def send_media_group(call: Call) -> object:
    items = read_album(call)
    chat = call.writable_chat()
    reply_to = call.reply_target(chat)
    call.count_messages(chat, len(items))
    sent = call.world.bot_send_album(call.bot, chat, [item | {"reply_to": reply_to} for item in items])
    return [call.view.message(message) for message in sent]


async def copy_message(call: Call) -> object:
    """Send the content of a message again without naming its source; its size does not matter."""
    call.params.required_text("from_chat_id")
    caption = call.formatted("caption", "caption_entities") if "caption" in call.params else None
    source = call.message(call.chat("from_chat_id"), "to copy")
    markup = parse_markup(call)
    chat = call.writable_chat()
    reply_to = call.reply_target(chat)
    draft = _copy(source, caption)
    if draft is None:
        raise bad_request("can't copy message")
    check_caption(draft.get("caption") or "")
    check_markup(markup, chat)
    call.count_messages(chat)
    copied = call.world.bot_send(call.bot, chat, reply_markup=markup, **(draft | {"reply_to": reply_to}))
    return {"message_id": copied.id}


async def copy_messages(call: Call) -> object:
    """Copy what can be copied of up to 100 messages; an album stays one."""
    return await _many(call, copied=True)


async def forward_message(call: Call) -> object:
    """Send a message again with its origin."""
    call.params.required_text("from_chat_id")
    source = call.message(call.chat("from_chat_id"), "to forward")
    chat = call.writable_chat()
    call.count_messages(chat)
    return call.view.message(call.world.bot_send(call.bot, chat, **_forward(source)))


async def forward_messages(call: Call) -> object:
    """Forward what there is of up to 100 messages; an album stays one."""
    return await _many(call, copied=False)


async def _many(call: Call, *, copied: bool) -> object:
    call.params.required_text("from_chat_id")
    ids = call.message_ids()
    chat, source_chat = call.writable_chat(), call.chat("from_chat_id")
    found = [call.world.message(call.bot.id, source_chat.id, each) for each in ids]
    sources = [message for message in found if message is not None]
    if not sources:
        raise bad_request("there are no messages to forward")
    without_caption = Formatted("", []) if call.params.flag("remove_caption") else None
    drafts = [(message, _copy(message, without_caption) if copied else _forward(message)) for message in sources]
    call.count_messages(chat, len(drafts))
    groups: dict[str, str] = {}
    sent: list[dict[str, int]] = []
    for message, draft in drafts:
        if draft is None:
            continue
        if message.media_group_id is not None:
            draft["media_group_id"] = groups.setdefault(message.media_group_id, call.world.new_group_id())
        sent.append({"message_id": call.world.bot_send(call.bot, chat, **draft).id})
    return sent


def _copy(source: Message, caption: Formatted | None) -> Draft | None:
    """Return the content of a message, None for what Telegram does not copy."""
    if source.special is not None and not _NOT_COPIED.isdisjoint(source.special):
        return None
    draft: Draft = {
        "text": source.text,
        "media": source.media,
        "special": source.special,
        "caption": source.caption,
        "entities": source.entities,
    }
    if caption is not None and source.media is not None:
        draft |= {"caption": caption.text or None, "entities": caption.entities}
    return draft


def _forward(source: Message) -> Draft:
    content: Draft = {
        "text": source.text,
        "media": source.media,
        "special": source.special,
        "caption": source.caption,
        "entities": source.entities,
    }
    return content | {"forward_origin": source.forward_origin or _origin(source)}


def _origin(source: Message) -> ForwardOrigin:
    if isinstance(source.chat, Chat) and source.sender is None:
        return OriginChannel(source.chat, source.id, source.date)
    sender = source.sender
    assert isinstance(sender, User)  # only channel posts name none
    return OriginUser(sender, source.date)
