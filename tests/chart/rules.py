"""What alerts and dashboard are about, for suites that have the running programs."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from chart.rendering import CHART


def panels() -> list[Mapping[str, Any]]:
    """Return the dashboard's panels, as the chart's file has them."""
    return list(_file("panels")["panels"])


def asked_of_operator() -> set[str]:
    """Return the names of all metrics that alerts and panels ask an operator for."""
    return _named(_rules("operator")) | _named(_queries(operator=True))


def asked_of_services() -> set[str]:
    """Return the names of all metrics that alerts and panels ask bot and workers for."""
    return _named(_rules("archive")) | _named(_queries(operator=False))


def metrics_in(page: str) -> set[str]:
    """Return the names of all metrics that a page of a program defines."""
    return set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))


def _rules(name: str) -> list[str]:
    return [rule["expr"] for group in _file("alerts")["groups"] if group["name"] == name for rule in group["rules"]]


def _queries(*, operator: bool) -> list[str]:
    found = [panel for panel in panels() if panel.get("operator", False) is operator]
    return [query["expr"] for panel in found for query in panel["queries"]]


def _named(expressions: Iterable[str]) -> set[str]:
    names = {name for each in expressions for name in re.findall(r"(?:teltubby|process)_\w+", each)}
    assert names
    return {name.removesuffix("_bucket") for name in names}


def _file(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "files" / f"{name}.yaml").read_text("utf-8")))
