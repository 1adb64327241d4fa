"""What stands in English elsewhere, in the language that is spoken.

Reasons are recorded in English, since message.json and the log tell them too. Those of our own are known by the
catalogue's English form of them, so that a further one is two lines there and none here.
"""

import re
from importlib.resources import files

from fluent.runtime import FluentResource
from fluent.syntax import ast

from teltubby_bot.catalogue import DEFAULT, Text, say, spoken

_PREFIX = "reason-"


def reason(recorded: str) -> str:
    """Say a recorded reason in the language that is spoken.

    What it holds of other reasons is said so too; what others said, Telegram or a store, stays as it is.
    """
    if spoken() == DEFAULT:
        return recorded
    for key, pattern in _PATTERNS:
        if found := pattern.fullmatch(recorded):
            return say(key, **{name: reason(value) for name, value in found.groupdict().items()})
    return recorded


def said(text: str) -> str:
    """Say what was made for a reader of any language, in the one that is spoken."""
    if not isinstance(text, Text):
        return reason(text)
    values = {name: said(value) if isinstance(value, str) else value for name, value in text.values}
    return say(text.key, **values)


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return what each reason looks like: the first that fits counts, so those that say more come first."""
    source = files("teltubby_bot.catalogue").joinpath(f"{DEFAULT}.ftl").read_text("utf-8")
    messages = [entry for entry in FluentResource(source).body if isinstance(entry, ast.Message)]
    return [(message.id.name, _pattern(message)) for message in messages if message.id.name.startswith(_PREFIX)]


def _pattern(message: ast.Message) -> re.Pattern[str]:
    assert message.value is not None, "or it is no message"
    return re.compile("".join(map(_part, message.value.elements)), re.DOTALL)


def _part(element: ast.TextElement | ast.Placeable) -> str:
    if isinstance(element, ast.TextElement):
        return re.escape(element.value)
    assert isinstance(element.expression, ast.VariableReference), "a reason has no forms to choose from"
    return f"(?P<{element.expression.id.name}>.+?)"


_PATTERNS = _patterns()  # read here: no text may wait for the disk
