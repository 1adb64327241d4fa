"""Lets one message with unreadable properties through, where the protocol library would give up the connection.

The broker takes properties from any client without a look at them. pamqp decodes them before anybody sees the message
and raises on a time beyond the year 9999 (some clients send microseconds), on text that is not UTF-8 and on headers of
an unknown type; the connection is closed, the message comes again on the next one, and so on for ever. With these
decoders it arrives, without the property in question, and is judged by its body like any other.
"""

from collections.abc import Callable
from typing import Any

from pamqp import decode

Decoder = Callable[[bytes], tuple[int, Any]]

_TIME_BYTES = 8
_LENGTH_BYTES = 4  # of a table, before its content


def _short_text(value: bytes) -> tuple[int, str]:
    length = value[0]
    return length + 1, value[1 : length + 1].decode("utf-8", "replace")


def _time(value: bytes) -> tuple[int, Any]:
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):  # what datetime.fromtimestamp raises for what it can't hold
        return _TIME_BYTES, None


def _table(value: bytes) -> tuple[int, Any]:
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, RecursionError):
        return _LENGTH_BYTES + int.from_bytes(value[:_LENGTH_BYTES], "big"), {}


def tolerate_foreign_properties() -> None:
    """Set the decoders, for the whole process. May be called again."""
    decode.METHODS |= {"shortstr": _short_text, "timestamp": _time, "table": _table}
    decode.TABLE_MAPPING |= {b"T": _time, b"F": _table}
