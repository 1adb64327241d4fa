"""Telethon's errors in our words: one table, most specific first. Nothing of Telethon's leaves this room unmapped.

An error's text names what happened and, where a setting is the cause, the setting. It never repeats Telethon's
own text: that may hold bytes of a packet.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from telethon import errors

from teltubby_core.errors import InfrastructureError, PermanentError, TeltubbyError, TransientError
from teltubby_worker.mtproto.transfer import ReferenceExpiredError

MESSAGE_GONE = "the message was deleted in the chat before its file was fetched; send the file again"
_UNHURRIED = 5.0  # seconds to wait when Telegram asks for patience without saying how long


class WrongDataCentreError(TransientError):
    """The same call has to go to another data centre.

    Attributes:
        dc_id: number of that data centre.
    """

    def __init__(self, dc_id: int) -> None:
        super().__init__(f"this is to be asked of data centre {dc_id}")
        self.dc_id = dc_id


class SessionLostError(TransientError):
    """Telegram does not know the session (any more): a new login is needed."""


class ConnectionLostError(TransientError):
    """The connection closed or fell silent; what was in flight has to be asked again."""


class AccountEndedError(InfrastructureError):
    """Telegram has ended the account that is logged in; no further login helps."""


class UnauthorizedKeyError(SessionLostError):
    """The key is good, but nobody is logged in with it."""


class SessionChangedError(ReferenceExpiredError):
    """Another account goes on: what the first one was told of a file has to be asked again."""


Make = Callable[[Any], TeltubbyError]


def _code(error: BaseException) -> str:
    """Return the most telling name that holds no data: Telegram's own code, or the class."""
    told = isinstance(error, errors.RPCError) and type(error) in _BARE and error.message
    return str(told) if told else type(error).__name__.removesuffix("Error")


_BARE = frozenset({errors.RPCError, *errors.base_errors.values()})
"""Classes that Telethon uses when it has none for the code; only these carry it as their message."""


def _transient(text: str, retry_after: float | None = None) -> Make:
    return lambda error: TransientError(f"{text} ({_code(error)})", retry_after)


def _permanent(text: str) -> Make:
    return lambda error: PermanentError(f"{text} ({_code(error)})")


def _house(text: str) -> Make:
    return lambda _: InfrastructureError(text)


def _ended(how: str) -> Make:
    whose = "the bot's (TELEGRAM_BOT_TOKEN), or that of the person who logged in"
    return lambda _: AccountEndedError(f"Telegram has {how} the account that fetches large files: {whose}")


def _flood(error: Any) -> TeltubbyError:
    seconds = max(1, error.seconds)  # test servers have sent 0
    return TransientError(f"Telegram asks to wait {seconds} s", float(seconds))


def _moved(error: Any) -> TeltubbyError:
    return WrongDataCentreError(error.new_dc)


def _lost(error: Any) -> TeltubbyError:
    return SessionLostError(f"Telegram does not know the worker's session any more ({_code(error)})")


def _broken(error: Any) -> TeltubbyError:
    return ConnectionLostError(f"the connection to Telegram broke ({_code(error)})")


def _bad_request(error: Any) -> TeltubbyError:
    # In albums the code carries the item's number: FILE_REFERENCE_0_EXPIRED, which Telethon has no class for.
    if _code(error).startswith("FILE_REFERENCE_"):
        return ReferenceExpiredError("the file reference expired")
    return PermanentError(f"Telegram refuses the request ({_code(error)})")


def _buffer(error: Any) -> TeltubbyError:
    if error.code == 404:
        return _lost(error)
    if error.code == 429:
        return TransientError("Telegram refuses new connections for a while", _UNHURRIED)
    return _broken(error)


_BOT_REFUSED = "TELEGRAM_BOT_TOKEN: Telegram refuses it; copy the current one from @BotFather"
_APP_REFUSED = "MTPROTO_API_ID, MTPROTO_API_HASH: Telegram refuses them; copy both from my.telegram.org"

