"""Buttons that were pressed: what they order, and whether we made them for whoever pressed them.

A client may send any data under any of our messages, so a button's data carries a code that only we can make, for one
chat. What can't be undone is ordered by a button that is good once and for a few minutes.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teltubby_bot.background import Background
from teltubby_bot.catalogue import say
from teltubby_bot.telegram import Keys, Telegram
from teltubby_core.domain.speech import Buttons
from teltubby_core.errors import TeltubbyError

log = logging.getLogger(__name__)

_CODE_BYTES = 8
_CODE_LENGTH = 11  # characters of such a code
LONGEST_COMMAND = 64 - _CODE_LENGTH
"""Bytes of a button's command; core.telegram.org/bots/api#inlinekeyboardbutton."""
_GOOD_SECONDS = 300.0
_MOST_QUESTIONS = 1000
_ANSWER_SECONDS = 10.0
_MOST_ANSWERS = 50  # under way; while Telegram does not answer, more are left out


@dataclass(frozen=True)
class Press:
    """Somebody pressed a button with this ``data`` under our message ``message_id``; ``language`` is their app's."""

    query_id: str
    user_id: int
    chat_id: int
    message_id: int
    data: str
    private: bool
    language: str | None = None


class ForgedError(Exception):
    """The data is none that we made for this chat."""


class Signer:
    """Makes the data of buttons, and tells whether it made some."""

    def __init__(self, secret: str) -> None:
        """``secret`` is known to nobody else and stays over restarts, so that old buttons go on working."""
        self._key = hmac.digest(secret.encode(), b"teltubby: data of buttons", hashlib.sha256)

    def keys(self, chat_id: int, buttons: Buttons) -> Keys:
        """Return buttons as Telegram gets them."""
        return tuple(
            tuple((button.label, self._code(chat_id, button.command) + button.command) for button in row)
            for row in buttons
        )

    def command(self, chat_id: int, data: str) -> str:
        """Return the command of a button.

        Raises:
            ForgedError: we did not make it, or for another chat.
        """
        code, command = data[:_CODE_LENGTH], data[_CODE_LENGTH:]
        if not hmac.compare_digest(code.encode(), self._code(chat_id, command).encode()):
            raise ForgedError
        return command

    def _code(self, chat_id: int, command: str) -> str:
        digest = hmac.digest(self._key, f"{chat_id} {command}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_CODE_BYTES]).decode().rstrip("=")


class Questions:
    """What was asked before something that can't be undone: each may be said yes to once, soon, by whom it was asked.

    Kept in memory: after a restart it is asked again.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: OrderedDict[tuple[int, str, str], float] = OrderedDict()

    def ask(self, user_id: int, what: str) -> str:
        """Return the word that says yes to ``what``."""
        word = secrets.token_hex(3)
        self._open[user_id, what, word] = self._now() + _GOOD_SECONDS
        while len(self._open) > _MOST_QUESTIONS:
            self._open.popitem(last=False)
        return word

    def agreed(self, user_id: int, what: str, word: str) -> bool:
        """Whether this word says yes to ``what``; it does so once."""
        until = self._open.pop((user_id, what, word), None)
        return until is not None and self._now() < until


class PressReader:
    """Reads presses, and lets the buttons come up again: in tasks, for a press that is not answered in time only shows
    a spinner for a while.
    """

    def __init__(self, telegram: Telegram, signer: Signer, parse: Callable[[dict[str, Any]], Press | None]) -> None:
        self._telegram = telegram
        self._signer = signer
        self._tasks = Background(_MOST_ANSWERS)
        self.parse = parse
        """Returns the press that an update tells of."""

    def command(self, press: Press) -> str | None:
        """Return the command of a press; None when we did not make its button for this chat."""
        try:
            return self._signer.command(press.chat_id, press.data)
        except ForgedError:
            log.warning("user %d pressed a button that is none of ours", press.user_id)
            return None

    def take(self, press: Press) -> None:
        """It is being seen to."""
        self._answer(press, None)

    def refuse(self, press: Press) -> None:
        """It is not."""
        self._answer(press, say("press-refused"))

    async def stop(self) -> None:
        """Leave what is under way."""
        await self._tasks.stop()

    def _answer(self, press: Press, text: str | None) -> None:
        self._tasks.start(lambda: self._tell(press, text), f"press {press.query_id}")

    async def _tell(self, press: Press, text: str | None) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._telegram.answer_press(press.query_id, text, alert=text is not None)
        except (TeltubbyError, TimeoutError) as error:
            log.info("a press by user %d is not answered: %s", press.user_id, str(error) or "no answer in time")
