"""Every error of the library below has its place in the table, and none takes the token along."""

import inspect
from datetime import timedelta
from typing import Any

import pytest
from telegram import error as tg

from teltubby_bot.botapi.errors import ERRORS, ConnectionFailedError, NoSuchPageError, NotThereError, mapped
from teltubby_bot.telegram import ChatClosedError, ConflictError
from teltubby_core.errors import (
    ConfigurationError,
    FileTooBigError,
    PermanentError,
    TeltubbyError,
    TransientError,
)

URL = "https://api.telegram.org/bot123456:AAE" + "x" * 32
MADE: dict[type[Exception], Any] = {
    tg.InvalidToken: lambda: tg.InvalidToken("bad"),
    tg.RetryAfter: lambda: tg.RetryAfter(7),
    tg.ChatMigrated: lambda: tg.ChatMigrated(-1),
    tg.PassportDecryptionError: lambda: tg.PassportDecryptionError("x"),
}
"""How to make those that take more than a text."""


def _errors_of(module: Any) -> list[type[Exception]]:
    found = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    return [value for value in found if issubclass(value, Exception) and not issubclass(value, Warning)]


LOWER = _errors_of(tg)


def _made(kind: type[Exception]) -> Exception:
    if kind in MADE:
        made: Exception = MADE[kind]()
        return made
    wants = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    positional = [p for p in wants if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return kind(*["x" for _ in positional])


def _map(error: Exception) -> TeltubbyError:
    with pytest.raises(TeltubbyError) as caught, mapped():
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize("kind", LOWER, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_each_lower_error_becomes_one_of_ours(kind: type[Exception]) -> None:
    assert issubclass(kind, tuple(listed for listed, _ in ERRORS))
    mapped_error = _map(_made(kind))
    assert "123456:" not in str(mapped_error)


def test_the_completeness_test_sees_the_library() -> None:
    assert {tg.Forbidden, tg.TimedOut} <= set(LOWER)


def test_no_entry_of_the_table_hides_behind_a_wider_one() -> None:
    kinds = [kind for kind, _ in ERRORS]
    for position, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:position]), kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (tg.InvalidToken("Unauthorized"), ConfigurationError),
        (tg.BadRequest("File is too big"), FileTooBigError),
        (tg.BadRequest("wrong file_id"), PermanentError),
        (tg.BadRequest("wrong file_id or the file is temporarily unavailable"), TransientError),
        (NoSuchPageError("404 Not Found"), NotThereError),
        (tg.BadRequest("Chat not found"), ChatClosedError),
        (tg.Forbidden("bot was blocked by the user"), ChatClosedError),
        (tg.Conflict("terminated by other getUpdates request"), ConflictError),
        (tg.TimedOut(), TransientError),
        (tg.NetworkError("Bad Gateway"), TransientError),
        (tg.TelegramError("Internal Server Error"), TransientError),
        (ConnectionFailedError("api.telegram.org did not answer in time"), TransientError),
    ],
)
def test_what_can_be_done_decides_the_kind(error: Exception, kind: type[TeltubbyError]) -> None:
    assert type(_map(error)) is kind


@pytest.mark.parametrize("wait", [7, timedelta(seconds=7)])
def test_a_flood_wait_tells_its_seconds(wait: int | timedelta) -> None:
    error = _map(tg.RetryAfter(wait))
    assert isinstance(error, TransientError)
    assert error.retry_after == 7


def test_another_programs_words_are_cut_and_hold_no_token() -> None:
    for kind in (tg.BadRequest, tg.Forbidden, tg.Conflict, tg.TelegramError, tg.NetworkError):
        text = str(_map(kind(f"see {URL} {'x' * 5000}")))
        assert "123456:" not in text
        assert len(text) < 300


def test_what_is_not_the_librarys_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), mapped():
        raise ZeroDivisionError
