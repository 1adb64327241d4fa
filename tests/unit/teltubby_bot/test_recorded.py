"""What is recorded in English, and what is told to readers of several languages, is said in that of each."""

import ast
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl

import teltubby_bot
import teltubby_core
import teltubby_worker
from teltubby_bot import job_texts, texts
from teltubby_bot.alerts import AlertPace, Alerts
from teltubby_bot.catalogue import Text, speaking
from teltubby_bot.catalogue.recorded import reason, said
from teltubby_bot.poller import Poller
from teltubby_bot.registration import WebhookReception
from teltubby_bot.sessions import flooded, lost
from teltubby_core.domain.jobs import JobState, SessionReport
from teltubby_core.domain.quota import Quota, Usage
from teltubby_core.domain.records import ArchiveStats, ItemState
from teltubby_core.domain.routing import over_limit
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.observability import Metrics, SecurityKind, SecurityLog
from teltubby_core.ports import QueueDepth
from teltubby_core.testing import SteppedClock
from unit.teltubby_bot.fakes import FakeTelegram
from unit.teltubby_core.records import VIDEO, a_record, an_item

GIB = 1024**3
AWAY = "the object store at minio:9000 can't be reached: check that it runs, and S3_ENDPOINT (Connection refused)"
PUT_TOGETHER = {
    "reason-given-up-at-once",
    "reason-given-up-by-worker",
    "reason-the-object-store",
    "reason-the-broker",
    "reason-the-telegram",
    "reason-settings-missing",
}
"""Reasons whose makers put them together of smaller pieces: each has a test of its own here."""


def german(text: str) -> str:
    with speaking("de"):
        return said(text)


def full(size: int | None = None, *, taken: int = 10) -> str:
    return texts.archive_full(Quota(10 * GIB), Usage(taken * GIB), size)


