"""What the bot says about sessions and logins."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from teltubby_bot.catalogue import say
from teltubby_bot.catalogue.recorded import reason
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState


def form() -> str:
    """Show how a login is begun and gone on with."""
    return f"{say('login-how')}\n\n{say('login-form-tail')}"


def no_slot(names: Sequence[str]) -> str:
    """Say that every session has a login, and how to come by room."""
    return say("login-no-slot", names=", ".join(names))


def failed(why: str) -> str:
    """Say that a login came to nothing."""
    return say("login-failed", reason=reason(why))


def again(why: str) -> str:
    """Ask for it once more."""
    return say("login-again", reason=reason(why))


def logged_in(session: str, unseen_channel: int | None) -> str:
    """Say that a login is kept; ``unseen_channel``: the relay channel, when the account is not in it."""
    text = say("logged-in", session=session)
    if unseen_channel is None:
        return text
    return f"{text}\n\n{say('login-unseen-channel', channel=str(unseen_channel))}"


def status(kind: SessionKind, reports: Iterable[SessionReport], sights: Sequence[SessionSight], now: datetime) -> str:
    """List the sessions: what workers said of them, and those that no worker said anything of."""
    said = list(reports)
    known = {report.session for report in said}
    lines = [_line(report.session, report.notes, _who(report, now), now) for report in said]
    lines += [_line(sight.name, sight.notes, sight.holder, now) for sight in sights if sight.name not in known]
    head = say("sessions-bot" if kind is SessionKind.BOT else "sessions-user", counts=_counts(said, sights))
    tail = [] if kind is SessionKind.BOT else ["", say("login-how")]
    return "\n".join([head, *(lines or [say("sessions-none")]), *tail])


def _counts(reports: Sequence[SessionReport], sights: Sequence[SessionSight]) -> str:
    states = {sight.name: sight.notes.state for sight in sights} | {each.session: each.notes.state for each in reports}
    counted = [(list(states.values()).count(state), state) for state in SessionState if state in states.values()]
    return ", ".join(f"{count} {say(f'session-{state}')}" for count, state in counted) or say("none")


_SIGNS = {SessionState.READY: "🟢", SessionState.FLOODED: "🟡", SessionState.LOST: "🔴", SessionState.EMPTY: "⚪"}


def _line(name: str, notes: SessionNotes, holder: str | None, now: datetime) -> str:
    parts = [f"{_SIGNS[notes.state]} {name}: {say(f'session-{notes.state}')}"]
    if notes.kind:
        parts.append(say(f"session-of-{notes.kind}"))
    if notes.dc_id:
        parts.append(f"DC {notes.dc_id}")
    parts.append(say("session-used-by", holder=holder) if holder else say("session-unused"))
    if notes.used_at:
        parts.append(say("session-last", ago=_ago(notes.used_at, now)))
    if notes.flood_until and notes.flood_until > now:
        parts.append(say("session-waits", time=f"{notes.flood_until:%H:%M:%S}"))
    if notes.reason:
        parts.append(reason(notes.reason))
    return " · ".join(parts)


def _who(report: SessionReport, now: datetime) -> str | None:
    return say("session-heard", worker=report.worker, ago=_ago(report.at, now)) if report.held else None


def _ago(moment: datetime, now: datetime) -> str:
    seconds = max(0, round((now - moment).total_seconds()))
    if seconds < 60:
        return say("ago-seconds", count=str(seconds))
    if seconds < 3600:
        return say("ago-minutes", count=str(seconds // 60))
    return say("ago-hours", count=str(seconds // 3600))
