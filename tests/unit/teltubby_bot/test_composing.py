"""What replies show: words, buttons and places in the queue, for one message or many, in the chat's language."""

from dataclasses import replace

import pytest

from support import CURATOR
from teltubby_bot import burst_texts, texts
from teltubby_bot.catalogue import speaking
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.composing import Composer
from teltubby_bot.languages import Languages
from teltubby_bot.transfers import Transfers
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import Failed, ItemState, Person, Queued, Reply
from teltubby_core.testing import sample_job
from unit.teltubby_bot.stage import Stage
from unit.teltubby_core.records import a_record, an_item

FULL = "The archive is full (1.0 KB of 2.0 KB, this file needs 3 B)"
VOLL = "Das Archiv ist voll (1.0 KB von 2.0 KB; diese Datei braucht 3 B)"
WARTET = "Sie wartet und wird von selbst archiviert, sobald Platz ist"


def _composer(stage: Stage) -> Composer:
    return Composer(stage.index, Transfers(), stage.languages, jobs_wait_for=None)


async def _reply(stage: Stage, record_id: int) -> Reply:
    found = await stage.index.reply_of(record_id)
    assert found is not None
    return found


async def test_a_queued_file_has_its_place_and_its_buttons(stage: Stage) -> None:
    for number in (1, 2, 3):
        await stage.queued(number)
    item = await stage.queued(4)
    content = await _composer(stage).content(await _reply(stage, item.message))
    assert content.text.splitlines()[1] == "📥 1000 B: in the queue, 3 files before it · /cancel job-4"
    (row,) = content.buttons
    assert [(button.label, button.command) for button in row] == [
        ("🔎", "jobs job-4"),
        ("🔁", "retry job-4"),
        ("🛑", "cancel job-4"),
    ]
    first = await _composer(stage).content(await _reply(stage, 1))
    assert "a worker fetches it" in first.text


async def test_what_failed_can_be_tried_again_and_what_is_archived_needs_no_button(stage: Stage) -> None:
    item = await stage.queued(1)
    await stage.index.settle(item.id, Failed("gone"))
    content = await _composer(stage).content(await _reply(stage, item.message))
    assert [button.command for button in content.buttons[0]] == ["jobs job-1", "retry job-1"]
    stored = await stage.stored(2)
    assert (await _composer(stage).content(await _reply(stage, stored.message))).buttons == ()


async def test_of_several_jobs_each_button_names_its_own(stage: Stage) -> None:
    for number in range(1, 9):
        item = await stage.item(number)
        await stage.index.settle(item.id, Queued(sample_job(f"{number}abcdef-long", message_id=number)))
    (shared,) = [reply for reply in await stage.index.replies(0, 100) if reply.burst]
    content = await _composer(stage).content(shared)
    assert [row[0].label for row in content.buttons] == ["🔎 6abcde", "🔎 7abcde", "🔎 8abcde"]
    assert not content.complete
    lines = content.text.splitlines()
    assert lines[0] == "⏳ 0 of 3 messages are through …"
    assert "✅ Job Queued 📥 3 photos" in lines
    assert "m6 📥 1000 B: in the queue, 5 files before it · /cancel 6abcde" in lines


async def test_each_chat_hears_its_own_language(stage: Stage) -> None:
    await stage.languages.seen(CURATOR, "de-AT")
    item = await stage.stored(1)
    content = await _composer(stage).content(await _reply(stage, item.message))
    assert content.text.startswith("⏳ Archiviere 1 Foto …")
    await stage.languages.choose(CURATOR, "en")
    content = await _composer(stage).content(await _reply(stage, item.message))
    assert content.text.startswith("⏳ Archiving 1 photo …")


async def test_a_language_that_was_chosen_counts_more_than_the_apps_and_stays(stage: Stage) -> None:
    await stage.languages.seen(CURATOR, "de")
    await stage.languages.choose(CURATOR, "en")
    await stage.languages.seen(CURATOR, "de-DE")
    again = Languages(stage.index)
    await again.load()
    assert again.of(CURATOR) == "en"
    await again.choose(CURATOR, None)
    assert again.of(CURATOR) == "de-DE"
    assert again.of(99) is None
    assert await stage.index.people() == [Person(CURATOR, "de-DE", None)]


def test_a_burst_counts_what_became_of_all_and_names_what_needs_a_look() -> None:
    failed = an_item(2, state=ItemState.FAILED, reason="the message is gone", job_state=JobState.FAILED)
    records = [
        a_record(an_item()),
        replace(a_record(an_item(state=ItemState.DUPLICATE)), message_id=8),
        replace(a_record(failed), message_id=9),
    ]
    assert burst_texts.shared_reply(records, texts.Live()).splitlines() == [
        "✅ Archived: 3 messages",
        "3 photos",
        "One new file, 1000 B",
        "teltubby/2025/03/ada/",
        "♻️ one was archived already",
        "m9 ❌ failed: the message is gone · /retry job-2",
    ]
    with speaking("de"):
        german = burst_texts.shared_reply(records, texts.Live()).splitlines()
    assert german[0] == "✅ Archiviert: 3 Nachrichten"
    assert german[-1] == "m9 ❌ gescheitert: the message is gone · /retry job-2"


def test_of_very_many_troubles_the_rest_is_counted() -> None:
    failed = a_record(an_item(state=ItemState.FAILED, reason="gone"))
    text = burst_texts.shared_reply([failed] * 100, texts.Live())
    assert text.splitlines()[0] == "⚠️ Not archived: 100 messages"
    assert text.splitlines()[-1] == "… and 88 more lines of this kind; /queue and /status tell all"
    assert len(text) <= 2048


@pytest.mark.parametrize(
    ("recorded", "german"),
    [
        ("larger than the limit of 4 GB (MAX_FILE_GB)", "größer als die Grenze von 4 GB (MAX_FILE_GB)"),
        ("cancelled by user 42", "angehalten von Benutzer 42"),
        (
            "x (y) (given up after 3 attempts; send it again)",
            "x (y) (nach 3 Versuchen aufgegeben; schick sie noch einmal)",
        ),
        (f"{FULL}: this file waits, and it is archived by itself once there is space", f"{VOLL}: {WARTET}"),
        (FULL, VOLL),
        ("Telegram asks to wait 3 s", "Telegram asks to wait 3 s"),
    ],
)
def test_recorded_reasons_are_said_in_the_language_that_is_spoken(recorded: str, german: str) -> None:
    assert reason(recorded) == recorded
    with speaking("de"):
        assert reason(recorded) == german
