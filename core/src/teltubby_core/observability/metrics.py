"""What a service counts, as verbs of the domain. Label values come from closed sets: enums and names in our code.

Nothing here is global: each ``Metrics`` has its own registry. What can't be read is absent, never zero.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from teltubby_core.breaker import CircuitState
from teltubby_core.domain.records import DedupReason
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import ErrorCategory
from teltubby_core.observability.categories import category_of
from teltubby_core.observability.labels import AlertKind, SecurityKind, SkipReason
from teltubby_core.observability.readings import BoundedNames, Reading
from teltubby_core.ports import QueueDepth

_PROCESSING_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
"""Seconds: from a photo to 4 GB over a slow line."""
_ANSWER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
_MOST_PLACES = 50
_MOST_SESSIONS = 500


def _version() -> str:
    try:
        return version("teltubby-core")
    except PackageNotFoundError:  # run from a copy of the source
        return "unknown"


VERSION = _version()
"""Of the installed core; bot, worker and command line have the same."""


class Metrics:
    """The metrics of one process. ``service`` is its name in ``teltubby_build_info``."""

    def __init__(self, service: str) -> None:
        # without it a second series for each counter, which nobody asks for
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._places = BoundedNames(_MOST_PLACES)
        self._sessions = BoundedNames(_MOST_SESSIONS)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        build = Info("teltubby_build", "Which program this is", registry=self.registry)
        build.info({"service": service, "version": VERSION})
        self._define_intake()
        self._define_jobs()
        self._define_troubles()
        self._define_readings()

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type, in the form that an Accept header asks for.

        Reads /proc: not for the event loop's thread.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    # Intake and archive

    def _define_intake(self) -> None:
        self._messages = self._counter("messages_ingested", "Messages with a file that were taken in")
        self._bytes = self._counter("bytes_ingested", "Bytes of files that became objects", ["route"])
        self._processing = self._histogram(
            "processing_seconds", "From a file's intake to its outcome", _PROCESSING_BUCKETS, ["route"]
        )
        self._answers = self._histogram(
            "first_answer_seconds", "From a message's intake to the first reply", _ANSWER_BUCKETS
        )
        self._dedup_hits = self._counter("dedup_hits", "Files that were in the archive already", ["reason"])
        self._skips = self._counter("skips", "Messages and files not archived by rule", ["reason"])
        self._failures = self._counter("items_failed", "Files that could not be archived", ["category"])
        _show_all(self._bytes, Route)
        _show_all(self._processing, Route)
        _show_all(self._dedup_hits, DedupReason)
        _show_all(self._skips, SkipReason)
        _show_all(self._failures, ErrorCategory)

    def message_ingested(self) -> None:
        """A message with a file was taken in."""
        self._messages.inc()

    def bytes_ingested(self, count: int, route: Route) -> None:
        """So many bytes became an object."""
        self._bytes.labels(route.value).inc(count)

    def processing(self, seconds: float, route: Route) -> None:
        """A file has its outcome, so long after its intake. A wall clock set back counts as 0."""
        self._processing.labels(route.value).observe(max(seconds, 0.0))

    def first_answer(self, seconds: float) -> None:
        """The sender sees a first reply, so long after the message came in."""
        self._answers.observe(max(seconds, 0.0))

    def dedup_hit(self, reason: DedupReason) -> None:
        """A file was in the archive already."""
        self._dedup_hits.labels(reason.value).inc()

    def skipped(self, reason: SkipReason) -> None:
        """A message or file was not archived, by rule."""
        self._skips.labels(reason.value).inc()

    def item_failed(self, category: ErrorCategory) -> None:
        """A file could not be archived and is given up."""
        self._failures.labels(category.value).inc()

    # Jobs

    def _define_jobs(self) -> None:
        self._jobs_published = self._counter("jobs_published", "Jobs handed to the broker")
        self._jobs_republished = self._counter("jobs_republished", "Jobs published anew because the broker lost them")
        self._jobs_completed = self._counter("jobs_completed", "Jobs that brought their file")
        self._jobs_failed = self._counter("jobs_failed", "Jobs that ended without their file", ["category"])
        self._jobs_cancelled = self._counter("jobs_cancelled", "Jobs stopped by their users")
        self._jobs_retried = self._counter(
            "jobs_retried", "Attempts that failed and are followed by another", ["category"]
        )
        self._jobs_redelivered = self._counter(
            "jobs_redelivered", "Jobs that came again because their holder went away"
        )
        _show_all(self._jobs_failed, ErrorCategory)
        _show_all(self._jobs_retried, ErrorCategory)

    def job_published(self) -> None:
        """The broker has a job."""
        self._jobs_published.inc()

    def job_republished(self) -> None:
        """A job that the broker had lost was published anew."""
        self._jobs_republished.inc()

    def job_completed(self) -> None:
        """A job brought its file."""
        self._jobs_completed.inc()

    def job_failed(self, category: ErrorCategory) -> None:
        """A job ended without its file."""
        self._jobs_failed.labels(category.value).inc()

    def job_cancelled(self) -> None:
        """A job was stopped by its user."""
        self._jobs_cancelled.inc()

    def job_retried(self, category: ErrorCategory) -> None:
        """An attempt failed and another will follow."""
        self._jobs_retried.labels(category.value).inc()

    def job_redelivered(self) -> None:
        """A job came again because its holder went away."""
        self._jobs_redelivered.inc()

    # Troubles

    def _define_troubles(self) -> None:
        self._errors = self._counter("errors", "Errors by what can be done about them", ["category", "where"])
        self._security = self._counter("security_events", "What somebody tried who may not", ["kind"])
        self._alerts = self._counter("alerts", "Alerts sent to admins", ["kind"])
        self._parked = self._counter("updates_parked", "Updates that could not be read")
        self._opened = self._counter("circuit_opened", "How often calls to a dependency were cut off", ["dependency"])
        self._flood_seconds = self._counter("telegram_flood_wait_seconds", "Waits that Telegram asked for", ["api"])
        _show_all(self._security, SecurityKind)
        _show_all(self._alerts, AlertKind)
        _show_all(self._flood_seconds, Route)

    def error(self, error: BaseException | ErrorCategory, where: str) -> None:
        """Something went wrong. ``where``: a loop's or room's name in our code."""
        category = error if isinstance(error, ErrorCategory) else category_of(error)
        self._errors.labels(category.value, self._places.of(where)).inc()

    def security_event(self, kind: SecurityKind) -> None:
        """Somebody tried what they may not."""
        self._security.labels(kind.value).inc()

    def alert(self, kind: AlertKind) -> None:
        """Admins are told of something."""
        self._alerts.labels(kind.value).inc()

    def update_parked(self) -> None:
        """An update could not be read and was put aside."""
        self._parked.inc()

    def flood_wait(self, seconds: float, route: Route) -> None:
        """Telegram asked us to wait, on the Bot API or over MTProto."""
        self._flood_seconds.labels(route.value).inc(max(seconds, 0.0))

    # What was read, last time it could be

    def _define_readings(self) -> None:
        reading = partial(Reading, self.registry)
        self._queue = reading("teltubby_queue_jobs", "Jobs at the broker", ["state"])
        self._quota = reading("teltubby_quota_ratio", "Part of the quota in use, open jobs included")
        self._inbox = reading("teltubby_inbox_pending", "Updates on disk that are not read yet")
        self._oldest = reading("teltubby_oldest_job_age_seconds", "Age of the oldest job without an outcome")
        self._transfers = reading("teltubby_transfers_active", "Files on their way")
        self._session_states = reading(
            "teltubby_sessions", "Logins at Telegram: 1 at the state that each is in", ["session", "state"]
        )
        self._session_kinds = reading("teltubby_session_kind", "1 at whose login each is", ["session", "kind"])
        self._session_held = reading("teltubby_session_held", "Whether this worker has the session", ["session"])
        self._session_dc = reading("teltubby_session_data_centre", "Number of the login's data centre", ["session"])
        self._session_used = reading(
            "teltubby_session_last_used_timestamp_seconds", "When Telegram last answered it", ["session"]
        )
        self._session_flood = reading(
            "teltubby_session_flood_until_timestamp_seconds", "Until when Telegram asked it to wait", ["session"]
        )
        self._circuits = reading("teltubby_circuit_open", "1 while calls to a dependency are cut off", ["dependency"])
        self._dependencies = reading(
            "teltubby_dependency_up", "Whether a dependency answered its last check", ["dependency"]
        )

    def queue_depth(self, depth: QueueDepth | None) -> None:
        """Show the broker's counts; None when it can't be read."""
        self._queue.set(None if depth is None else depth.ready, "ready")
        self._queue.set(None if depth is None else depth.unacknowledged, "unacknowledged")
        self._queue.set(None if depth is None else depth.dead, "dead")

    def quota_ratio(self, ratio: float | None) -> None:
        """Show used by allowed bytes; None without a quota or while it is not known."""
        self._quota.set(ratio)

    def inbox_pending(self, count: int | None) -> None:
        """Show how many updates wait to be read."""
        self._inbox.set(count)

    def oldest_job_age(self, seconds: float | None) -> None:
        """Show the age of the oldest job without an outcome; None when there is none."""
        self._oldest.set(seconds)

    def transfers_active(self, count: int) -> None:
        """Show how many files are on their way."""
        self._transfers.set(count)

    def session(self, name: str, notes: SessionNotes, worker: str | None) -> None:
        """Show how a session is, and which worker has it; None when nobody has."""
        session = self._sessions.of(name)
        for each in SessionState:
            self._session_states.set(each is notes.state, session, each.value)
        self._session_held.set(worker is not None, session)
        self._session_dc.set(notes.dc_id, session)
        self._session_used.set(_seconds(notes.used_at), session)
        self._session_flood.set(_seconds(notes.flood_until), session)
        for kind in SessionKind:
            self._session_kinds.set(kind is notes.kind, session, kind.value)

    def circuit(self, name: str, state: CircuitState) -> None:
        """Show whether calls to a dependency are cut off: listens to a ``Breaker``."""
        dependency = self._places.of(name)
        self._circuits.set(state is not CircuitState.CLOSED, dependency)
        self._opened.labels(dependency).inc(state is CircuitState.OPEN)

    def dependency(self, name: str, up: bool | None) -> None:
        """Show whether a dependency answered; None before its first check."""
        self._dependencies.set(up, self._places.of(name))

    def _counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, documentation, labels, namespace="teltubby", registry=self.registry)

    def _histogram(
        self, name: str, documentation: str, buckets: Sequence[float], labels: Sequence[str] = ()
    ) -> Histogram:
        return Histogram(name, documentation, labels, namespace="teltubby", registry=self.registry, buckets=buckets)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _show_all(metric: Counter | Histogram, values: type[StrEnum]) -> None:
    """Show each value from the start, at 0: a rate can't be told of a series that begins with its first event."""
    for value in values:
        metric.labels(value.value)
