"""python-telegram-bot's errors as ours, most specific first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from telegram import error as tg

from teltubby_bot.telegram import ChannelClosedError, ChatClosedError, ConflictError
from teltubby_core.errors import (
    ConfigurationError,
    FileTooBigError,
    PermanentError,
    TeltubbyError,
    TransientError,
)
from teltubby_core.logs import redact

TOKEN_REFUSED = "TELEGRAM_BOT_TOKEN: Telegram refuses it (401 Unauthorized); get the current one from @BotFather"  # noqa: S105


_LONGEST = 200  # characters of another program's words in a text of ours


class NoSuchPageError(tg.TelegramError):
    """HTTP 404. The library takes it for a refused token, as 401; it may as well be a wrong TELEGRAM_API_URL."""


class ConnectionFailedError(tg.NetworkError):
    """No whole answer came; its text is whole, and names the host alone."""


class NotThereError(TransientError):
    """What NoSuchPageError becomes: a wrong address, a token of the wrong form, or a proxy that is being mended."""


def _said(error: Exception) -> str:
    return redact(str(error))[:_LONGEST]


def _bad_request(error: Exception) -> TeltubbyError:
    text = str(error).lower()
    if "file is too big" in text:
        return FileTooBigError("the file is too big for the Bot API")
    if "temporarily unavailable" in text:
        return TransientError(f"Telegram can't hand the file out right now: {_said(error)}")
    if "failed to resolve host" in text:  # of a webhook; names that were just made take a while to be known
        return TransientError(f"Telegram can't find the webhook's host: {_said(error)}")
    if "chat not found" in text:
        return ChatClosedError(f"the chat is closed to us: {_said(error)}")
    return PermanentError(f"Telegram refuses the request: {_said(error)}")


def _retry_after(error: Exception) -> TeltubbyError:
    assert isinstance(error, tg.RetryAfter)
    wait = error.retry_after
    seconds = wait if isinstance(wait, int) else wait.total_seconds()
    return TransientError(f"Telegram asks to wait {seconds:g} s", retry_after=seconds)


ERRORS: tuple[tuple[type[Exception], Callable[[Exception], TeltubbyError]], ...] = (
    (NoSuchPageError, lambda _: NotThereError("the Bot API answers 404 Not Found")),
    (tg.InvalidToken, lambda _: ConfigurationError([TOKEN_REFUSED])),
    (tg.RetryAfter, _retry_after),
    (tg.Conflict, lambda e: ConflictError(f"another program takes this bot's updates: {_said(e)}")),
    (tg.Forbidden, lambda e: ChatClosedError(f"the chat is closed to us: {_said(e)}")),
    (tg.EndPointNotFound, lambda _: NotThereError("the Bot API does not know this method")),
    (tg.ChatMigrated, lambda e: PermanentError(f"the chat has moved: {_said(e)}")),
    (tg.BadRequest, _bad_request),
    (ConnectionFailedError, lambda e: TransientError(str(e))),
    (tg.TimedOut, lambda _: TransientError("Telegram did not answer in time")),
    (tg.PassportDecryptionError, lambda _: PermanentError("Telegram sent passport data, which is not for us")),
    (tg.NetworkError, lambda e: TransientError(f"Telegram can't be reached: {_said(e)}")),
    (tg.TelegramError, lambda e: TransientError(f"Telegram answers with an error: {_said(e)}")),
)
"""The texts name no path: the token is part of every one."""


_OF_THE_MESSAGE = ("message to copy not found", "message can't be copied", "message can't be deleted", "protected")
"""What Telegram says when it is the message that it won't copy or delete; all else is the channel's."""


@contextmanager
def channel_errors() -> Iterator[None]:
    """Tell apart what a channel does not let us do, and what can't be done with a message."""
    try:
        yield
    except (tg.BadRequest, tg.Forbidden) as error:
        text = str(error).lower()
        if any(words in text for words in _OF_THE_MESSAGE):
            raise PermanentError(f"Telegram refuses: {_said(error)}") from error
        raise ChannelClosedError(f"Telegram refuses: {_said(error)}") from error


@contextmanager
def mapped() -> Iterator[None]:
    """Turn what python-telegram-bot and its transport raise inside into ours."""
    try:
        yield
    except tuple(kind for kind, _ in ERRORS) as error:
        make = next(make for kind, make in ERRORS if isinstance(error, kind))
        raise make(error) from error
