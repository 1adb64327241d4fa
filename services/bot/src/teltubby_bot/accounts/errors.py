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

from teltubby_bot.login_dialogue import AskedAgainError, LoginFailedError
from teltubby_core.errors import TeltubbyError

log = logging.getLogger(__name__)

Make = Callable[[Any], TeltubbyError]
_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,60}")  # Telegram's, of an error


def _again(text: str) -> Make:
    return lambda _: AskedAgainError(text)


def _over(text: str) -> Make:
    return lambda _: LoginFailedError(text)


def _flood(error: Any) -> TeltubbyError:
    minutes = max(1, -(-int(error.seconds) // 60))
    return LoginFailedError(f"Telegram asks to wait {minutes} min before the next try; begin again then")


def _unknown(error: Any) -> TeltubbyError:
    told = getattr(error, "message", None)
    code = told if isinstance(told, str) and _NAME.fullmatch(told) else type(error).__name__
    log.warning("Telegram refuses a login for a reason that this version does not know: %s", code)
    return LoginFailedError(
        "Telegram refuses it for a reason that this version does not know; the log names it. Try again, or /mtcode qr"
    )


_TROUBLE = _over("Telegram has a problem of its own now; try again in a few minutes")
_BROKEN = _over("the connection to Telegram broke; try again")
_UNREADABLE = _over("Telegram answered something that this version can't read; try again")

TABLE: tuple[tuple[type[BaseException], Make], ...] = (
    (errors.PhoneCodeInvalidError, _again("this is not the code; look at it once more and send it again")),
    (errors.PhoneCodeEmptyError, _again("there is no code in it; send it like 1-2-3-4-5")),
    (
        errors.PhoneCodeExpiredError,
        _over("the code is not good any more; ask for another one with /mtcode and the number"),
    ),
    (errors.PhoneCodeHashEmptyError, _over("Telegram has forgotten this login; begin again")),
    (errors.PasswordHashInvalidError, _again("this is not the password; send the right one")),
    (errors.SrpIdInvalidError, _again("the password was changed meanwhile; send the present one")),
    (errors.SrpPasswordChangedError, _again("the password was changed meanwhile; send the present one")),
    (
        errors.PhoneNumberInvalidError,
        _over("this is no phone number that Telegram knows the form of; write it like +491701234567"),
    ),
    (
        errors.PhoneNumberUnoccupiedError,
        _over("nobody has an account with this number; make one in a Telegram app first"),
    ),
    (errors.PhoneNumberBannedError, _over("Telegram has banned this number; use another account")),
    (errors.PhoneNumberFloodError, _over("too many codes were asked for with this number; try again tomorrow")),
    (errors.PhonePasswordFloodError, _over("too many passwords were tried; try again tomorrow")),
    (
        errors.PhoneNumberAppSignupForbiddenError,
        _over("nobody has an account with this number; make one in a Telegram app first"),
    ),
    (errors.UserDeactivatedBanError, _over("Telegram has banned this account; use another one")),
    (errors.UserDeactivatedError, _over("this account was deleted; use another one")),
    (errors.SessionRevokedError, _over("the login was ended from another device; begin again")),
    (errors.AuthTokenExpiredError, _over("the picture is too old; begin again")),
    (errors.AuthTokenInvalidError, _over("Telegram does not know the picture any more; begin again")),
    (errors.AuthTokenAlreadyAcceptedError, _over("the picture was used already; begin again")),
    (
        errors.ApiIdInvalidError,
        _over(
            "Telegram refuses MTPROTO_API_ID and MTPROTO_API_HASH; whoever runs this copies both from my.telegram.org"
        ),
    ),
    (
        errors.ApiIdPublishedFloodError,
        _over("Telegram refuses MTPROTO_API_ID: it is a public one; get your own at my.telegram.org"),
    ),
    (
        errors.SendCodeUnavailableError,
        _over("Telegram sends no further code to this number now; try again later, or log in by a picture: /mtcode qr"),
    ),
    (errors.SmsCodeCreateFailedError, _over("Telegram could not send a code; try again later")),
    (
        errors.UpdateAppToLoginError,
        _over("Telegram wants a newer program for this login; whoever runs this brings teltubby up to date"),
    ),
    (errors.SignInFailedError, _over("Telegram did not take the login; begin again")),
    (errors.FloodWaitError, _flood),
    (errors.FloodPremiumWaitError, _flood),
    (errors.FloodTestPhoneWaitError, _flood),
    (errors.FloodError, _over("Telegram asks for patience; try again in an hour")),
    (errors.AuthRestartError, _over("Telegram had a problem with this login; begin again")),
    (errors.UnauthorizedError, _over("Telegram does not know this login any more; begin again")),
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
    (TimeoutError, _over("Telegram did not answer in time; try again")),
    (asyncio.IncompleteReadError, _BROKEN),
    (OSError, _over("Telegram can't be reached now; try again later")),
    (BufferError, _BROKEN),
    (struct.error, _UNREADABLE),
    (ValueError, _UNREADABLE),
    (TypeError, _UNREADABLE),  # with the whole answer in its text, when a picture is answered with something else
    (OverflowError, _over("Telegram can't be reached at this address: whoever runs this looks at MTPROTO_SERVER")),
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
