"""Routes, dispatch and the form of answers."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from teltubby_simulator.accounts import TOKEN
from teltubby_simulator.botapi import commands, reading, writing
from teltubby_simulator.botapi.call import Call, DoorState, Method
from teltubby_simulator.botapi.errors import ApiError
from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.botapi.flood import FloodGate
from teltubby_simulator.botapi.params import Params, read_params
from teltubby_simulator.model import StoredFile, User
from teltubby_simulator.world import World

BLOCK = 256 * 1024  # bytes of a download that are in memory at a time

_METHODS: dict[str, Method] = {
    "getme": reading.get_me,
    "getupdates": reading.get_updates,
    "deletewebhook": reading.delete_webhook,
    "getwebhookinfo": reading.get_webhook_info,
    "getchat": reading.get_chat,
    "getfile": reading.get_file,
    "sendmessage": writing.send_message,
    "editmessagetext": writing.edit_message_text,
    "deletemessage": writing.delete_message,
    "copymessage": writing.copy_message,
    "sendchataction": writing.send_chat_action,
    "setmessagereaction": writing.set_message_reaction,
    "setmycommands": commands.set_my_commands,
    "getmycommands": commands.get_my_commands,
    "deletemycommands": commands.delete_my_commands,
}


class BotApi:
    """The Bot API of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = DoorState(world, FileIds(world.clock), FloodGate(world.clock))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [
            web.route("*", "/bot{token:[^/]+}/{method:.*}", self._serve_method),
            web.get("/file/bot{token:[^/]+}/{path:.+}", self._serve_file),
        ]

    def close(self) -> None:
        """Let long polls that wait end at once, with nothing."""
        self._state.closing = True
        self._world.changed.notify()

    async def _serve_method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        bot: User | None = None
        params = Params({})
        try:
            bot = self._authorise(request)
            params = await read_params(request)
            result = await self._run(name, bot, params)
        except ApiError as error:
            outcome, response = f"{error.code} {error.description}", _refusal(error)
        else:
            outcome, response = "ok", web.json_response({"ok": True, "result": result})
        self._world.journal.record("bot_api", name, bot.id if bot else None, params.shown(), outcome)
        if self._world.latency > 0:
            await asyncio.sleep(self._world.latency)
        return response

    async def _run(self, name: str, bot: User, params: Params) -> object:
        method = _METHODS.get(name.lower())
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        return await method(Call(self._state, self._world.account(bot), params))

    def _authorise(self, request: web.Request) -> User:
        token = request.match_info["token"]
        if not TOKEN.fullmatch(token):
            raise ApiError(404, "Not Found")
        bot = self._world.bot_by_token(token)
        if bot is None:
            raise ApiError(401, "Unauthorized")
        return bot

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        try:
            bot = self._authorise(request)
        except ApiError as error:
            return _refusal(error)
        file = self._state.file_ids.file_at(bot.id, request.match_info["path"])
        if file is None:
            return _refusal(ApiError(404, "Not Found"))
        self._world.journal.record("bot_api", "download", bot.id, {"path": request.match_info["path"]})
        if self._world.latency > 0:
            await asyncio.sleep(self._world.latency)
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = file.content.size
        await response.prepare(request)
        async for block in _blocks(file):
            await response.write(block)
        await response.write_eof()
        return response


async def _blocks(file: StoredFile) -> AsyncIterator[bytes]:
    for offset in range(0, file.content.size, BLOCK):
        yield file.content.read(offset, BLOCK)


def _refusal(error: ApiError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return web.json_response(error.body(), status=error.code, headers=headers)
