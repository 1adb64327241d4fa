"""Both languages say the same things, whole; and what is asked for is there."""

import ast
import asyncio
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor

import teltubby_bot
from teltubby_bot.botapi.parsing import _NOT_FILES
from teltubby_bot.catalogue import DEFAULT, LANGUAGES, CatalogueError, language_for, say, speaking
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.menu import ADMINS, EVERYBODYS
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.sessions import SessionKind, SessionState
from teltubby_core.observability import SecurityKind

PACKAGE = Path(teltubby_bot.__file__).parent
SAME = {"button-details", "button-retry", "button-cancel", "button-get", "button-earlier", "button-later", "speed"}
SAME |= {
    "item-cancelled",
    "item-held",
    "kind-animation",
    "kind-sticker",
    "kind-video",
    "count-animation",
    "count-video",
    "reason-polling",
}


class _Variables(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802 - the library's name
        self.names.add(node.id.name)


@cache
def _messages(language: str) -> dict[str, ftl.Message]:
    source = files("teltubby_bot.catalogue").joinpath(f"{language}.ftl").read_text("utf-8")
    entries = FluentParser().parse(source).body
    assert [entry for entry in entries if isinstance(entry, ftl.Junk)] == []
    return {entry.id.name: entry for entry in entries if isinstance(entry, ftl.Message)}


def _variables(message: ftl.Message) -> set[str]:
    visitor = _Variables()
    visitor.visit(message)
    return visitor.names


COMPOSED = {
    *(f"menu-{name}" for name in EVERYBODYS + ADMINS),
    *(f"{what}-{kind}" for what in ("kind", "count") for kind in MediaKind),
    *(f"jobs-{state.lower()}" for state in JobState),
    *(f"session-{state}" for state in SessionState),
    *(f"state-{state.lower()}" for state in JobState if state.final),
    *(f"item-{outcome}" for outcome in ("skipped", "failed", "cancelled")),
    *(f"advice-{kind}" for kind in SecurityKind),
    *(f"session-of-{kind}" for kind in SessionKind),
    *(key for key in _messages(DEFAULT) if key.startswith("reason-")),
    *(f"no-file-{what.rpartition(' ')[2]}" for what in [*_NOT_FILES.values(), "text"]),
}
"""Keys that are put together where they are said."""


def _said() -> Iterator[str]:
    """Yield all that may be a key that is asked for somewhere."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _asked_for() -> Iterator[tuple[str, str]]:
    """Yield each key that a call names by itself, and the file that does."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            if node.func.id not in {"say", "Text", "_over", "_again"}:
                continue
            yield from ((key, path.name) for key in _literals(node.args[0]))


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_all_languages_have_the_same_texts_with_the_same_values() -> None:
    english = {key: _variables(message) for key, message in _messages(DEFAULT).items()}
    for language in LANGUAGES:
        assert {key: _variables(message) for key, message in _messages(language).items()} == english


def test_what_is_said_is_there_and_what_is_there_is_said() -> None:
    keys = set(_messages(DEFAULT))
    assert keys >= COMPOSED
    assert keys - COMPOSED <= set(_said()), "texts that nobody says"


def test_each_key_that_a_call_names_is_there() -> None:
    asked = set(_asked_for())
    assert len(asked) > 150
    assert {(key, file) for key, file in asked if key not in _messages(DEFAULT)} == set()


@pytest.mark.parametrize("key", sorted(set(_messages(DEFAULT)) - SAME))
def test_each_text_is_translated(key: str) -> None:
    values: dict[str, str | int] = dict.fromkeys(_variables(_messages(DEFAULT)[key]), 2)
    english = say(key, **values)
    with speaking("de"):
        german = say(key, **values)
    assert english != german
    assert english.strip()
    assert len(german) <= 4096


def test_a_missing_text_or_value_is_a_defect() -> None:
    with pytest.raises(CatalogueError, match="no text nothing"):
        say("nothing")
    with pytest.raises(CatalogueError, match="page"):
        say("page", page="1")


@pytest.mark.parametrize(
    ("tag", "language"),
    [("de", "de"), ("de-AT", "de"), ("DE_at", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en"), (None, "en")],
)
def test_the_language_that_suits_a_tag(tag: str | None, language: str) -> None:
    assert language_for(tag) == language


async def test_each_task_speaks_its_own_language() -> None:
    go = asyncio.Event()

    async def speaker(tag: str) -> str:
        with speaking(tag):
            await go.wait()
            return say("dead-none")

    speakers = [asyncio.create_task(speaker(tag)) for tag in ("de", "en")]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*speakers) == ["Nichts ist gescheitert.", "Nothing has failed."]
    assert say("dead-none") == "Nothing has failed."


def test_speaking_nests_and_ends() -> None:
    with speaking("de"):
        with speaking(None):
            assert say("none") == "none"
        assert say("none") == "keine"
        with pytest.raises(ZeroDivisionError), speaking("en"):
            raise ZeroDivisionError
        assert say("none") == "keine"
    assert say("none") == "none"


def test_no_digits_are_grouped_where_a_value_is_shown_as_it_is() -> None:
    with speaking("de"):
        assert say("a-user", user="1234567890") == "Benutzer 1234567890"
        assert reason("cancelled by user 1234567890") == "angehalten von Benutzer 1234567890"
