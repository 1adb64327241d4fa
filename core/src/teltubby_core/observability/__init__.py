"""How a service shows from outside that it lives, what it waits for and what it has done.

    metrics      what is counted, for Prometheus
    liveness     whether the loops go round           /healthz
    readiness    whether the dependencies answer      /readyz
    status       the same for a person, as JSON       /status
    health       the HTTP server in front of the four
    security     strangers and forgeries: counted, logged, alerted when they come in bursts
    categories   any exception as one of our four categories

It watches; it never decides what happens to a message. Of SDKs it knows prometheus-client and aiohttp.
"""

from teltubby_core.observability.categories import category_of
from teltubby_core.observability.health import HealthServer
from teltubby_core.observability.labels import AlertKind, SecurityKind, SkipReason
from teltubby_core.observability.liveness import Heartbeat, Liveness, Silence
from teltubby_core.observability.metrics import Metrics
from teltubby_core.observability.readiness import Check, Dependency, Readiness
from teltubby_core.observability.security import SecurityLog
from teltubby_core.observability.status import Status

__all__ = [
    "AlertKind",
    "Check",
    "Dependency",
    "HealthServer",
    "Heartbeat",
    "Liveness",
    "Metrics",
    "Readiness",
    "SecurityKind",
    "SecurityLog",
    "Silence",
    "SkipReason",
    "Status",
    "category_of",
]
