"""What the bot makes of how workers' logins at Telegram are: what admins hear of, and what /mtstatus shows."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from teltubby_bot.catalogue import Text
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState

_SILENT = timedelta(minutes=15)
"""Workers tell of their sessions every five minutes: after so long, one that said it had one has it no more."""

ALERT = "session"
"""The kind of these alerts."""


class SessionWatch:
    """Tells admins of each login that is lost, and of long floods, once."""

    def __init__(self, alert: Callable[[str, str], None]) -> None:
        self._alert = alert
        self._told: dict[str, SessionNotes] = {}

    def heard(self, report: SessionReport) -> None:
        """A worker said how its login is."""
        told, notes = self._told.get(report.session), report.notes
        worth = notes.model_copy(update={"used_at": None})
        self._told[report.session] = worth
        if told == worth:
            return
        if notes.state is SessionState.LOST:
            self._alert(ALERT, lost(report))
        elif notes.state is SessionState.FLOODED and (told is None or told.flood_until != notes.flood_until):
            self._alert(ALERT, flooded(report))


def lost(report: SessionReport) -> Text:
    """Say that a login is lost, and what to do."""
    reason = report.notes.reason or Text("alert-no-reason")
    if report.notes.kind is SessionKind.USER:
        return Text("alert-account-lost", session=report.session, reason=reason)
    return Text("alert-session-lost", session=report.session, reason=reason)


def flooded(report: SessionReport) -> Text:
    """Say that Telegram slows a login down, and that nothing is to be done."""
    until, reason = report.notes.flood_until, report.notes.reason or Text("alert-asked-to-wait")
    if until is None:
        return Text("alert-session-flooded", session=report.session, reason=reason)
    return Text("alert-session-flooded-until", session=report.session, reason=reason, time=f"{until:%H:%M:%S}")


def current(reports: Iterable[SessionReport], now: datetime) -> list[SessionReport]:
    """Choose of the last words of workers (the latest first) those that hold: by session, then worker.

    A session that workers have of late is theirs; of others the latest word counts. Workers with databases of their
    own call theirs by one name.
    """
    by_session: dict[str, list[SessionReport]] = {}
    for report in reports:
        by_session.setdefault(report.session, []).append(report)
    chosen: list[SessionReport] = []
    for some in by_session.values():
        chosen += [each for each in some if _has(each, now)] or some[:1]
    return sorted(chosen, key=lambda each: (each.session, each.worker))


def _has(report: SessionReport, now: datetime) -> bool:
    return report.held and now - report.at < _SILENT
