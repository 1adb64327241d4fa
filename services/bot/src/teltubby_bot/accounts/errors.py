"""What Telethon raises while somebody logs in, in words for them: what is wrong and what to do.

Never Telethon's own text: it may repeat what was sent.
"""

import asyncio
import logging
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from telethon import errors

from teltubby_bot.catalogue import say
from teltubby_bot.login_dialogue import AskedAgainError, LoginFailedError
from teltubby_core.errors import TeltubbyError

log = logging.getLogger(__name__)

Make = Callable[[Any], TeltubbyError]
_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,60}")  # Telegram's, of an error


def _again(key: str) -> Make:
    return lambda _: AskedAgainError(say(key))


def _over(key: str) -> Make:
    return lambda _: LoginFailedError(say(key))


def _flood(error: Any) -> TeltubbyError:
    minutes = max(1, -(-int(error.seconds) // 60))
    return LoginFailedError(say("refused-wait", minutes=str(minutes)))


def _unknown(error: Any) -> TeltubbyError:
    told = getattr(error, "message", None)
    code = told if isinstance(told, str) and _NAME.fullmatch(told) else type(error).__name__
    log.warning("Telegram refuses a login for a reason that this version does not know: %s", code)
    return LoginFailedError(say("refused-unknown"))


_TROUBLE = _over("refused-telegram-trouble")
_BROKEN = _over("refused-broken")
_UNREADABLE = _over("refused-unreadable")

TABLE: tuple[tuple[type[BaseException], Make], ...] = (
    (errors.PhoneCodeInvalidError, _again("refused-code-wrong")),
    (errors.PhoneCodeEmptyError, _again("refused-code-empty")),
    (
        errors.PhoneCodeExpiredError,
        _over("refused-code-old"),
    ),
    (errors.PhoneCodeHashEmptyError, _over("refused-forgotten")),
    (errors.PasswordHashInvalidError, _again("refused-password-wrong")),
    (errors.SrpIdInvalidError, _again("refused-password-changed")),
    (errors.SrpPasswordChangedError, _again("refused-password-changed")),
    (
        errors.PhoneNumberInvalidError,
        _over("refused-number-form"),
    ),
    (
        errors.PhoneNumberUnoccupiedError,
        _over("refused-no-account"),
    ),
    (errors.PhoneNumberBannedError, _over("refused-number-banned")),
    (errors.PhoneNumberFloodError, _over("refused-too-many-codes")),
    (errors.PhonePasswordFloodError, _over("refused-too-many-passwords")),
    (
        errors.PhoneNumberAppSignupForbiddenError,
        _over("refused-no-account"),
    ),
    (errors.UserDeactivatedBanError, _over("refused-account-banned")),
    (errors.UserDeactivatedError, _over("refused-account-deleted")),
    (errors.SessionRevokedError, _over("refused-ended-elsewhere")),
    (errors.AuthTokenExpiredError, _over("refused-picture-old")),
    (errors.AuthTokenInvalidError, _over("refused-picture-unknown")),
    (errors.AuthTokenAlreadyAcceptedError, _over("refused-picture-used")),
    (
        errors.ApiIdInvalidError,
        _over("refused-app"),
    ),
    (
        errors.ApiIdPublishedFloodError,
        _over("refused-app-public"),
    ),
    (
        errors.SendCodeUnavailableError,
        _over("refused-no-further-code"),
    ),
    (errors.SmsCodeCreateFailedError, _over("refused-code-not-sent")),
    (
        errors.UpdateAppToLoginError,
        _over("refused-too-old"),
    ),
    (errors.SignInFailedError, _over("refused-not-taken")),
    (errors.FloodWaitError, _flood),
    (errors.FloodPremiumWaitError, _flood),
    (errors.FloodTestPhoneWaitError, _flood),
    (errors.FloodError, _over("refused-patience")),
    (errors.AuthRestartError, _over("refused-login-trouble")),
    (errors.UnauthorizedError, _over("refused-login-unknown")),
    (errors.TimedOutError, _TROUBLE),
    (errors.ServerError, _TROUBLE),
    (errors.RPCError, _unknown),
    (errors.TypeNotFoundError, _UNREADABLE),
    (errors.InvalidChecksumError, _BROKEN),
    (errors.InvalidBufferError, _BROKEN),
    (errors.AuthKeyNotFound, _BROKEN),
    (errors.SecurityError, _BROKEN),
    (errors.BadMessageError, _BROKEN),
    (errors.ReadCancelledError, _BROKEN),
    (errors.MultiError, _TROUBLE),
    (errors.AlreadyInConversationError, _BROKEN),
    (TimeoutError, _over("refused-not-in-time")),
    (asyncio.IncompleteReadError, _BROKEN),
    (OSError, _over("refused-unreachable")),
    (BufferError, _BROKEN),
    (struct.error, _UNREADABLE),
    (ValueError, _UNREADABLE),
    (TypeError, _UNREADABLE),  # with the whole answer in its text, when a picture is answered with something else
    (OverflowError, _over("refused-wrong-address")),
)
"""Most specific first."""


@contextmanager
def telethon_errors() -> Iterator[None]:
    """Raise what Telethon raises as our own errors."""
    try:
        yield
    except tuple(kind for kind, _ in TABLE) as error:
        make = next(make for kind, make in TABLE if isinstance(error, kind))
        raise make(error) from error
