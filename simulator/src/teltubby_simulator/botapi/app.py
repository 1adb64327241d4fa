"""Routes and dispatch."""

import asyncio
import logging

from aiohttp import web

from teltubby_simulator.accounts import TOKEN
from teltubby_simulator.botapi.answers import answer, cut_short, refusal, refusal_by
from teltubby_simulator.botapi.call import Call, Described, DoorState
from teltubby_simulator.botapi.delivery import Deliveries
from teltubby_simulator.botapi.downloads import Downloads
from teltubby_simulator.botapi.errors import ApiError
from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.botapi.flood import FloodGate
from teltubby_simulator.botapi.methods import METHODS
from teltubby_simulator.botapi.params import Params, read_params
from teltubby_simulator.faults import PASS, Asked, Step
from teltubby_simulator.model import User
from teltubby_simulator.world import World

_log = logging.getLogger(__name__)


class BotApi:
    """The Bot API of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        file_ids = FileIds(world.clock)
        self._downloads = Downloads(world, file_ids)
        self._state = DoorState(world, file_ids, FloodGate(world.clock))
        self._deliveries = Deliveries(world, self._state.view, self._run)
        self._state.follow_webhook = self._deliveries.follow

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [
            web.route("*", "/bot{token:[^/]+}/{method:.*}", self._serve_method),
            web.get("/file/bot{token:[^/]+}/{path:.+}", self._serve_file),
        ]

    def close(self) -> None:
        """Let long polls that wait end at once, with nothing, and send nothing more to webhooks."""
        self._state.closing = True
        self._deliveries.close()
        self._world.changed.notify()

    async def _serve_method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        bot: User | None = None
        params, step = Params({}), PASS
        try:
            bot = self._authorise(request)
            params = await read_params(request)
        except ApiError as error:
            self._record(name, bot, params, error)
            response = refusal(self._world, error)
        else:
            step = self._world.faults.take(Asked("bot_api", name, bot.id))
            response = await self._answer(bot, name, params, step)
        await asyncio.sleep(self._world.faults.bot_api.latency + step.delay)
        return response if step.cut_after is None else await cut_short(request, response, step.cut_after)

    async def _answer(self, bot: User, name: str, params: Params, step: Step) -> web.Response:
        """Let a step refuse a call before it has any effect, else run it."""
        outcome = refusal_by(step)
        if outcome is not None:
            self._record(name, bot, params, outcome)
            return refusal(self._world, outcome)
        result = await self._run(bot, name, params)
        if isinstance(result, ApiError):
            return refusal(self._world, result)
        if isinstance(result, Described):
            return answer(self._world, {"ok": True, "result": result.result, "description": result.description})
        return answer(self._world, {"ok": True, "result": result})

    async def _run(self, bot: User, name: str, params: Params) -> object:
        """Return the result of a call, or the error that it ended with; either way the journal has it."""
        try:
            method = METHODS.get(name.lower())
            if method is None:
                _log.warning("the Bot API was asked for %.60r, which it has not", name)
                raise ApiError(404, "Not Found: method not found")
            result = await method(Call(self._state, self._world.account(bot), params))
        except ApiError as error:
            self._record(name, bot, params, error)
            return error
        self._record(name, bot, params, None)
        return result

    def _record(self, name: str, bot: User | None, params: Params, error: ApiError | None) -> None:
        outcome = "ok" if error is None else f"{error.code} {error.description}"
        self._world.journal.record("bot_api", name, bot.id if bot else None, params.shown(), outcome)

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
            return refusal(self._world, error)
        return await self._downloads.serve(request, bot)
