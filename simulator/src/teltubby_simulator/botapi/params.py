"""Parameters of a call: wherever they came from, they are strings, as at Telegram; here they get their types."""

import json
from collections.abc import Mapping

from aiohttp import web

from teltubby_simulator.botapi.errors import bad_request

_TRUE = frozenset({"true", "yes", "1"})
_INT64_DIGITS = 19


class Params:
    """The arguments of one call. An empty string counts as absent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def shown(self) -> dict[str, object]:
        """Return everything for the journal; no method here takes a secret."""
        return dict(self._values)

    def text(self, name: str) -> str | None:
        return self._values.get(name) or None

    def flag(self, name: str) -> bool:
        return self._values.get(name, "").strip().lower() in _TRUE

    def integer(self, name: str, default: int) -> int:
        """Return a number; like Telegram, take what is no number for 0."""
        value = self.text(name)
        return default if value is None else parse_integer(value) or 0

    def clamped(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number inside its range: Telegram corrects instead of refusing."""
        return max(least, min(self.integer(name, default), most))

    def json_object(self, name: str) -> dict[str, object] | None:
        """Return a JSON object, or None when absent."""
        found = self._json(name)
        if found is not None and not isinstance(found, dict):
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object")
        return found

    def json_list(self, name: str) -> list[object] | None:
        """Return a JSON array, or None when absent."""
        found = self._json(name)
        if found is not None and not isinstance(found, list):
            raise bad_request(f"expected an Array of {name}")
        return found

    def _json(self, name: str) -> object:
        value = self.text(name)
        if value is None:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from error


def parse_integer(value: str) -> int | None:
    """Return a decimal 64-bit number, or None for anything else."""
    digits = value.strip().removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _INT64_DIGITS:
        return None
    return int(value)


async def read_params(request: web.Request) -> Params:
    """Collect the arguments of query string and body; the body wins."""
    values = dict(request.query)
    try:
        if request.method == "POST":
            values.update(await _read_body(request))
        "".join(values.values()).encode()  # a lone surrogate, as JSON can hold it, is no text
    except UnicodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    return Params(values)


async def _read_body(request: web.Request) -> dict[str, str]:
    if request.content_type == "application/json":
        return await _read_json(request)
    form = await request.post()
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _read_json(request: web.Request) -> dict[str, str]:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_request("can't parse JSON object in the request body") from error
    if not isinstance(body, dict):
        raise bad_request("the request body must be a JSON object")
    return {name: _as_text(value) for name, value in body.items() if value is not None}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
