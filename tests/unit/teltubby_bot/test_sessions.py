"""What admins hear of workers' logins, and which words about them hold."""

from datetime import UTC, datetime, timedelta

import pytest

from teltubby_bot.sessions import SessionWatch, current
from teltubby_core.domain.jobs import SessionReport
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOST = SessionNotes(state=SessionState.LOST, kind=SessionKind.USER, reason="the login was ended (SESSION_REVOKED)")


def report(
    notes: SessionNotes | None = None, *, session: str = "s-0", worker: str = "w-0", ago: float = 0, held: bool = True
) -> SessionReport:
    notes = notes or SessionNotes(state=SessionState.READY, kind=SessionKind.BOT)
    return SessionReport(
        kind=f"session.{notes.state}",
        at=NOW - timedelta(seconds=ago),
        session=session,
        worker=worker,
        notes=notes,
        held=held,
    )


class Told:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.watch = SessionWatch(lambda _, text: self.texts.append(text))


@pytest.mark.parametrize(
    ("kind", "do"), [(SessionKind.USER, "Log in again: /mtstatus"), (SessionKind.BOT, "logs in again by itself")]
)
def test_a_lost_login_is_told_once_with_the_reason_and_what_to_do(kind: SessionKind, do: str) -> None:
    told = Told()
    for used in range(3):
        told.watch.heard(report(LOST.model_copy(update={"kind": kind, "used_at": NOW + timedelta(seconds=used)})))
    (text,) = told.texts
    assert "s-0" in text
    assert "SESSION_REVOKED" in text
    assert do in text


def test_a_login_that_is_lost_again_is_told_again() -> None:
    told = Told()
    for notes in (LOST, None, LOST):
        told.watch.heard(report(notes))
    assert len(told.texts) == 2


def test_a_flood_is_told_and_its_end_is_not() -> None:
    told = Told()
    flooded = SessionNotes(
        state=SessionState.FLOODED,
        kind=SessionKind.BOT,
        flood_until=NOW + timedelta(minutes=30),
        reason="Telegram asked to wait 1800 s",
    )
    for notes in (None, flooded, flooded.model_copy(update={"used_at": NOW}), None):
        told.watch.heard(report(notes))
    (text,) = told.texts
    assert "1800 s" in text
    assert "12:30:00 UTC" in text


def test_of_a_session_that_workers_have_each_of_their_words_holds() -> None:
    two = [report(worker="w-1", ago=5), report(worker="w-0", ago=10), report(worker="w-9", ago=1000)]
    assert current(two, NOW) == [two[1], two[0]]


def test_of_a_session_that_nobody_has_the_last_word_holds() -> None:
    words = [report(LOST, worker="w-1", ago=50, held=False), report(worker="w-0", ago=1000)]
    assert current(words, NOW) == words[:1]


def test_who_was_silent_for_long_has_it_no_more() -> None:
    words = [report(worker="w-1", ago=899, held=False), report(worker="w-0", ago=901)]
    assert current(words, NOW) == words[:1]
