"""The bot's menu of commands, kept for each scope and language."""

import json
import re

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request

_MAX_COMMANDS = 100
_MAX_DESCRIPTION = 256
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)


async def set_my_commands(call: Call) -> object:
    given = call.params.json_list("commands")
    if given is None:
        raise bad_request("expected an Array of BotCommand")
    if len(given) > _MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    call.account.commands[_key(call)] = [_read_command(each) for each in given]
    return True


async def get_my_commands(call: Call) -> object:
    return call.account.commands.get(_key(call), [])


async def delete_my_commands(call: Call) -> object:
    call.account.commands.pop(_key(call), None)
    return True


def _read_command(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    command = str(given.get("command", "")).removeprefix("/").lower()
    description = str(given.get("description", "")).strip()
    if not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= _MAX_DESCRIPTION:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}


def _key(call: Call) -> str:
    scope = call.params.json_object("scope") or {"type": "default"}
    if scope.get("type") not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    return json.dumps([scope, call.params.text("language_code") or ""], sort_keys=True)
