"""What the operator counts, by archive."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from teltubby_core.observability.readings import Reading
from teltubby_operator.archive import Key
from teltubby_operator.conditions import SessionCounts
from teltubby_operator.scaling import Backlog

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LABELS = ("namespace", "archive")
_JOB_STATES = ("ready", "unacknowledged")
_SESSION_STATES = ("ready", "empty", "leased", "lost", "retiring", "missing")


class Measures:
    """Metrics of one process; what can't be read is absent, never zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._backlog = Reading(registry, "teltubby_archive_backlog_jobs", "Jobs at the broker", (*_LABELS, "state"))
        self._desired = Reading(registry, "teltubby_archive_desired_workers", "Workers that it needs", _LABELS)
        self._actual = Reading(registry, "teltubby_archive_workers", "Workers that are ready", _LABELS)
        self._sessions = Reading(registry, "teltubby_archive_sessions", "Logins", (*_LABELS, "state"))
        self._reaction = Histogram(
            "teltubby_scaling_reaction_seconds", "From news to the change", buckets=_BUCKETS, registry=registry
        )
        self._errors = Counter("teltubby_scaling_errors", "Evaluations that failed", registry=registry)

    def seen(
        self,
        key: Key,
        backlog: Backlog | None,
        desired: int | None,
        actual: int | None,
        sessions: SessionCounts | None,
    ) -> None:
        """Show how an archive is."""
        labels = (key.namespace, key.name)
        for state in _JOB_STATES:
            self._backlog.set(getattr(backlog, state) if backlog else None, *labels, state)
        self._desired.set(desired, *labels)
        self._actual.set(actual, *labels)
        for state in _SESSION_STATES:
            self._sessions.set(getattr(sessions, state) if sessions else None, *labels, state)

    def forget(self, key: Key) -> None:
        """Show nothing more of an archive."""
        self.seen(key, None, None, None, None)

    def scaled(self, seconds: float) -> None:
        """An archive got another number of workers, so long after the news."""
        self._reaction.observe(seconds)

    def failed(self) -> None:
        """An archive could not be dealt with."""
        self._errors.inc()
