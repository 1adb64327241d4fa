"""JSON that a bot sends inside a parameter, read as strictly as Telegram reads it and refused in its words.

Source of the sentences: tdlib/td, tdutils/td/utils/JsonBuilder.cpp.
"""

import json
from collections.abc import Mapping

from teltubby_simulator.botapi.errors import ApiError, bad_request


class FieldError(ValueError):
    """Something is wrong with a field; the sentence begins with a capital, as inside of another one."""


class JsonFields:
    """A JSON object whose fields are asked for by type."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> object:
        return self._values.get(name)

    def text(self, name: str) -> str:
        """Return a string, also for a number, as Telegram does."""
        if name not in self._values:
            raise FieldError(f'Can\'t find field "{name}"')
        return self.optional_text(name)

    def optional_text(self, name: str) -> str:
        value = self._values.get(name, "")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise FieldError(f'Field "{name}" must be of type String')
        return str(value)

    def integer(self, name: str) -> int:
        if name not in self._values:
            raise FieldError(f'Can\'t find field "{name}"')
        return self.optional_integer(name)

    def optional_integer(self, name: str) -> int:
        value = self._values.get(name, 0)
        try:
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise FieldError(f'Field "{name}" must be of type Number')
            return int(value)
        except ValueError as error:
            raise FieldError(f'Field "{name}" must be a valid Number') from error

    def flag(self, name: str) -> bool:
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise FieldError(f'Field "{name}" must be of type Boolean')
        return value

    def array(self, name: str) -> list[object]:
        """Return an array, empty when absent."""
        value = self._values.get(name, [])
        if not isinstance(value, list):
            raise FieldError(f'Field "{name}" must be of type Array')
        return value


def as_object(value: object) -> JsonFields:
    """Return an element of an array as an object."""
    if not isinstance(value, dict):
        raise FieldError("expected an Object")
    return JsonFields(value)


def decode(text: str, name: str) -> object:
    """Return what a parameter holds; ``name`` stands in Telegram's sentence."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise bad_request(f"can't parse {name} JSON object") from error


def unparsable(kind: str, problem: FieldError) -> ApiError:
    """Return the refusal of a value of this kind, such as "BotCommand"."""
    return bad_request(f"can't parse {kind}: {problem}")


def as_sentence(problem: FieldError) -> ApiError:
    """Return the refusal that consists of the problem alone; Telegram writes its first letter small."""
    text = str(problem)
    return bad_request(text[0].lower() + text[1:])
