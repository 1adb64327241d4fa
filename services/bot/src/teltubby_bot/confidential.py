"""Keeps codes and passwords out of the inbox: it is written to disk before anything else looks at it.

What follows /mtcode or /mtpass is cut out of an update before it is stored, and handed over in memory: once, soon, and
not over a restart. Also where the message is quoted, edited, or a caption.
"""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from teltubby_core.ports import RawUpdate

_COMMANDS = ("mtcode", "mtpass")
_SAID = re.compile(r"\s*/(?:mtcode|mtpass)(?:@\w+)?(?=\s|$)", re.IGNORECASE)
_TEXTS = frozenset({"text", "caption"})
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
            chat_id, message_id, text = message["chat"]["id"], message["message_id"], message["text"]
            said = _SAID.match(text)
        except (KeyError, TypeError):
            return
        if said is None or message["chat"].get("type") != "private" or not self._allowed(chat_id):
            return
        self._forget_old()
        self._kept[chat_id, message_id] = (self._now() + _KEPT_SECONDS, text[said.end() :].lstrip())
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _forget_old(self) -> None:
        now = self._now()
        self._kept = OrderedDict((place, kept) for place, kept in self._kept.items() if kept[0] > now)


def _cut(value: Any) -> bool:
    """Cut what is confidential out of a JSON value, in place; tell whether there was anything."""
    if isinstance(value, list):
        cuts = [_cut(each) for each in value]  # all of them, not up to the first
        return any(cuts)
    if not isinstance(value, dict):
        return False
    found = False
    for name, each in value.items():
        said = _SAID.match(each) if name in _TEXTS and isinstance(each, str) else None
        if said is not None and each[said.end() :].strip():
            value[name] = each[: said.end()]
            found = True
        elif _cut(each):
            found = True
    return found
