"""Methods by which a bot acts in a chat: messages, edits, copies, reactions."""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.formatting import read_text
from teltubby_simulator.botapi.reactions import MAX_OWN_REACTIONS, is_allowed
from teltubby_simulator.botapi.reading import view_of
from teltubby_simulator.drafts import CAPTION_LIMIT, TEXT_LIMIT
from teltubby_simulator.entities import Entity, utf16_length
from teltubby_simulator.model import Chat, Message, User

_DELETABLE_FOR = 48 * 3600  # seconds
_CHAT_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup "
    "are exactly the same as a current content and reply markup of the message"
)


async def send_message(call: Call) -> object:
    text, entities = _read_message_text(call)
    chat = call.writable_chat()
    _check_length(text)
    reply_to = _read_reply(call, chat)
    markup = call.params.json_object("reply_markup")
    call.count_message(chat)
    message = call.world.bot_send(call.bot, chat, text=text, entities=entities, reply_to=reply_to, reply_markup=markup)
    return view_of(call).message(message)


async def edit_message_text(call: Call) -> object:
    text, entities = _read_message_text(call)
    chat = call.writable_chat()
    message = call.message(chat, "edit")
    if not _is_own(call, message):
        raise bad_request("message can't be edited")
    if message.text is None:
        raise bad_request("there is no text in the message to edit")
    _check_length(text)
    markup = call.params.json_object("reply_markup")
    if (message.text, message.entities, message.reply_markup) == (text, entities, markup):
        raise bad_request(_NOT_MODIFIED)
    call.count_message(chat)
    call.world.bot_edit(message, text=text, entities=entities, reply_markup=markup)
    return view_of(call).message(message)


async def delete_message(call: Call) -> object:
    chat = call.chat()
    message = call.message(chat, "delete")
    too_old = call.world.clock() - message.date > _DELETABLE_FOR
    if too_old or (isinstance(chat, Chat) and not _is_own(call, message)):
        raise bad_request("message can't be deleted for everyone")
    call.world.delete(message)
    return True


async def copy_message(call: Call) -> object:
    """Send the content of a message again without naming its source; its size does not matter."""
    chat = call.writable_chat()
    source = call.message(call.chat("from_chat_id"), "copy")
    caption, entities = source.caption, source.entities
    if call.params.text("caption") is not None and source.media is not None:
        caption, entities = read_text(call, "caption", "caption_entities")
        if utf16_length(caption) > CAPTION_LIMIT:
            raise bad_request("message caption is too long")
    call.count_message(chat)
    copied = call.world.bot_send(
        call.bot,
        chat,
        text=source.text,
        media=source.media,
        caption=caption,
        entities=entities,
        reply_to=_read_reply(call, chat),
    )
    return {"message_id": copied.id}


async def send_chat_action(call: Call) -> object:
    chat = call.writable_chat()
    action = call.params.text("action")
    if action not in _CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    call.world.bot_chat_action(call.bot, chat.id, action)
    return True


async def set_message_reaction(call: Call) -> object:
    chat = call.writable_chat()
    message = call.message(chat, "react")
    emoji = [_read_reaction(each) for each in call.params.json_list("reaction") or []]
    if len(emoji) > MAX_OWN_REACTIONS:
        raise bad_request("REACTIONS_TOO_MANY")
    call.world.bot_react(message, emoji)
    return True


def _read_message_text(call: Call) -> tuple[str, list[Entity]]:
    text, entities = read_text(call)
    if not text:
        raise bad_request("message text is empty")
    return text, entities


def _check_length(text: str) -> None:
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request("message is too long")


def _read_reply(call: Call, chat: User | Chat) -> Message | None:
    """Return the message to answer, by reply_parameters or by the older reply_to_message_id."""
    given = call.params.json_object("reply_parameters")
    if given is None:
        message_id: object = call.params.integer("reply_to_message_id", 0)
        lenient = call.params.flag("allow_sending_without_reply")
    else:
        message_id = given.get("message_id")
        lenient = given.get("allow_sending_without_reply") is True
        if given.get("chat_id") not in (None, chat.id, str(chat.id)):
            raise bad_request("message to be replied not found")  # replies across chats are not simulated
    if not isinstance(message_id, int) or message_id == 0:
        return None
    message = call.world.message(call.bot.id, chat.id, message_id)
    if message is None and not lenient:
        raise bad_request("message to be replied not found")
    return message


def _is_own(call: Call, message: Message) -> bool:
    """Tell whether the bot wrote a message; channel posts of a bot carry no sender but have its first version."""
    return message.sender is call.bot or (message.sender is None and bool(message.edits))


def _read_reaction(given: object) -> str:
    if not isinstance(given, dict):
        raise bad_request("can't parse reaction type: expected an Object")
    emoji = given.get("emoji")
    if given.get("type") != "emoji" or not isinstance(emoji, str) or not is_allowed(emoji):
        raise bad_request("REACTION_INVALID")
    return emoji
