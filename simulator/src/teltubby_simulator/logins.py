"""Who is logged in over MTProto, who is about to be, and how logins end."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from teltubby_simulator.login_codes import LoginCodes
from teltubby_simulator.login_tokens import LoginTokens
from teltubby_simulator.model import User

EndOfLogin = Literal["AUTH_KEY_UNREGISTERED", "SESSION_REVOKED", "USER_DEACTIVATED", "USER_DEACTIVATED_BAN"]
"""Why a login is no more, as its client is told; core.telegram.org/api/errors#401-unauthorized."""


@dataclass(eq=False)
class Authorization:
    """One login of an account. It has a key at every data centre to which it was carried."""

    user: User
    ended: EndOfLogin | None = None
    duplicated: bool = False  # one of its keys was used over two connections in parallel: dead everywhere

    @property
    def valid(self) -> bool:
        return self.ended is None and not self.duplicated


class Logins:
    """The logins of all accounts, and what leads to one: ``codes`` and ``tokens``."""

    def __init__(self, now: Callable[[], float], rng: random.Random) -> None:
        self.codes = LoginCodes(now, rng)
        self.tokens = LoginTokens(now)
        self._begun: dict[int, list[Authorization]] = {}

    def begin(self, user: User) -> Authorization:
        """Log somebody in."""
        authorization = Authorization(user)
        self._begun[user.id] = [*self.of(user), authorization]
        return authorization

    def of(self, user: User) -> list[Authorization]:
        """Return an account's logins that are good, oldest first."""
        return [each for each in self._begun.get(user.id, []) if each.valid]

    def end_all(self, user: User, reason: EndOfLogin) -> int:
        """End every login of an account and return how many there were."""
        ended = self.of(user)
        for each in ended:
            each.ended = reason
        return len(ended)
