"""Keyboards: what Telegram takes under a message, and under the field where a user writes.

Source of the sentences: tdlib/telegram-bot-api, Client::get_reply_markup, and tdlib/td, ReplyMarkup.cpp; those in
capitals are the server's own.
"""

import json

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.json_fields import FieldError, JsonFields, as_object, as_sentence, decode
from teltubby_simulator.botapi.links import LinkError, check_link
from teltubby_simulator.model import Chat, User

Markup = dict[str, object]

_CALLBACK_DATA = range(1, 65)  # bytes
_MOST_BUTTONS = 100  # under a message
_MOST_KEYS = 300  # of a reply keyboard
_LARGEST = 10_000  # bytes of the whole as JSON
_COPIED_TEXT = range(1, 257)  # characters
_OTHER_TYPES = (
    "callback_game",
    "pay",
    "switch_inline_query",
    "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat",
    "login_url",
    "web_app",
)
_PRIVATE_ONLY = {
    "request_contact": "phone number can be requested in private chats only",
    "request_location": "location can be requested in private chats only",
    "request_poll": "poll can be requested in private chats only",
}


def parse_markup(call: Call) -> Markup | None:
    """Return the keyboard of a call as far as its form is right; ``check_markup`` judges its content."""
    given = call.params.text("reply_markup")
    if given is None:
        return None
    value = decode(given, "reply keyboard markup")
    if not isinstance(value, dict):
        raise bad_request("object expected as reply markup")
    try:
        return _read(JsonFields(value), value)
    except FieldError as problem:
        raise as_sentence(problem) from problem


def check_markup(markup: Markup | None, chat: User | Chat) -> None:
    """Refuse what the server does not take: empty or overlong buttons, too many, wrong links."""
    if markup is None:
        return
    inline = "inline_keyboard" in markup
    rows = markup.get("inline_keyboard" if inline else "keyboard", [])
    assert isinstance(rows, list)
    buttons = [button for row in rows for button in row]
    for button in buttons:
        if inline:
            _check_button(button)
        else:
            _check_key(button, chat)
    if len(buttons) > (_MOST_BUTTONS if inline else _MOST_KEYS) or len(json.dumps(markup).encode()) > _LARGEST:
        raise bad_request("reply markup is too long")


def check_inline(markup: Markup | None, chat: User | Chat) -> None:
    """Refuse any keyboard but buttons under the message, as edits do."""
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    check_markup(markup, chat)


def _read(fields: JsonFields, value: Markup) -> Markup | None:
    keys, rows = _rows(fields, "keyboard"), _rows(fields, "inline_keyboard")
    for key in (key for row in keys for key in row):
        _read_key(key)
    buttons = [[_read_button(button) for button in row] for row in rows if row]
    removed = fields.flag("remove_keyboard") or fields.flag("hide_keyboard")
    forced = fields.flag("force_reply")
    if any(keys):
        return {"keyboard": keys} | {name: each for name, each in value.items() if name != "inline_keyboard"}
    if buttons:
        return {"inline_keyboard": buttons}
    if removed:
        return {"remove_keyboard": True}
    return {"force_reply": True} if forced else None


def _rows(fields: JsonFields, name: str) -> list[list[object]]:
    rows = fields.array(name)
    if not all(isinstance(row, list) for row in rows):
        owner = " of the InlineKeyboardMarkup" if name == "inline_keyboard" else ""
        raise FieldError(f'Field "{name}"{owner} must be an Array of Arrays')
    return [row for row in rows if isinstance(row, list)]


def _read_key(key: object) -> None:
    if isinstance(key, str):
        return
    try:
        if not isinstance(key, dict):
            raise FieldError("KeyboardButton must be a String or an Object")
        JsonFields(key).text("text")
    except FieldError as problem:
        raise bad_request(f"can't parse keyboard button: {problem}") from problem


def _read_button(button: object) -> Markup:
    """Return a button with its text and the one thing that it does; of several, Telegram takes the first here."""
    try:
        if not isinstance(button, dict):
            raise FieldError("InlineKeyboardButton must be an Object")
        fields = JsonFields(button)
        read: Markup = {"text": fields.text("text")}
        for name in ("url", "callback_data"):
            if fields.optional_text(name):
                return read | {name: fields.optional_text(name)}
        if "copy_text" in fields:
            return read | {"copy_text": {"text": as_object(fields.raw("copy_text")).text("text")}}
        for name in _OTHER_TYPES:
            if name in fields:
                return read | {name: fields.raw(name)}
        raise FieldError("Text buttons are unallowed in the inline keyboard")
    except FieldError as problem:
        raise bad_request(f"can't parse inline keyboard button: {problem}") from problem


def _check_button(button: dict[str, object]) -> None:
    if not button["text"]:
        raise bad_request("inline keyboard button text must be non-empty")
    url, data, copied = button.get("url"), button.get("callback_data"), button.get("copy_text")
    if url:
        try:
            check_link(str(url))
        except LinkError as problem:
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: {problem}") from problem
        if " " in str(url) or ".." in str(url).partition("//")[2].partition("/")[0]:
            raise bad_request("BUTTON_URL_INVALID")
    elif data and len(str(data).encode()) not in _CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    elif isinstance(copied, dict) and len(copied["text"]) not in _COPIED_TEXT:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")


def _check_key(key: object, chat: User | Chat) -> None:
    fields = JsonFields(key if isinstance(key, dict) else {"text": key})
    if not fields.raw("text"):
        raise bad_request("keyboard button text must be non-empty")
    for name, sentence in _PRIVATE_ONLY.items():
        if fields.raw(name) and isinstance(chat, Chat):
            raise bad_request(sentence)