def _written() -> str:
    """Return every string in the code that may record a reason."""
    places = [Path(package.__file__ or "").parent for package in (teltubby_bot, teltubby_core, teltubby_worker)]
    sources = [path.read_text("utf-8") for place in places for path in place.rglob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _reasons() -> dict[str, list[str]]:
    """Return the fixed parts of each reason."""
    source = files("teltubby_bot.catalogue").joinpath("en.ftl").read_text("utf-8")
    messages = [entry for entry in FluentParser().parse(source).body if isinstance(entry, ftl.Message)]
    return {
        message.id.name: [part.value for part in message.value.elements if isinstance(part, ftl.TextElement)]
        for message in messages
        if message.id.name.startswith("reason-") and message.value
    }


def test_each_reason_is_one_that_somebody_records() -> None:
    written, reasons = _written(), _reasons()
    assert len(reasons) > 35
    unknown = {key for key, parts in reasons.items() for part in parts if part.strip("(): ;") not in written}
    assert unknown <= PUT_TOGETHER, "the catalogue and the code do not say the same"


@pytest.mark.parametrize(
    ("recorded", "in_german"),
    [
        (over_limit(4 * GIB), "größer als die Grenze von 4 GB (MAX_FILE_GB)"),
        ("cancelled by user 1234567890", "angehalten von Benutzer 1234567890"),
        (full(), "Das Archiv ist voll (10.00 GB von 10.00 GB)"),
        (full(5 * GIB, taken=9), "Das Archiv ist voll (9.00 GB von 10.00 GB; diese Datei braucht 5.00 GB)"),
        (
            texts.held(full()),
            (
                "Das Archiv ist voll (10.00 GB von 10.00 GB): Diese Datei wartet und wird von selbst archiviert, sobald"
                " Platz ist"
            ),
        ),
        (
            texts.held(full(5 * GIB, taken=9)),
            (
                "Das Archiv ist voll (9.00 GB von 10.00 GB; diese Datei braucht 5.00 GB): Sie wartet und wird von"
                " selbst archiviert, sobald Platz ist"
            ),
        ),
        (
            "the message was deleted; given up after 1 attempt; send it again",
            "the message was deleted; nach 1 Versuch aufgegeben; schick sie noch einmal",
        ),
        (
            "no data for 30 s after 7 bytes; given up after 5 attempts; send it again",
            "nach 7 Bytes seit 30 s keine Daten; nach 5 Versuchen aufgegeben; schick sie noch einmal",
        ),
        (
            "Telegram asks to wait 30 s (given up after 24 attempts; send it again)",
            "Telegram asks to wait 30 s (nach 24 Versuchen aufgegeben; schick sie noch einmal)",
        ),
        (
            "the queue has lost it 10 times, the last time silent for 90 s while nothing waits in the queue",
            (
                "die Warteschlange hat den Auftrag 10 Mal verloren, zuletzt: seit 90 s still, obwohl nichts in der"
                " Warteschlange wartet"
            ),
        ),
        (
            "MTPROTO_API_ID and MTPROTO_API_HASH not set (get them at my.telegram.org)",
            "MTPROTO_API_ID and MTPROTO_API_HASH nicht gesetzt (zu haben auf my.telegram.org)",
        ),
        (
            "two\nlines (given up after 2 attempts; send it again)",
            "two\nlines (nach 2 Versuchen aufgegeben; schick sie noch einmal)",
        ),
        ("what another program said", "what another program said"),
        (AWAY, AWAY),
        ("", ""),
    ],
)
def test_a_recorded_reason_is_said_in_the_readers_language(recorded: str, in_german: str) -> None:
    assert reason(recorded) == recorded
    assert german(recorded) == in_german


def test_a_text_for_several_languages_is_english_until_it_is_said() -> None:
    with speaking("de"):
        text = Text("alert-parked", update="7")
    assert text.startswith("⚠️ The message in u7"), "whoever makes it, in whatever language"
    assert german(text).startswith("⚠️ Die Nachricht in u7")


async def test_alerts_go_out_in_the_language_of_each_admin(caplog: pytest.LogCaptureFixture) -> None:
    telegram, clock = FakeTelegram(), SteppedClock()
    port: Any = telegram
    languages = {1: "de-AT", 2: None}
    alerts = Alerts(port, frozenset({1, 2}), pace=AlertPace(600, 60), language_of=languages.get, now=clock.now)
    alerts.dependency("The object store", AWAY)
    clock.advance(60)
    await alerts.step()
    (german_one,), (english_one,) = telegram.shown(1), telegram.shown(2)
    assert german_one == (
        f"⚠️ Der Objektspeicher antwortet seit 60 s nicht: {AWAY}.\n"
        "Nichts ist verloren: Dateien warten und gehen von selbst weiter. Wenn es so bleibt, sieh nach, ob dort alles"
        " läuft und von hier zu erreichen ist: teltubby doctor sieht sich alles an, was der Bot braucht."
    )
    assert english_one == (
        f"⚠️ The object store has not answered for 60 s: {AWAY}.\n"
        "Nothing is lost: files wait, and go on by themselves. If it stays so, see whether it runs and can be reached"
        " from here: teltubby doctor looks at each dependency."
    )
    assert "The object store has not answered" in caplog.text
    assert "Objektspeicher" not in caplog.text


async def test_how_many_more_there_are_is_told_in_german_too() -> None:
    telegram: Any = FakeTelegram()
    alerts = Alerts(telegram, frozenset({1}), language_of=lambda _: "de", now=SteppedClock().now)
    for job in ("a", "b", "c"):
        alerts.tell("dead letter", Text("alert-dead-letter", job=job, error="cancelled by user 5"))
    await alerts.step()
    (told,) = telegram.shown(1)
    assert told == (
        "☠️ Auftrag c ist unzustellbar: angehalten von Benutzer 5. Wer die Datei geschickt hat, kann /retry c"
        " schicken, ein Admin /retry c all."
        "\n\n(und 2 weitere dieser Art seit der letzten Meldung)"
    )


@pytest.mark.parametrize("name", ["The object store", "The broker", "The telegram"])
def test_each_dependency_has_a_german_name(name: str) -> None:
    assert german(name) != name


def test_a_session_that_is_lost_or_slow_in_german() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    gone = SessionNotes(state=SessionState.LOST, kind=SessionKind.USER)
    report = SessionReport(kind="session.lost", at=at, session="s1", worker="w1", notes=gone)
    assert german(lost(report)) == (
        "🔑 Sitzung s1 ist verloren: ein Grund wurde nicht genannt. Ihre Dateien gehen mit anderen Sitzungen weiter"
        " oder warten. Melde neu an: /mtstatus."
    )
    slow = SessionNotes(state=SessionState.FLOODED, flood_until=at, reason="Telegram asks to wait 60 s")
    assert german(flooded(report.model_copy(update={"notes": slow}))) == (
        "🐢 Telegram asks to wait 60 s, mit Sitzung s1, bis 03:04:05 UTC. Ihre Dateien gehen mit anderen Sitzungen"
        " weiter oder warten; nichts ist verloren."
    )


def test_space_that_runs_out_in_german() -> None:
    assert german(texts.nearly_full(Quota(10 * GIB), Usage(9 * GIB))) == (
        "🗄 Das Archiv ist zu 90 % voll: 9.00 GB von 10.00 GB. Bei 100 % warten neue Dateien. Setze"
        " S3_BUCKET_QUOTA_BYTES oder die Quota des Buckets herauf, oder schaffe Platz."
    )


def test_a_living_reply_in_german() -> None:
    record = a_record(
        an_item(1),
        an_item(2, state=ItemState.DUPLICATE),
        an_item(3, state=ItemState.SKIPPED, media=VIDEO, reason=over_limit(GIB)),
        an_item(4, state=ItemState.CANCELLED, reason="cancelled by user 42", job_state=JobState.CANCELLED),
    )
    with speaking("de"):
        assert texts.living_reply(record, texts.Live()) == (
            "✅ Archiviert: 3 Fotos, 1 Video\n"
            "1 von 4 Dateien, 1000 B\n"
            "teltubby/2025/03/ada/7/\n"
            "♻️ #2 schon archiviert: teltubby/2025/02/ada/3/first.jpg\n"
            "⏭ #3 ausgelassen: größer als die Grenze von 1 GB (MAX_FILE_GB)\n"
            "🛑 #4 angehalten von Benutzer 42 · /retry job-4"
        )


def test_a_reply_that_waits_in_german() -> None:
    item = an_item(state=ItemState.QUEUED, media=VIDEO, job_state=JobState.RETRYING, last_error=AWAY)
    live = texts.Live(problem="an unexpected error, see the log")
    with speaking("de"):
        assert texts.living_reply(a_record(item), live) == (
            "✅ Auftrag angenommen 📥 1 Video\n"
            "📥 953.7 MB: ein Worker holt sie · /cancel job-1\n"
            f"⏸ wartet: {AWAY}\n"
            "⏸ ein unerwarteter Fehler, sieh im Log nach"
        )


def test_queue_in_german() -> None:
    with speaking("de"):
        carrier = job_texts.carrier(QueueDepth(ready=3, dead=1, unacknowledged=2))
        text = job_texts.queue(
            [], {JobState.PENDING: 2, JobState.PROCESSING: 1}, carrier, everybodys=False, progress={}, page=(1, 2)
        )
        assert job_texts.broker_away("no answer within 5 s") == (
            "⚠️ Die Warteschlange antwortet nicht: keine Antwort binnen 5 s"
        )
    assert text == (
        "📥 Deine offenen Aufträge: 2 wartend · 1 in Arbeit\n"
        "Seite 1 von 2\n"
        "Warteschlange: 3 warten, 2 bei Workern · unzustellbar: 1"
    )


def test_status_in_german() -> None:
    stats = ArchiveStats(
        messages=3,
        stored=2,
        stored_bytes=2048,
        duplicates=1,
        skipped=0,
        failed=0,
        waiting=1,
        jobs={JobState.PENDING: 1},
        parked_updates=0,
    )
    with speaking("de"):
        text = texts.status(
            stats,
            uptime_seconds=3725,
            bucket="archive",
            store="antwortet",
            jobs_wait_for="MTPROTO_API_ID not set (get them at my.telegram.org)",
            ignored={"stranger": 2, "edit of an unknown message": 1},
            reception=(WebhookReception.how, "Telegram can't deliver: Connection refused"),
        )
    assert text == (
        "Läuft seit 1 h 2 min; Nachrichten kommen per Webhook herein.\n"
        "Archiv „archive“: 2 Dateien, 2.0 KB, aus 3 Nachrichten.\n"
        "Doppelte gespart: 1 · ausgelassen: 0 · gescheitert: 0 · angehalten: 0\n"
        "Es warten: 1 · Aufträge: 1 wartend\n"
        "Speicher: antwortet\n"
        "Nachrichten kommen nicht herein: Telegram kann nicht zustellen: Connection refused\n"
        "Große Dateien warten: MTPROTO_API_ID nicht gesetzt (zu haben auf my.telegram.org)\n"
        "Seit dem Start nicht beachtet: 1 Änderungen unbekannter Nachrichten, 2 von Fremden"
    )
    assert german(Poller.how) == "Long Polling"


@pytest.mark.parametrize("kind", SecurityKind)
def test_a_burst_is_told_in_german_whole(kind: SecurityKind) -> None:
    told: list[Text] = []

    def burst(kind: SecurityKind, sentence: str) -> None:
        told.append(Text("alert-security", what=sentence, advice=Text(f"advice-{kind}")))

    log = SecurityLog(Metrics("bot"), burst, burst=1)
    log.report(kind)
    (text,) = told
    assert german(text).startswith("🔐 1 oder mehr binnen einer Minute: ")
    for sentence in text.partition(": ")[2].split(". "):
        assert sentence not in german(text)
