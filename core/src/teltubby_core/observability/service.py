"""The four pages of a service, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from teltubby_core.breaker import Breaker
from teltubby_core.observability.health import HealthServer
from teltubby_core.observability.liveness import Liveness
from teltubby_core.observability.metrics import Metrics
from teltubby_core.observability.readiness import Check, Readiness
from teltubby_core.observability.status import Describe, Status
from teltubby_core.ports import Clock
from teltubby_core.settings import HealthSettings


@dataclass(frozen=True)
class Observed:
    """What a service called ``name`` counts and how its loops are watched."""

    name: str
    metrics: Metrics
    liveness: Liveness = field(default_factory=Liveness)

    def pages(
        self,
        settings: HealthSettings,
        clock: Clock,
        *,
        checks: Sequence[Check],
        circuits: Sequence[Breaker],
        describe: Describe,
        busy: Callable[[], bool] = lambda: False,
        listener: Callable[[str, str | None], None] = lambda _, __: None,
    ) -> HealthServer:
        """Return the server of its pages. ``busy``: it holds work, so it is ready whatever the dependencies do.

        ``listener`` is told how each dependency is (see ``Readiness``).
        """
        for circuit in circuits:
            circuit.subscribe(self.metrics.circuit)
        readiness = Readiness(checks, clock, self.metrics, override=busy, listener=listener)
        status = Status(self.name, readiness, self.liveness, circuits=circuits, describe=describe)
        return HealthServer(
            settings.health_host, settings.health_port, metrics=self.metrics, readiness=readiness, status=status
        )