TABLE: tuple[tuple[type[BaseException], Make], ...] = (
    # the file
    (errors.FileReferenceExpiredError, lambda _: ReferenceExpiredError("the file reference expired")),
    (errors.FileReferenceInvalidError, lambda _: ReferenceExpiredError("the file reference is not valid")),
    (errors.FileReferenceEmptyError, lambda _: ReferenceExpiredError("the file reference is missing")),
    (errors.FileIdInvalidError, _permanent("Telegram does not have this file any more")),
    (errors.LocationInvalidError, _permanent("Telegram does not have this file any more")),
    (errors.MessageIdInvalidError, lambda _: PermanentError(MESSAGE_GONE)),
    (errors.MessageIdsEmptyError, lambda _: PermanentError(MESSAGE_GONE)),
    # where
    (errors.FileMigrateError, _moved),
    (errors.UserMigrateError, _moved),
    (errors.PhoneMigrateError, _moved),
    (errors.NetworkMigrateError, _moved),
    (errors.StatsMigrateError, lambda error: WrongDataCentreError(error.dc)),
    (errors.InvalidDCError, _permanent("Telegram refuses this data centre")),
    # when
    (errors.FloodWaitError, _flood),
    (errors.FloodPremiumWaitError, _flood),
    (errors.SlowModeWaitError, _flood),
    (errors.FloodTestPhoneWaitError, _flood),
    (errors.FloodError, _transient("Telegram asks for patience", _UNHURRIED)),
    # who
    (errors.AccessTokenExpiredError, _house(_BOT_REFUSED)),
    (errors.AccessTokenInvalidError, _house(_BOT_REFUSED)),
    (errors.UserDeactivatedError, _ended("deactivated")),
    (errors.UserDeactivatedBanError, _ended("banned")),
    (errors.ApiIdInvalidError, _house(_APP_REFUSED)),
    (errors.ApiIdPublishedFloodError, _house(_APP_REFUSED)),
    (errors.ConnectionApiIdInvalidError, _house(_APP_REFUSED)),
    (errors.AuthKeyUnregisteredError, lambda _: UnauthorizedKeyError("nobody is logged in with this session")),
    (errors.SessionPasswordNeededError, _house("the session needs its two-step password; log in again")),
    (errors.AuthKeyDuplicatedError, _lost),
    (errors.UnauthorizedError, _lost),
    (errors.AuthKeyNotFound, _lost),
    (errors.AuthBytesInvalidError, _transient("Telegram did not take the exported login")),
    # how
    (errors.ConnectionNotInitedError, _broken),
    (errors.MsgWaitFailedError, _transient("Telegram had a problem of its own")),
    (errors.BotMethodInvalidError, _permanent("Telegram does not let bots do this")),
    (errors.BadRequestError, _bad_request),
    (errors.ForbiddenError, _permanent("Telegram forbids it")),
    (errors.NotFoundError, _permanent("Telegram does not have it")),
    (errors.AuthKeyError, _transient("Telegram does not accept the request")),
    (errors.TimedOutError, _transient("Telegram took too long")),
    (errors.ServerError, _transient("Telegram had a problem of its own")),
    (errors.RPCError, _transient("Telegram answered with an unknown error")),
    # the connection
    (errors.InvalidBufferError, _buffer),
    (errors.InvalidChecksumError, _broken),
    (errors.BadMessageError, _broken),
    (errors.SecurityError, _broken),
    (errors.TypeNotFoundError, _transient("Telegram sent something that this version can't read")),
    (errors.ReadCancelledError, _broken),
    (errors.MultiError, _transient("several requests failed at once")),
    (errors.AlreadyInConversationError, _transient("the session is busy")),
    (asyncio.IncompleteReadError, _broken),
    (TimeoutError, lambda _: ConnectionLostError("Telegram did not answer in time")),
    (OSError, _broken),
    (BufferError, _broken),
    (struct.error, _broken),
    (ValueError, _broken),
    (OverflowError, _broken),  # a port that is none
)
"""Every error that Telethon's sender raises, and what it means for a job."""


def to_ours(error: BaseException) -> TeltubbyError | None:
    """Return ``error`` in our words, None for one that the table does not know."""
    make = next((make for kind, make in TABLE if isinstance(error, kind)), None)
    return make(error) if make else None


@contextmanager
def telethon_errors() -> Iterator[None]:
    """Raise what Telethon raises as our own errors."""
    try:
        yield
    except TeltubbyError:
        raise
    except tuple(kind for kind, _ in TABLE) as error:
        ours = to_ours(error)
        assert ours is not None  # the table is what was caught
        raise ours from error
