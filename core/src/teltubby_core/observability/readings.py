"""Gauges that can be unknown, and names that can't become too many."""

import math
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

OTHER = "other"
"""What a name is called once there are too many."""


class Reading(Collector):
    """A gauge without a sample until something is known, and again when it is not known any more.

    prometheus-client's own shows 0 then, and nobody can tell an empty queue from a broker that does not answer.
    """

    def __init__(self, registry: CollectorRegistry, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._values: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def set(self, value: float | None, *labels: str) -> None:
        """Show ``value``; with None (or not a number) show nothing. ``labels`` in the order of the constructor."""
        if value is None or math.isnan(value):
            self._values.pop(labels, None)
        else:
            self._values[labels] = float(value)

    def collect(self) -> Iterable[Metric]:
        """Yield what is known. Called from the thread that renders, hence the copy."""
        family = self._family()
        for labels, value in self._values.copy().items():
            family.add_metric(labels, value)
        yield family

    def describe(self) -> Iterable[Metric]:
        """Yield the name alone, so that nobody else takes it."""
        yield self._family()

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(self._name, self._documentation, labels=self._labels)


class BoundedNames:
    """Lets the first ``limit`` names through and calls all further ones ``other``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """Return the name to use as a label's value."""
        if name not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(name)
        return name
