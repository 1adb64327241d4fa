"""The list of all rules with their sources and the tests that show them, as docs/conformance.md has it.

``make conformance-list`` writes the page anew; a test fails while the page says something else.
"""

import importlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from conformance import botapi_rules, mtproto_rules
from conformance.rules import Case, Rule, shown_by

_FOLDER = Path(__file__).parent
PAGE = _FOLDER.parent.parent / "docs" / "conformance.md"
DOORS: Mapping[str, tuple[Rule, ...]] = {"Bot API": botapi_rules.RULES, "MTProto": mtproto_rules.RULES}

Tests = Mapping[tuple[str, Case], list[str]]

_INTRODUCTION = """\
# What the simulator is held to

No machine that builds teltubby reaches Telegram, so the simulator has to be a judge that can be trusted. Each rule
below stands with its source, and with at least one test where it lets a client through and one where it refuses.
The tests use nothing but the public behaviour of unmodified clients: python-telegram-bot for the Bot API, Telethon
and kurigram (a second, unrelated library) for MTProto. `make conformance` runs them, `make conformance-list` writes
this page.
"""


def names_by_rule() -> Tests:
    """Return the names of the tests that show each rule's cases."""
    found: defaultdict[tuple[str, Case], list[str]] = defaultdict(list)
    for path in sorted(_FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"conformance.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for shown in shown_by(test):
                    found[shown].append(f"{path.stem}.{name}")
    return found


def page() -> str:
    """Return docs/conformance.md as it is to be."""
    tests = names_by_rule()
    parts = [_INTRODUCTION]
    for door, rules in DOORS.items():
        parts.append(f"\n## {door}: {len(rules)} rules\n")
        parts += [_entry(rule, tests) for rule in rules]
    return "\n".join(parts)


def _entry(rule: Rule, tests: Tests) -> str:
    accepted, refused = (_names(tests.get((rule.id, case), [])) for case in ("accepted", "refused"))
    return f"**{rule.id}** {rule.sentence}  \nSource: {rule.source}  \nLets through: {accepted}  \nRefuses: {refused}\n"


def _names(tests: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in tests) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
