"""The form of answers, and of the troubles that are ordered for them."""

import re
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web

from teltubby_simulator.botapi.errors import ApiError
from teltubby_simulator.botapi.flood import too_many
from teltubby_simulator.faults import Step
from teltubby_simulator.world import World

_FLOOD = re.compile(r"FLOOD(?:_PREMIUM)?_WAIT_(\d+)")


def refusal_by(step: Step) -> ApiError | None:
    """Return the refusal that a step of a rule orders. MTProto's floods are said in the Bot API's words."""
    if step.code is None and step.error is None:
        return None
    flood = _FLOOD.fullmatch(step.error or "")
    if flood is not None or step.code in (420, 429):
        return too_many(step.retry_after or (int(flood[1]) if flood else 1))
    code = step.code or 400
    sentence = step.error or HTTPStatus(code).phrase
    if code == 400 and not sentence.startswith("Bad Request"):
        sentence = f"Bad Request: {sentence}"
    return ApiError(code, sentence, step.retry_after)


def refusal(world: World, error: ApiError) -> web.Response:
    """Return the answer that tells an error."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return answer(world, error.body(), error.code, headers)


def answer(world: World, body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer as JSON."""
    return web.json_response(body, status=status, headers=(headers or {}) | date_header(world))


def date_header(world: World) -> dict[str, str]:
    """Return the Date of an answer when Telegram's clock is wrong; the HTTP server knows the right one."""
    return {"Date": formatdate(world.telegram_time(), usegmt=True)} if world.faults.bot_api.clock_skew else {}


async def cut_short(request: web.Request, whole: web.Response, after: int) -> web.StreamResponse:
    """Send so many bytes of an answer's body, then close the connection; before any byte when it is 0."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    if after > 0:
        await response.prepare(request)
        await response.write(body[:after])
    break_off(request)
    return response


def break_off(request: web.Request) -> None:
    """Close the connection of a request; what has been written goes out before."""
    if request.transport is not None:
        request.transport.close()
