"""Methods that send one message: a text, a file, or something special.

The order of the checks is Telegram's: what the call says is read first, then the chat, then the message to answer.
Source of the sentences: tdlib/telegram-bot-api, Client.cpp.
"""

from teltubby_simulator.botapi.call import Call, Method
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.formatting import check_caption, check_message_text
from teltubby_simulator.botapi.keyboards import check_markup, parse_markup
from teltubby_simulator.botapi.uploads import add_thumbnail, read_media
from teltubby_simulator.drafts import WITHOUT_CAPTION, Draft
from teltubby_simulator.files import FileFields
from teltubby_simulator.model import MediaKind

_LONGEST_SIDE = 10_000  # pixels; Telegram corrects what is above
_LONGEST_TIME = 24 * 3600  # seconds
_DICE = {"🎲": 6, "🎯": 6, "🏀": 5, "⚽": 5, "🎳": 6, "🎰": 64}  # emoji and number of values
_LONGEST_QUESTION = 300  # characters
_LONGEST_OPTION = 100
_OPTIONS = range(2, 13)


async def send_message(call: Call) -> object:
    if call.params.text("text") is None:
        raise bad_request("message text is empty")
    formatted = call.formatted("text", "entities")
    return _send(call, {"text": formatted.text, "entities": formatted.entities})


def sender_of(kind: MediaKind) -> Method:
    """Return the method that sends one kind of file."""

    async def send(call: Call) -> object:
        details = _details(call)
        media = read_media(call, kind, call.params.text(kind), kind, details)
        if media is None:
            raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
        if call.params.upload(kind) is not None:
            add_thumbnail(call, media, call.params.text("thumbnail"))
        caption = call.formatted("caption", "caption_entities")
        draft: Draft = {"media": media}
        if caption.text and media.kind not in WITHOUT_CAPTION:
            draft |= {"caption": caption.text, "entities": caption.entities}
        return _send(call, draft)

    return send


async def send_location(call: Call) -> object:
    return _send(call, {"special": {"location": _location(call)}})


async def send_venue(call: Call) -> object:
    location = _location(call)
    names = {name: call.params.text(name) or "" for name in ("title", "address")}
    venue: dict[str, object] = {"location": location, **names}
    return _send(call, {"special": {"location": location, "venue": venue}})


async def send_contact(call: Call) -> object:
    contact: dict[str, object] = {name: call.params.required_text(name) for name in ("phone_number", "first_name")}
    contact |= {name: call.params.text(name) for name in ("last_name", "vcard") if call.params.text(name)}
    return _send(call, {"special": {"contact": contact}})


async def send_dice(call: Call) -> object:
    emoji = (call.params.text("emoji") or "🎲").replace("\ufe0f", "")
    if emoji not in _DICE:
        raise bad_request("DICE_EMOTICON_INVALID")
    value = call.world.random_number(1, _DICE[emoji])
    return _send(call, {"special": {"dice": {"emoji": emoji, "value": value}}})


async def send_poll(call: Call) -> object:
    question = (call.params.text("question") or "").strip()
    options = call.params.json("options", "options")
    if not isinstance(options, list):
        raise bad_request("expected an Array of String as options")
    texts = [_option(each) for each in options]
    if len(question) > _LONGEST_QUESTION:
        raise bad_request(f"poll question length must not exceed {_LONGEST_QUESTION}")
    if not question or len(texts) not in _OPTIONS or not all(0 < len(text) <= _LONGEST_OPTION for text in texts):
        raise bad_request("wrong poll data specified")
    poll: dict[str, object] = {
        "id": str(call.world.random_number(1, 2**62)),
        "question": question,
        "options": [{"persistent_id": str(n), "text": text, "voter_count": 0} for n, text in enumerate(texts)],
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": "is_anonymous" not in call.params or call.params.flag("is_anonymous"),
        "type": "regular",
        "allows_multiple_answers": call.params.flag("allows_multiple_answers"),
        "allows_revoting": True,
        "members_only": False,
    }
    return _send(call, {"special": {"poll": poll}})


def _send(call: Call, draft: Draft) -> object:
    markup = parse_markup(call)
    chat = call.writable_chat()
    draft["reply_to"] = call.reply_target(chat)
    if "text" in draft:
        check_message_text(draft["text"] or "")
    check_caption(draft.get("caption") or "")
    check_markup(markup, chat)
    call.count_messages(chat)
    return call.view.message(call.world.bot_send(call.bot, chat, reply_markup=markup, **draft))


def _details(call: Call) -> FileFields:
    params = call.params
    sides = {name: params.clamped(name, 0, 0, _LONGEST_SIDE) for name in ("width", "height", "length")}
    return {
        "width": sides["width"] or sides["length"] or None,
        "height": sides["height"] or sides["length"] or None,
        "duration": params.clamped("duration", 0, 0, _LONGEST_TIME) or None,
        "performer": params.text("performer"),
        "title": params.text("title"),
        "emoji": params.text("emoji"),
    }


def _location(call: Call) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, limit in (("latitude", 90.0), ("longitude", 180.0)):
        text = (call.params.text(name) or "").strip()
        if not text:
            raise bad_request(f"{name} is empty")
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = 0.0  # as Telegram reads what is no number
        if not -limit <= float(str(found[name])) <= limit:
            raise bad_request("invalid location specified")
    return found


def _option(given: object) -> str:
    text = given.get("text") if isinstance(given, dict) else given
    if not isinstance(text, str):
        raise bad_request("expected an option to be of type String")
    return text.strip()
