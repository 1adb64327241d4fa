"""Parameters of a call: wherever they came from, they are strings, as at Telegram; here they get their types."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.json_fields import decode

_TRUE = frozenset({"true", "yes", "1"})
_INT64_DIGITS = 19
TOKEN_CHARACTERS = re.compile(r"[A-Za-z0-9_-]*")  # of a secret token


@dataclass(frozen=True)
class Upload:
    """A file that came with the call as multipart/form-data."""

    file_name: str
    mime_type: str
    payload: bytes


class Params:
    """The arguments of one call. An empty string counts as absent."""

    def __init__(self, values: Mapping[str, str], files: Mapping[str, Upload] | None = None) -> None:
        self._values = values
        self._files = files or {}

    def shown(self) -> dict[str, object]:
        """Return everything for the journal, of files their size; the one secret that methods take is left out."""
        shown: dict[str, object] = dict(self._values)
        if "secret_token" in shown:
            shown |= {"secret_token": "…"}
        return shown | {name: f"<{len(file.payload)} bytes>" for name, file in self._files.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        return self._values.get(name) or None

    def required_text(self, name: str) -> str:
        """Return a string. Raises ApiError when it is absent or empty."""
        found = self.text(name)
        if found is None:
            raise bad_request(f'parameter "{name}" is required')
        return found

    def flag(self, name: str) -> bool:
        return self._values.get(name, "").strip().lower() in _TRUE

    def integer(self, name: str, default: int) -> int:
        """Return a number; like Telegram, take what is no number for 0."""
        value = self.text(name)
        return default if value is None else parse_integer(value) or 0

    def clamped(self, name: str, default: int, least: int, most: int) -> int:
        """Return a number inside its range: Telegram corrects instead of refusing."""
        return max(least, min(self.integer(name, default), most))

    def json(self, name: str, shown_name: str) -> object:
        """Return a JSON value, or None when absent; ``shown_name`` is what Telegram calls it in a refusal."""
        value = self.text(name)
        return None if value is None else decode(value, shown_name)

    def upload(self, name: str) -> Upload | None:
        """Return the file sent under a name."""
        return self._files.get(name)


def parse_integer(value: str) -> int | None:
    """Return a decimal 64-bit number, or None for anything else."""
    digits = value.strip().removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _INT64_DIGITS:
        return None
    return int(value)


async def read_params(request: web.Request) -> Params:
    """Collect the arguments of query string and body; the body wins.

    Raises:
        ApiError: the body is no JSON object, no text, or too large.
    """
    values = dict(request.query)
    files: dict[str, Upload] = {}
    try:
        if request.method == "POST":
            values.update(await _read_body(request, files))
        "".join(values.values()).encode()  # a lone surrogate, as JSON can hold it, is no text
    except UnicodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError(413, "Request Entity Too Large") from error
    return Params(values, files)


def params_of_answer(content_type: str, raw: bytes) -> Params:
    """Return the arguments of a call that stands in a webhook's answer; none when it can't be read."""
    try:
        body = json.loads(raw) if content_type == "application/json" and raw.strip() else {}
    except ValueError:
        body = {}
    return Params({name: _as_text(value) for name, value in body.items()} if isinstance(body, dict) else {})


async def _read_body(request: web.Request, files: dict[str, Upload]) -> dict[str, str]:
    if request.content_type == "application/json":
        return await _read_json(request)
    found: dict[str, str] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = Upload(value.filename, value.content_type, await asyncio.to_thread(value.file.read))
        elif isinstance(value, str):
            found[name] = value
    return found


async def _read_json(request: web.Request) -> dict[str, str]:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_request("can't parse object") from error
    if not isinstance(body, dict):
        raise bad_request("JSON object expected")
    return {name: _as_text(value) for name, value in body.items() if value is not None}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
