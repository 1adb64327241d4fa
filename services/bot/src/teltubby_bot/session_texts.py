"""What the bot says about sessions and logins."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState

_HOW = (
    "Log an account in:\n"
    "/mtcode qr – by a picture that you scan with it\n"
    "/mtcode +491701234567 – by a code that Telegram sends to it\n"
    "/mtstatus cancel – stop that"
)
FORM = (
    f"{_HOW}\n\nSend the code with signs between its digits, like /mtcode 1-2-3-4-5: Telegram blocks codes that are"
    " sent plainly."
)
PASSWORD_FORM = "Send your two-step password like this: /mtpass PASSWORD. I delete your message at once."  # noqa: S105
STATUS_FORM = "/mtstatus – the logins for large files; /mtstatus cancel – stop the login that is under way"
NOT_FOR_PEOPLE = "Workers log in as the bot itself, with its token: nothing is to be done. /mtstatus"
SEND_AGAIN = (
    "I don't have what you wrote there any more: numbers, codes and passwords are kept nowhere, so a restart loses"
    " them. A login that was under way is over then. Send it again:"
)
ASKING = "⏳ Asking Telegram…"
GOT_IT = "⏳ Trying it…"
BUSY = "You are logging in already. Finish it, or stop it: /mtstatus cancel"
BUSY_ELSEWHERE = "Somebody else is logging in right now. Try again in a few minutes."
STILL_ENDING = "A login is just coming to its end, one way or the other. Wait half a minute."
STOPPING = "🛑 I am being stopped, and the login with me; nothing of it is kept. Begin again in a few minutes: /mtcode"
NOTHING_ASKED = "Nobody is logging in. Begin with /mtcode qr or /mtcode and your number."
CANCELLED = "🛑 The login is stopped; nothing of it is kept."
NOTHING_TO_CANCEL = "Nobody is logging in."
TOOK_TOO_LONG = "⌛ The login took too long and is stopped; nothing of it is kept. Begin again: /mtcode"
SLOT_TAKEN = "the sessions that are free are in other hands just now; try again in a few minutes"
CODE_SENT = (
    "📨 Telegram has sent you a code, in your Telegram app or else by SMS. Send it to me with signs between its digits,"
    " like /mtcode 1-2-3-4-5. Not plainly: Telegram blocks a code that is sent plainly to anybody."
)
CODE_BLOCKED = (
    "🚫 That code was sent plainly, so Telegram has blocked it. I have asked for another one: send it with signs"
    " between its digits, like /mtcode 1-2-3-4-5."
)
CODE_FIRST = "First the code, please: /mtcode 1-2-3-4-5, with signs between its digits."
PASSWORD_WANTED = "🔒 This account has a two-step password. Send it: /mtpass PASSWORD. I delete your message at once."  # noqa: S105
SCAN = (
    "Scan this with the account's Telegram app: Settings → Devices → Link Desktop Device. It is good for half a minute;"
    " then I send another one."
)
NOT_SCANNED = "nobody scanned a picture; begin again with /mtcode qr when you are ready"
NOT_DELETED = "⚠️ I could not delete your message; delete it yourself, for both of us."


def no_slot(names: Sequence[str]) -> str:
    """Say that every session has a login, and how to come by room."""
    return (
        f"every session has a login already or retires ({', '.join(names)}). End one in its account's Telegram app"
        " (Settings → Devices) and send a large file, so that its worker notices; or let whoever runs this make room"
        " for more. /mtstatus shows them"
    )


def failed(reason: str) -> str:
    """Say that a login came to nothing."""
    return f"❌ Not logged in: {reason}."


def again(reason: str) -> str:
    """Ask for it once more."""
    return f"✋ That did not work: {reason}."


def logged_in(session: str, unseen_channel: int | None) -> str:
    """Say that a login is kept; ``unseen_channel``: the relay channel, when the account is not in it."""
    text = f"✅ Logged in. The login is session {session}, encrypted; workers use it from now on."
    if unseen_channel is None:
        return text
    return (
        f"{text}\n\n⚠️ The account is not in the relay channel {unseen_channel} (RELAY_CHANNEL_ID): make it a member"
        " there, or it can fetch nothing."
    )


def status(kind: SessionKind, reports: Iterable[SessionReport], sights: Sequence[SessionSight], now: datetime) -> str:
    """List the sessions: what workers said of them, and those that no worker said anything of."""
    said = list(reports)
    known = {report.session for report in said}
    lines = [_line(report.session, report.notes, _who(report, now), now) for report in said]
    lines += [_line(sight.name, sight.notes, sight.holder, now) for sight in sights if sight.name not in known]
    whose = "the bot's own" if kind is SessionKind.BOT else "of user accounts"
    head = f"🔑 Sessions for large files, {whose}: {_counts(said, sights)}"
    if not lines:
        lines = ["None yet: a worker makes one when the first large file comes."]
    tail = [] if kind is SessionKind.BOT else ["", _HOW]
    return "\n".join([head, *lines, *tail])


def _counts(reports: Sequence[SessionReport], sights: Sequence[SessionSight]) -> str:
    states = {sight.name: sight.notes.state for sight in sights} | {each.session: each.notes.state for each in reports}
    told = [f"{list(states.values()).count(state)} {state}" for state in SessionState if state in states.values()]
    return ", ".join(told) or "none"


_SIGNS = {SessionState.READY: "🟢", SessionState.FLOODED: "🟡", SessionState.LOST: "🔴", SessionState.EMPTY: "⚪"}


def _line(name: str, notes: SessionNotes, holder: str | None, now: datetime) -> str:
    parts = [f"{_SIGNS[notes.state]} {name}: {notes.state}"]
    if notes.kind:
        parts.append(notes.kind)
    if notes.dc_id:
        parts.append(f"DC {notes.dc_id}")
    parts.append(f"used by {holder}" if holder else "used by nobody now")
    if notes.used_at:
        parts.append(f"last answer {_ago(notes.used_at, now)}")
    if notes.flood_until and notes.flood_until > now:
        parts.append(f"waits until {notes.flood_until:%H:%M:%S} UTC")
    if notes.reason:
        parts.append(notes.reason)
    return " · ".join(parts)


def _who(report: SessionReport, now: datetime) -> str | None:
    return f"{report.worker} (heard of {_ago(report.at, now)})" if report.held else None


def _ago(moment: datetime, now: datetime) -> str:
    seconds = max(0, round((now - moment).total_seconds()))
    if seconds < 60:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 3600 else f"{seconds // 3600} h ago"
