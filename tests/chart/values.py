"""What values.yaml and values.schema.json say about every value."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from chart.rendering import CHART

SCHEMA: Mapping[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
DEFAULTS: Mapping[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
_FREE = {"global"}
"""Of Helm's own: every chart must let it be."""


def _described(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        found = {**SCHEMA["$defs"][each["$ref"].rpartition("/")[2]], **each} if "$ref" in each else each
        here = f"{path}{name}"
        yield here, found
        yield from _described(found, f"{here}.")


KNOWN = {path: each for path, each in _described(SCHEMA) if path not in _FREE}
"""Every value that the schema knows, by path."""
CLOSED = [path for path, each in KNOWN.items() if "properties" in each]
"""Those that hold others."""
LEAVES = [path for path in KNOWN if path not in CLOSED]
