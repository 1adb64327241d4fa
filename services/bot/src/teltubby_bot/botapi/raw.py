"""Fields of the Bot API's JSON, each by its own type: a wrong one counts as absent, so that it can't spoil the rest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Fields = Mapping[str, Any]

_LARGEST = 2**63 - 1
"""What database and documents can hold; Telegram's own numbers have at most 52 bits."""


def fields(value: Any) -> Fields:
    """Return an object's fields; none when it is no object."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Fields]:
    """Return the objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(given: Fields, name: str) -> str | None:
    """Return a text."""
    value = given.get(name)
    return value if isinstance(value, str) else None


def number(given: Fields, name: str) -> int | None:
    """Return a whole number of at most 64 bits."""
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None


def count(given: Fields, name: str) -> int | None:
    """Return a number that can't be negative: a size, a length, seconds."""
    value = number(given, name)
    return value if value is not None and value >= 0 else None


def moment(given: Fields, name: str) -> datetime | None:
    """Return a time that is given in Unix seconds."""
    value = count(given, name)
    try:
        return None if value is None else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
