"""Rules of Telegram that the simulator is held to, and the marks by which tests say which of them they show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

Case = Literal["accepted", "refused"]
Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Rule:
    """One rule: a short ``id``, the rule in a sentence, and where Telegram (or who else) says so."""

    id: str
    sentence: str
    source: str


def accepted(*rules: str) -> Callable[[Test], Test]:
    """Mark a test that shows what these rules allow."""
    return _marked("accepted", rules)


def refused(*rules: str) -> Callable[[Test], Test]:
    """Mark a test that shows what these rules forbid."""
    return _marked("refused", rules)


def shown_by(test: object) -> set[tuple[str, Case]]:
    """Return the rules that a test shows."""
    found: set[tuple[str, Case]] = getattr(test, "shows", set())
    return found


def _marked(case: Case, rules: tuple[str, ...]) -> Callable[[Test], Test]:
    def mark(test: Test) -> Test:
        test.shows = shown_by(test) | {(rule, case) for rule in rules}  # type: ignore[attr-defined]
        return test

    return mark
