"""How the control API speaks HTTP: actions on JSON bodies, waiting for what is to come, failures with their reason."""

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from teltubby_simulator.control_values import Fields
from teltubby_simulator.notifier import Notifier

T = TypeVar("T")

Action = Callable[[Fields], object]

_LONGEST_WAIT = 60.0  # seconds


def posted(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap an action on the fields of a JSON body: what it can't do is 400, whom it can't find 404."""

    async def serve(request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            if not isinstance(body, dict):
                return failure(400, "the body must be a JSON object")
            return web.json_response(action(Fields(body)))
        except ValueError as error:
            return failure(400, str(error))
        except KeyError as error:
            return failure(404, f"there is no {error.args[0]}")

    return serve


async def awaited(request: web.Request, changed: Notifier, look: Callable[[], list[T]]) -> list[T]:
    """Return what there is; with at_least, wait up to timeout seconds until there is so much."""
    at_least, timeout = _waiting(request)
    try:
        await changed.wait_for(lambda: len(look()) >= at_least, timeout)
    except TimeoutError:
        return look()  # the reader sees for itself that there are fewer
    return look()


def _waiting(request: web.Request) -> tuple[int, float]:
    """Return how many to wait for and how many seconds, both 0 when not asked."""
    at_least = request.query.get("at_least", "0")
    timeout = request.query.get("timeout", "0")
    try:
        return int(at_least), min(max(float(timeout), 0.0), _LONGEST_WAIT)
    except ValueError as error:
        raise web.HTTPBadRequest(text="at_least and timeout are numbers") from error


def failure(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


def dumps(value: object) -> str:
    return json.dumps(value, default=str)
