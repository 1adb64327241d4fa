"""Login codes: sent to who owns a phone number, good once and for a short time, dead as soon as they are passed on.

Source: core.telegram.org/api/auth. How long a code is good is not documented; users are told of some minutes.
"""

import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from teltubby_simulator.model import User

CODE_LENGTH = 5  # digits
CODE_LIFETIME = 300.0  # seconds
_PHONE = re.compile(r"\d{7,15}")  # E.164 with its country code
_REMEMBERED = 1000  # codes; the oldest are forgotten

Way = Literal["app", "sms"]


def read_phone(given: str) -> str | None:
    """Return a phone number as digits alone, or None if it is none. Clients may write it with +, spaces and so on."""
    digits = re.sub(r"[+()\s-]", "", given)
    return digits if _PHONE.fullmatch(digits) else None


@dataclass
class LoginCode:
    """One code. ``user`` is None when nobody has the number yet."""

    phone: str
    user: User | None
    digits: str
    hash: str
    way: Way
    sent: float  # Unix seconds
    ended: bool = False  # used, cancelled, passed on, or a newer one was sent


class LoginCodes:
    """All codes sent so far."""

    def __init__(self, now: Callable[[], float], rng: random.Random) -> None:
        self._now = now
        self._rng = rng
        self._sent: list[LoginCode] = []

    def send(self, phone: str, user: User | None, way: Way = "app") -> LoginCode:
        """Send a new code; earlier ones to this number end."""
        for earlier in self._sent:
            if earlier.phone == phone:
                earlier.ended = True
        digits = f"{self._rng.randrange(10**CODE_LENGTH):0{CODE_LENGTH}}"
        code = LoginCode(phone, user, digits, secrets.token_hex(9), way, self._now())
        self._sent = [*self._sent, code][-_REMEMBERED:]
        return code

    def find(self, phone: str, hash: str) -> LoginCode | None:  # noqa: A002 - Telegram's word
        """Return the code sent under a phone_code_hash, None if it is not, or no longer, good."""
        code = next((each for each in self._sent if (each.phone, each.hash) == (phone, hash)), None)
        if code is None or code.ended or self._now() - code.sent > CODE_LIFETIME:
            return None
        return code

    def to(self, user: User) -> list[str]:
        """Return the digits of every code that a user got, oldest first."""
        return [code.digits for code in self._sent if code.user is user]

    def to_phone(self, phone: str) -> list[str]:
        """Return the digits of every code that went to a number, oldest first, whoever has it."""
        return [code.digits for code in self._sent if code.phone == read_phone(phone)]

    def note_said(self, speaker: User, text: str) -> None:
        """End the codes whose digits their owner has just told somebody, as Telegram does against phishing.

        Digits with anything in between are not recognised; users are known to pass codes on to their own tools so.
        """
        for code in self._sent:
            if code.user is speaker and code.digits in text:
                code.ended = True
