"""Methods by which a bot acts in a chat without writing: deletions, actions, reactions, answers to presses."""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.json_fields import FieldError, as_object, unparsable
from teltubby_simulator.botapi.links import LinkError, check_link
from teltubby_simulator.botapi.reactions import MAX_OWN_REACTIONS, is_allowed
from teltubby_simulator.model import Chat, Message

_DELETABLE_FOR = 48 * 3600  # seconds; core.telegram.org/bots/api#deletemessage
_LONGEST_ANSWER = 200  # characters; core.telegram.org/bots/api#answercallbackquery
_CHAT_ACTIONS = frozenset(
    {
        "typing",
        "cancel",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "record_audio",
        "upload_voice",
        "upload_audio",
        "upload_document",
        "choose_sticker",
        "find_location",
        "pick_up_location",
        "record_video_note",
        "upload_video_note",
    }
)


async def delete_message(call: Call) -> object:
    if call.params.text("chat_id") is None:
        raise bad_request("chat identifier is not specified")
    if call.params.integer("message_id", 0) == 0:
        raise bad_request("message identifier is not specified")
    message = call.message(call.chat_with_messages(), "to delete")
    _require_deletable(call, message)
    call.world.delete(message)
    return True


async def delete_messages(call: Call) -> object:
    """Delete up to 100 messages, all or none; those that do not exist are passed over."""
    ids = call.message_ids()
    chat = call.chat_with_messages()
    found = [call.world.message(call.bot.id, chat.id, each) for each in ids]
    messages = [message for message in found if message is not None]
    for message in messages:
        _require_deletable(call, message)
    for message in messages:
        call.world.delete(message)
    return True


async def send_chat_action(call: Call) -> object:
    action = (call.params.text("action") or "").lower()
    if action not in _CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = call.writable_chat()
    call.world.bot_chat_action(call.bot, chat.id, action)
    return True


async def set_message_reaction(call: Call) -> object:
    given = call.params.json("reaction", "reaction types")
    if given is not None and not isinstance(given, list):
        raise bad_request("expected an Array of ReactionType")
    try:
        emoji = [_reaction(each) for each in given or []]
    except FieldError as problem:
        raise unparsable("ReactionType", problem) from problem
    message = call.message(call.chat(), "to react")
    if len(emoji) > MAX_OWN_REACTIONS:
        raise bad_request("REACTIONS_TOO_MANY")
    if not all(is_allowed(each) for each in emoji):
        raise bad_request("REACTION_INVALID")
    call.world.bot_react(message, emoji)
    return True


async def answer_callback_query(call: Call) -> object:
    text, url = call.params.text("text") or "", call.params.text("url")
    if len(text) > _LONGEST_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    if url is not None:
        _check_answer_link(call, url)
    answer = {"text": text, "show_alert": call.params.flag("show_alert")} | ({"url": url} if url else {})
    if not call.world.bot_answer(call.bot, call.params.integer("callback_query_id", 0), answer):
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    return True


def _require_deletable(call: Call, message: Message) -> None:
    if isinstance(message.chat, Chat) and not _may_delete(call, message.chat, message):
        raise bad_request("message can't be deleted")
    if call.world.telegram_time() - message.date > _DELETABLE_FOR:
        raise bad_request("message can't be deleted for everyone")


def _may_delete(call: Call, chat: Chat, message: Message) -> bool:
    """Tell whether the bot may delete a message: any by that right, its own by another one or in a group."""
    rights = call.world.rights(chat, call.bot)
    if "can_delete_messages" in rights:
        return True
    own = message.author is call.bot
    return own and (chat.kind != "channel" or "can_post_messages" in rights)


def _reaction(given: object) -> str:
    """Return the emoji; what is none a bot may set, such as a custom one, is judged with the message."""
    fields = as_object(given)
    kind = fields.text("type")
    if kind == "emoji":
        return fields.text("emoji")
    if kind == "custom_emoji":
        return str(fields.integer("custom_emoji_id"))
    raise FieldError("invalid reaction type specified")


def _check_answer_link(call: Call, url: str) -> None:
    """Refuse links other than to a game, or with a parameter to the bot itself."""
    own = f"t.me/{call.bot.username}?start="
    try:
        check_link(url)
    except LinkError as error:
        raise _url_invalid() from error
    if own.lower() not in url.lower():
        raise _url_invalid()


def _url_invalid() -> ApiError:
    return bad_request("URL_INVALID")
