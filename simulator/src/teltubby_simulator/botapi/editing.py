"""Methods that change a bot's own message.

Source of the sentences: tdlib/td, MessagesManager.cpp, edit_message_*.
"""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.formatting import check_caption, check_message_text
from teltubby_simulator.botapi.input_media import read_input_media
from teltubby_simulator.botapi.keyboards import Markup, check_inline, parse_markup
from teltubby_simulator.drafts import WITHOUT_CAPTION
from teltubby_simulator.model import Chat, Message, User

_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup "
    "are exactly the same as a current content and reply markup of the message"
)
_ALBUM_OF_ONE_KIND = frozenset({"audio", "document"})


async def edit_message_text(call: Call) -> object:
    if call.params.text("text") is None:
        raise bad_request("message text is empty")
    new = call.formatted("text", "entities")
    markup = parse_markup(call)
    chat, message = _own_message(call)
    if message.text is None:
        raise bad_request("there is no text in the message to edit")
    check_message_text(new.text)
    check_inline(markup, chat)
    _require_change(message, markup, changed=(message.text, message.entities) != (new.text, new.entities))
    call.count_messages(chat)
    call.world.bot_edit(message, text=new.text, entities=new.entities, reply_markup=markup)
    return call.view.message(message)


async def edit_message_caption(call: Call) -> object:
    markup = parse_markup(call)
    new = call.formatted("caption", "caption_entities")
    chat, message = _own_message(call)
    if message.media is None or message.media.kind in WITHOUT_CAPTION:
        raise bad_request("there is no caption in the message to edit")
    check_caption(new.text)
    check_inline(markup, chat)
    _require_change(message, markup, changed=(message.caption or "", message.entities) != (new.text, new.entities))
    call.count_messages(chat)
    call.world.bot_edit(
        message, media=message.media, caption=new.text or None, entities=new.entities, reply_markup=markup
    )
    return call.view.message(message)


async def edit_message_media(call: Call) -> object:
    markup = parse_markup(call)
    call.params.required_text("media")
    new = read_input_media(call, call.params.json("media", "input media"), for_album=False)
    chat, message = _own_message(call, "message media can't be edited")
    media, caption, entities = new.get("media"), new.get("caption"), new.get("entities") or []
    if media is None or message.special is not None or (message.media and message.media.kind in WITHOUT_CAPTION):
        raise bad_request("message media can't be edited")
    kinds = {media.kind, message.media.kind} if message.media else {media.kind}
    if message.media_group_id is not None and len(kinds) > 1 and kinds & _ALBUM_OF_ONE_KIND:
        raise bad_request("can't change media type in the album")
    check_caption(caption or "")
    check_inline(markup, chat)
    same = (message.media, message.caption, message.entities) == (media, caption, entities)
    _require_change(message, markup, changed=not same)
    call.count_messages(chat)
    call.world.bot_edit(message, media=media, caption=caption, entities=entities, reply_markup=markup)
    return call.view.message(message)


async def edit_message_reply_markup(call: Call) -> object:
    markup = parse_markup(call)
    chat, message = _own_message(call)
    check_inline(markup, chat)
    _require_change(message, markup, changed=False)
    call.count_messages(chat)
    call.world.bot_edit_keyboard(message, markup)
    return call.view.message(message)


def _own_message(call: Call, refusal: str = "message can't be edited") -> tuple[User | Chat, Message]:
    """Return a message that the bot may edit: its own, no forward, and without a reply keyboard."""
    if call.params.text("chat_id") is None and call.params.integer("message_id", 0) == 0:
        raise _nowhere(call)
    chat = call.writable_chat()
    message = call.message(chat, "to edit")
    keyboard = message.reply_markup is not None and "inline_keyboard" not in message.reply_markup
    if message.author is not call.bot or message.forward_origin is not None or keyboard:
        raise bad_request(refusal)
    return chat, message


def _nowhere(call: Call) -> ApiError:
    if call.params.text("inline_message_id") is None:
        return bad_request("message identifier is not specified")
    return bad_request("MESSAGE_ID_INVALID")  # no bot of this world has an inline mode


def _require_change(message: Message, markup: Markup | None, *, changed: bool) -> None:
    if not changed and message.reply_markup == markup:
        raise bad_request(_NOT_MODIFIED)
