"""What the alerting rules are about, for suites that have the running programs."""

import re
from pathlib import Path

import yaml

from chart.rendering import CHART

RULES: Path = CHART / "files" / "alerts.yaml"


def metrics_of(group: str) -> set[str]:
    """Return the names of all metrics that a group's rules ask for."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    (found,) = [each for each in groups if each["name"] == group]
    return {name for rule in found["rules"] for name in re.findall(r"teltubby_\w+", rule["expr"])}


def metrics_in(page: str) -> set[str]:
    """Return the names of all metrics that a page of a program defines."""
    return set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
