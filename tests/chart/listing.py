"""Every value of the chart with what it takes, its default and its description, as docs/values.md has them.

``make values-list`` writes the page anew; a test fails while the page says something else.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chart.values import CLOSED, DEFAULTS, KNOWN, LEAVES

PAGE = Path(__file__).parents[2] / "docs" / "values.md"

_INTRODUCTION = """\
# Values of the chart

Made from [values.schema.json](../charts/teltubby/values.schema.json), which refuses everything else by name before
anything is changed, and from [values.yaml](../charts/teltubby/values.yaml). `make values-list` writes this page.
[kubernetes.md](kubernetes.md) shows them in use.
"""
_LONGEST = 60  # characters of a pattern or a list; a longer one stands in the schema


def page() -> str:
    """Return docs/values.md as it is to be."""
    sections = dict.fromkeys(path.partition(".")[0] for path in LEAVES)
    return "\n".join([_INTRODUCTION, *map(_section, sections)])


def _section(name: str) -> str:
    rows = [_row(path) for path in LEAVES if path.partition(".")[0] == name]
    words = [KNOWN[name]["description"], ""] if name in CLOSED else []
    table = ["| value | takes | default | |", "|---|---|---|---|", *rows, ""]
    return "\n".join([f"## {name}", "", *words, *table])


def _row(path: str) -> str:
    schema = KNOWN[path]
    cells = (f"`{path}`", _takes(schema), f"`{json.dumps(_default(path))}`", schema["description"])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _takes(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = " or ".join(kinds)
    for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("maxLength", "length ≤")):
        words += f" {sign} {schema[name]}" if name in schema else ""
    pattern = schema.get("pattern", "")
    return f"{words} matching `{pattern}`" if 0 < len(pattern) <= _LONGEST else words


def _default(path: str) -> Any:
    found: Any = DEFAULTS
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
