"""Keeps codes and passwords out of the inbox: it is written to disk before anything else looks at it.

What follows /mtcode or /mtpass is cut out of an update before it is stored, and handed over in memory: once, soon, and
not over a restart. Also where the message is quoted, edited, or a caption, and whatever stands between the two:
Telegram takes /mtcode-1-2-3 for a command too, and whoever forgets the space has typed a password all the same.
"""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from teltubby_core.ports import RawUpdate

_COMMANDS = ("mtcode", "mtpass")
_COMMAND = re.compile(r"\s*(/(?:mtcode|mtpass))", re.IGNORECASE)
_BOT_NAME = re.compile(r"@\w+(?=\s|$)")  # as in /mtpass@archive_bot; cut too: it may be a password without its space
_CUT = " …"  # stands where something was
_TEXTS = frozenset({"text", "caption"})
_ENTITIES = {"text": "entities", "caption": "caption_entities"}
_REPEATED = ("link_preview_options",)
"""Beside a text, what may repeat a part of it."""
_REPLIED_TO = ("reply_to_message", "external_reply")
_KEPT_SECONDS = 600.0
_MOST_KEPT = 100


class Confidences:
    """What was cut out and is not used yet, by chat and message."""

    def __init__(self, allowed: Callable[[int], bool], now: Callable[[], float] = time.monotonic) -> None:
        """Only what those who are ``allowed`` say in their own chats is handed over; what others say is only cut."""
        self._allowed = allowed
        self._now = now
        self._kept: OrderedDict[tuple[int, int], tuple[float, str]] = OrderedDict()

    def cut(self, update: RawUpdate) -> RawUpdate:
        """Return the update as it may be stored."""
        if not any(command in update.raw.lower() for command in _COMMANDS):
            return update
        content = json.loads(update.raw)
        if not _cut(content):
            return update
        self._keep(json.loads(update.raw).get("message"))
        return RawUpdate(update.update_id, json.dumps(content))

    def take(self, chat_id: int, message_id: int) -> str | None:
        """Return what a message said after its command, once; None when it is not known any more."""
        self._forget_old()
        kept = self._kept.pop((chat_id, message_id), None)
        return kept[1] if kept else None

    def _keep(self, message: Any) -> None:
        try:
            chat, message_id, said = message["chat"], message["message_id"], _said(message["text"])
            chat_id, kind = chat["id"], chat["type"]
        except (KeyError, TypeError):
            return
        if said is None or type(chat_id) is not int or type(message_id) is not int:
            return
        if kind != "private" or not self._allowed(chat_id):
            return
        self._forget_old()
        self._kept[chat_id, message_id] = (self._now() + _KEPT_SECONDS, said)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _forget_old(self) -> None:
        now = self._now()
        self._kept = OrderedDict((place, kept) for place, kept in self._kept.items() if kept[0] > now)


def was_cut(text: str | None) -> bool:
    """Whether there was something in this text before it was stored."""
    return text is not None and text.endswith(_CUT) and _COMMAND.match(text) is not None


def _said(text: str) -> str | None:
    """Return what follows the command, to the letter but for the one sign that parts them; None when nothing does."""
    found = _COMMAND.match(text)
    if found is None or not text[found.end() :].strip():
        return None
    rest = text[found.end() :]
    name = _BOT_NAME.match(rest)
    rest = rest[name.end() :] if name else rest
    return rest[1:] if rest[:1].isspace() else rest


def _cut(value: Any) -> bool:
    """Cut what is confidential out of a JSON value, in place; tell whether there was anything."""
    if isinstance(value, list):
        cuts = [_cut(each) for each in value]  # all of them, not up to the first
        return any(cuts)
    if not isinstance(value, dict):
        return False
    cut = {name for name, each in list(value.items()) if _cut_text(value, name) or _cut(each)}
    if cut & _TEXTS:
        _drop(value, _REPEATED)
    if cut.intersection(_REPLIED_TO):
        _drop(value, ("quote",))  # a part of that message, which need not begin with the command
    return bool(cut)


def _cut_text(message: dict[str, Any], name: str) -> bool:
    text = message[name]
    if name not in _TEXTS or not isinstance(text, str) or _said(text) is None:
        return False
    found = _COMMAND.match(text)
    assert found is not None, "or nothing was said after it"
    message[name] = text[: found.end()] + _CUT
    # What Telegram marked reaches over what is left now; the command is one also where it did not see it.
    whole = {"type": "bot_command", "offset": found.start(1), "length": len(found[1])}
    message[_ENTITIES[name]] = [whole]
    return True


def _drop(message: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        message.pop(name, None)
