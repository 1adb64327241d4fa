"""python-telegram-bot's and httpx's errors as ours, most specific first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from telegram import error as tg

from teltubby_bot.telegram import ConflictError
from teltubby_core.errors import (
    ConfigurationError,
    FileTooBigError,
    PermanentError,
    TeltubbyError,
    TransientError,
)

TOKEN_REFUSED = "TELEGRAM_BOT_TOKEN: Telegram refuses it (401 Unauthorized); get the current one from @BotFather"  # noqa: S105


def _bad_request(error: Exception) -> TeltubbyError:
    if "file is too big" in str(error).lower():
        return FileTooBigError("the file is too big for the Bot API")
    if "temporarily unavailable" in str(error).lower():
        return TransientError(f"Telegram can't hand the file out right now: {error}")
    return PermanentError(f"Telegram refuses the request: {error}")


def _retry_after(error: Exception) -> TeltubbyError:
    assert isinstance(error, tg.RetryAfter)
    wait = error.retry_after
    seconds = wait if isinstance(wait, int) else wait.total_seconds()
    return TransientError(f"Telegram asks to wait {seconds:g} s", retry_after=seconds)


def _network(error: Exception) -> TeltubbyError:
    return TransientError(f"Telegram can't be reached: {type(error).__name__}")


ERRORS: tuple[tuple[type[Exception], Callable[[Exception], TeltubbyError]], ...] = (
    (tg.InvalidToken, lambda _: ConfigurationError([TOKEN_REFUSED])),
    (tg.RetryAfter, _retry_after),
    (tg.Conflict, lambda e: ConflictError(f"another program takes this bot's updates: {e}")),
    (tg.Forbidden, lambda e: PermanentError(f"the chat is closed to us: {e}")),
    (tg.EndPointNotFound, lambda _: PermanentError("the server at TELEGRAM_API_URL does not know this method")),
    (tg.ChatMigrated, lambda e: PermanentError(f"the chat has moved: {e}")),
    (tg.BadRequest, _bad_request),
    (tg.TimedOut, lambda _: TransientError("Telegram did not answer in time")),
    (tg.PassportDecryptionError, lambda _: PermanentError("Telegram sent passport data, which is not for us")),
    (tg.NetworkError, _network),
    (tg.TelegramError, lambda e: TransientError(f"Telegram answers with an error: {e}")),
    (httpx.TimeoutException, lambda _: TransientError("Telegram did not answer in time")),
    (httpx.InvalidURL, lambda _: PermanentError("Telegram named an unusable download path")),
    (httpx.HTTPError, _network),
    (httpx.StreamError, _network),
    (httpx.CookieConflict, _network),
)
"""The texts name no URL: the token is part of every one."""


@contextmanager
def mapped() -> Iterator[None]:
    """Turn what python-telegram-bot or httpx raises inside into ours."""
    try:
        yield
    except tuple(kind for kind, _ in ERRORS) as error:
        make = next(make for kind, make in ERRORS if isinstance(error, kind))
        raise make(error) from error
