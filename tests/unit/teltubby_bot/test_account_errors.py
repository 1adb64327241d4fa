"""Telethon's errors while somebody logs in: each in words that say what to do, none with what was sent."""

import asyncio
import struct

import pytest
from telethon import errors
from telethon.errors import RPCError, common, rpc_message_to_error
from telethon.tl.functions.auth import SignInRequest
from telethon.tl.types import RpcError

from teltubby_bot.accounts.errors import TABLE, telethon_errors
from teltubby_bot.login_dialogue import AskedAgainError, LoginFailedError
from teltubby_core.errors import TeltubbyError

# As core.telegram.org/method/auth.sendCode, signIn, checkPassword, exportLoginToken and importLoginToken list them.
DOCUMENTED = {
    "PHONE_CODE_INVALID": AskedAgainError,
    "PHONE_CODE_EMPTY": AskedAgainError,
    "PASSWORD_HASH_INVALID": AskedAgainError,
    "SRP_ID_INVALID": AskedAgainError,
    "SRP_PASSWORD_CHANGED": AskedAgainError,
    "PHONE_CODE_EXPIRED": LoginFailedError,
    "PHONE_NUMBER_INVALID": LoginFailedError,
    "PHONE_NUMBER_UNOCCUPIED": LoginFailedError,
    "PHONE_NUMBER_BANNED": LoginFailedError,
    "PHONE_NUMBER_FLOOD": LoginFailedError,
    "PHONE_PASSWORD_FLOOD": LoginFailedError,
    "PHONE_NUMBER_APP_SIGNUP_FORBIDDEN": LoginFailedError,
    "USER_DEACTIVATED": LoginFailedError,
    "USER_DEACTIVATED_BAN": LoginFailedError,
    "SESSION_REVOKED": LoginFailedError,
    "AUTH_TOKEN_EXPIRED": LoginFailedError,
    "AUTH_TOKEN_INVALID": LoginFailedError,
    "AUTH_TOKEN_ALREADY_ACCEPTED": LoginFailedError,
    "API_ID_INVALID": LoginFailedError,
    "API_ID_PUBLISHED_FLOOD": LoginFailedError,
    "AUTH_RESTART": LoginFailedError,
    "SEND_CODE_UNAVAILABLE": LoginFailedError,
    "UPDATE_APP_TO_LOGIN": LoginFailedError,
    "SMS_CODE_CREATE_FAILED": LoginFailedError,
    "AUTH_KEY_UNREGISTERED": LoginFailedError,
    "FLOOD_WAIT_2838": LoginFailedError,
    "SOMETHING_NEW": LoginFailedError,
}


def raised(error: BaseException) -> TeltubbyError:
    with pytest.raises(TeltubbyError) as caught, telethon_errors():
        raise error
    return caught.value


@pytest.mark.parametrize(("name", "ours"), DOCUMENTED.items())
def test_each_documented_error_has_words(name: str, ours: type[TeltubbyError]) -> None:
    request = SignInRequest("+491709999999", "hash", "48213")
    told = raised(rpc_message_to_error(RpcError(400, name), request))
    assert type(told) is ours
    for secret in ("491709999999", "48213", "hash"):
        assert secret not in str(told)


def test_a_flood_is_told_in_minutes() -> None:
    assert "wait 48 min" in str(raised(errors.FloodWaitError(None, 2838)))
    assert "wait 1 min" in str(raised(errors.FloodWaitError(None, 0)))


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), ConnectionError("x"), OSError("x"), asyncio.IncompleteReadError(b"48213", 10), ValueError()],
)
def test_a_connection_that_breaks_has_words(error: Exception) -> None:
    told = raised(error)
    assert isinstance(told, LoginFailedError)
    assert "48213" not in str(told)


FLOODS = (errors.FloodWaitError, errors.FloodPremiumWaitError, errors.FloodTestPhoneWaitError)
LOWER = [each for each in vars(common).values() if isinstance(each, type) and issubclass(each, Exception)]


@pytest.mark.parametrize("kind", [*LOWER, struct.error, BufferError, TypeError, OverflowError, RPCError])
def test_nothing_that_telethon_raises_is_left_out(kind: type[Exception]) -> None:
    assert any(issubclass(kind, row) for row, _ in TABLE)


@pytest.mark.parametrize(
    ("message", "logged"), [("SOMETHING_NEW", "SOMETHING_NEW"), ("for +491701234567", "BadRequestError")]
)
def test_an_unknown_reason_is_named_in_the_log_and_nothing_else(
    caplog: pytest.LogCaptureFixture, message: str, logged: str
) -> None:
    raised(errors.BadRequestError(None, message))
    assert logged in caplog.text
    assert "491701234567" not in caplog.text


def test_no_row_is_hidden_behind_a_more_general_one() -> None:
    kinds = [kind for kind, _ in TABLE]
    hidden = [
        (kind, before) for number, kind in enumerate(kinds) for before in kinds[:number] if issubclass(kind, before)
    ]
    assert hidden == []


def test_each_sentence_says_what_is_wrong_and_begins_small() -> None:
    for kind, make in TABLE:
        if not issubclass(kind, FLOODS):
            text = str(make(None))
            assert text, kind
            assert not text.endswith("."), kind
