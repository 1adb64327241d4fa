"""The bot's menu of commands, kept for each scope and language.

Source of the sentences: tdlib/telegram-bot-api, Client::get_bot_commands, and tdlib/td, BotCommand.cpp; those in
capitals are the server's own.
"""

import json
import re

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.json_fields import FieldError, as_object, unparsable
from teltubby_simulator.model import Chat, User

_MAX_COMMANDS = 100
_MAX_COMMAND = 32
_MAX_DESCRIPTION = 256
_COMMAND = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})
_SCOPES_OF_CHATS = frozenset({"chat", "chat_administrators", "chat_member"})


async def set_my_commands(call: Call) -> object:
    given = call.params.json("commands", "commands")
    if given is not None and not isinstance(given, list):
        raise bad_request("expected an Array of BotCommand")
    try:
        commands = [_read(each) for each in given or []]
    except FieldError as problem:
        raise unparsable("BotCommand", problem) from problem
    key = _key(call)
    checked = [_checked(*each) for each in commands]
    if len(checked) > _MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    call.account.commands[key] = checked
    return True


async def get_my_commands(call: Call) -> object:
    return call.account.commands.get(_key(call), [])


async def delete_my_commands(call: Call) -> object:
    call.account.commands.pop(_key(call), None)
    return True


def _read(given: object) -> tuple[str, str]:
    fields = as_object(given)
    return fields.text("command"), fields.text("description")


def _checked(command: str, description: str) -> dict[str, str]:
    command, description = command.strip().removeprefix("/"), description.strip()
    if not command:
        raise bad_request("command must be non-empty")
    if len(command) > _MAX_COMMAND:
        raise bad_request(f"command length must not exceed {_MAX_COMMAND}")
    if not description:
        raise bad_request("command description must be non-empty")
    if len(description) > _MAX_DESCRIPTION:
        raise bad_request(f"command description length must not exceed {_MAX_DESCRIPTION}")
    if not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    return {"command": command, "description": description}


def _key(call: Call) -> str:
    """Return what a menu is kept under. Raises ApiError for a scope or language that does not exist."""
    language = call.params.text("language_code") or ""
    scope = _scope(call)
    if language and not _LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    return json.dumps([*scope, language])


def _scope(call: Call) -> list[object]:
    given = call.params.json("scope", "BotCommandScope")
    if given is None:
        return ["default"]
    try:
        if not isinstance(given, dict):
            raise FieldError("BotCommandScope must be an Object")
        fields = as_object(given)
        kind = fields.text("type")
        if kind in _SCOPES:
            return [kind]
        if kind not in _SCOPES_OF_CHATS:
            raise FieldError("Unsupported type specified")
        chat_id = fields.text("chat_id")
        if not chat_id:
            raise FieldError("Empty chat_id specified")
        member = fields.integer("user_id") if kind == "chat_member" else 0
        if kind == "chat_member" and member <= 0:
            raise FieldError("Invalid user_id specified")
    except FieldError as problem:
        raise unparsable("BotCommandScope", problem) from problem
    return [kind, _chat_of_scope(kind, call.find_chat(chat_id)).id, member]


def _chat_of_scope(kind: str, chat: User | Chat) -> User | Chat:
    if isinstance(chat, User) and kind != "chat":
        raise bad_request("can't use specified scope in private chats")
    if isinstance(chat, Chat) and chat.kind == "channel":
        raise bad_request("can't change commands in channel chats")
    return chat
