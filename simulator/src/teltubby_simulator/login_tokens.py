"""Login tokens: shown as a QR code by who wants in, accepted by an app that is logged in already.

Source: core.telegram.org/api/qr-login. How long an accepted token can be made use of is not documented.
"""

import base64
import binascii
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from teltubby_simulator.model import User

TOKEN_LIFETIME = 30.0  # seconds in which it can be accepted
ACCEPTED_LIFETIME = 60.0  # seconds in which who shows it can log in then
_TOKEN_SIZE = 32  # bytes
_REMEMBERED = 1000  # tokens; the oldest are forgotten


class LoginTokenError(ValueError):
    """A token is not accepted; ``name`` is Telegram's name of the reason."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{sentence} ({name})")
        self.name = name


@dataclass
class LoginToken:
    """One token. ``tell`` is called when it is accepted; ``except_ids``: who must not accept it."""

    expires: float  # Unix seconds; put off once it is accepted
    except_ids: Collection[int]
    tell: Callable[[], None]
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(_TOKEN_SIZE))
    accepted_by: User | None = None
    used: bool = False  # somebody has logged in with it


class LoginTokens:
    """All tokens shown so far."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._shown: dict[bytes, LoginToken] = {}

    def issue(self, except_ids: Collection[int], tell: Callable[[], None]) -> LoginToken:
        """Return a new token to show."""
        token = LoginToken(self._now() + TOKEN_LIFETIME, except_ids, tell)
        self._shown[token.secret] = token
        while len(self._shown) > _REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return token

    def accept(self, secret: bytes, user: User) -> None:
        """Let in who shows the token, as ``user``.

        Raises:
            LoginTokenError: it is unknown, too old, accepted before, or not for this user.
        """
        token = self._known(secret)
        if token.accepted_by is not None:
            raise LoginTokenError("AUTH_TOKEN_ALREADY_ACCEPTED", "this token has been accepted before")
        if self._now() > token.expires:
            raise LoginTokenError("AUTH_TOKEN_EXPIRED", "this token is too old")
        if user.id in token.except_ids:
            raise LoginTokenError("AUTH_TOKEN_EXCEPTION", "who shows this token is logged in as this user already")
        token.accepted_by = user
        token.expires = self._now() + ACCEPTED_LIFETIME
        token.tell()

    def accepted(self, secret: bytes) -> tuple[LoginToken, User]:
        """Return an accepted token, not made use of yet, and who accepted it.

        Raises:
            LoginTokenError: it is unknown, not accepted, too old, or has been made use of.
        """
        token = self._known(secret)
        if token.used:
            raise LoginTokenError("AUTH_TOKEN_ALREADY_ACCEPTED", "somebody has logged in with this token")
        if self._now() > token.expires:
            raise LoginTokenError("AUTH_TOKEN_EXPIRED", "this token is too old")
        if token.accepted_by is None:
            raise LoginTokenError("AUTH_TOKEN_INVALID", "nobody has accepted this token")
        return token, token.accepted_by

    def _known(self, secret: bytes) -> LoginToken:
        token = self._shown.get(secret)
        if token is None:
            raise LoginTokenError("AUTH_TOKEN_INVALID", "there is no such token")
        return token


def read_token(written: str) -> bytes:
    """Return the token of a QR code's link: the value of ``token`` in tg://login, base64url with or without padding.

    Raises:
        LoginTokenError: it is no base64url.
    """
    try:
        return base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise LoginTokenError("AUTH_TOKEN_INVALID", "this is no token") from error
