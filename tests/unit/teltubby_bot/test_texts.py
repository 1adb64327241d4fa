"""What the bot says: all that its reader may know, and no more."""

from dataclasses import replace

import pytest

from support import OTHER_CURATOR, a_file
from teltubby_bot import texts
from teltubby_bot.catalogue import say
from teltubby_bot.menu import ADMINS, EVERYBODYS
from teltubby_bot.transfers import Transfer
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.quota import Quota, Usage
from teltubby_core.domain.records import ArchiveStats, ItemRecord, ItemState, MessageRecord
from unit.teltubby_core.records import FOLDER, VIDEO, a_record, an_item


def _say(
    record: MessageRecord, progress: dict[str, tuple[int, int | None]] | None = None, **options: str | None
) -> str:
    transfers = {job: Transfer(*far) for job, far in (progress or {}).items()}
    return texts.living_reply(
        record, texts.Live(transfers, jobs_wait_for=options.get("wait"), problem=options.get("problem"))
    )


def _job(state: JobState, **options: str) -> ItemRecord:
    return an_item(state=ItemState.QUEUED, media=VIDEO, job_state=state, last_error=options.get("error"))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (20 * 1024**2, "20.0 MB"),
        (1024**3, "1.00 GB"),
        (5 * 1024**4, "5120.00 GB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert texts.size(size) == text


def test_kinds_are_counted_in_the_order_they_came() -> None:
    kinds = [MediaKind.VIDEO, MediaKind.PHOTO, MediaKind.PHOTO]
    items = tuple(an_item(number, media=a_file(kind=kind)) for number, kind in enumerate(kinds, 1))
    assert texts.kinds(items) == "1 video, 2 photos"


def test_every_kind_has_a_name() -> None:
    for kind in MediaKind:
        item = an_item(media=a_file(kind=kind))
        assert texts.kinds((item, item)).startswith("2 ")


def test_a_stored_file() -> None:
    assert _say(a_record()) == f"✅ Archived: 1 photo\n1000 B\n{FOLDER}/"


def test_as_long_as_its_document_is_not_written_it_is_not_called_archived() -> None:
    assert _say(a_record(documented=False)).startswith("⏳ Archiving 1 photo …")


def test_an_album_with_every_outcome_names_the_items_that_need_it() -> None:
    text = _say(
        a_record(
            an_item(1),
            an_item(2, state=ItemState.DUPLICATE),
            an_item(3, state=ItemState.SKIPPED, reason="too large"),
            an_item(4, state=ItemState.FAILED, reason="gone"),
        )
    )
    assert text.splitlines() == [
        "✅ Archived: 4 photos",
        "1 of 4 files, 1000 B",
        f"{FOLDER}/",
        "♻️ #2 already archived: teltubby/2025/02/ada/3/first.jpg",
        "⏭ #3 skipped: too large",
        "❌ #4 failed: gone",
    ]


def test_ones_own_duplicate_shows_where_the_first_copy_is() -> None:
    text = _say(a_record(an_item(state=ItemState.DUPLICATE)))
    assert text == "♻️ Already archived: 1 photo\nteltubby/2025/02/ada/3/first.jpg"


@pytest.mark.parametrize("owner", [OTHER_CURATOR, None])
def test_anothers_duplicate_shows_neither_key_nor_name(owner: int | None) -> None:
    text = _say(a_record(replace(an_item(state=ItemState.DUPLICATE), duplicate_owner=owner)))
    assert text == "♻️ Already archived: 1 photo"


@pytest.mark.parametrize("owner", [OTHER_CURATOR, None])
def test_in_an_album_too_anothers_duplicate_shows_neither_key_nor_name(owner: int | None) -> None:
    theirs = replace(an_item(2, state=ItemState.DUPLICATE), duplicate_owner=owner)
    assert _say(a_record(an_item(1), theirs)).splitlines()[-1] == "♻️ #2 already archived"


def test_nothing_archived_is_said_plainly() -> None:
    assert _say(a_record(an_item(state=ItemState.FAILED, reason="gone"))).startswith("⚠️ Not archived: 1 photo")


def test_a_collecting_album() -> None:
    record = replace(a_record(an_item(1, state=ItemState.PENDING)), base_path=None)
    assert _say(record) == "📥 Receiving an album: 1 photo so far …"


@pytest.mark.parametrize(
    ("state", "progress", "line"),
    [
        (JobState.PENDING, {}, "📥 953.7 MB: a worker fetches it"),
        (JobState.PENDING, {"job-1": (5, 10)}, "📥 953.7 MB: a worker fetches it"),
        (JobState.PROCESSING, {}, "📥 953.7 MB: being fetched"),
        (JobState.PROCESSING, {"job-1": (5, None)}, "📥 953.7 MB: being fetched"),
        (JobState.PROCESSING, {"job-1": (0, 10)}, "📥 953.7 MB: ▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (JobState.PROCESSING, {"job-1": (999, 1000)}, "📥 953.7 MB: ▰▰▰▰▰▰▰▰▰▱ 99 %"),
        (JobState.PROCESSING, {"job-1": (10, 10)}, "📥 953.7 MB: ▰▰▰▰▰▰▰▰▰▰ 100 %"),
    ],
)
def test_a_queued_file_shows_how_far_it_is(
    state: JobState, progress: dict[str, tuple[int, int | None]], line: str
) -> None:
    assert _say(a_record(_job(state), documented=False), progress).splitlines() == [
        "✅ Job Queued 📥 1 video",
        f"{line} · /cancel job-1",
    ]


def test_a_cancelled_file_says_so_and_how_it_comes_back() -> None:
    item = an_item(state=ItemState.CANCELLED, reason="cancelled by user 42", job_state=JobState.CANCELLED)
    assert _say(a_record(item)).splitlines() == ["🛑 Cancelled: 1 photo", "🔁 /retry job-1 brings it back"]


def test_in_an_album_the_cancelled_one_is_named() -> None:
    item = an_item(2, state=ItemState.CANCELLED, reason="cancelled by user 42", job_state=JobState.CANCELLED)
    text = _say(a_record(an_item(1), item))
    assert text.startswith("✅ Archived: 2 photos")
    assert text.endswith("🛑 #2 cancelled by user 42 · /retry job-2")


def test_a_failed_job_can_be_retried_and_a_file_without_one_cannot() -> None:
    failed = an_item(state=ItemState.FAILED, reason="gone", job_state=JobState.FAILED)
    assert _say(a_record(failed)).endswith("❌ failed: gone · /retry job-1")
    assert _say(a_record(replace(failed, job_id=None))).endswith("❌ failed: gone")
    skipped = an_item(state=ItemState.SKIPPED, reason="too large", job_state=JobState.FAILED)
    assert _say(a_record(skipped)).endswith("⏭ skipped: too large")


def test_a_file_that_waits_for_room_says_that_it_goes_on_by_itself() -> None:
    held = replace(an_item(state=ItemState.PENDING, last_error="The archive is full (1 B of 1 B): …"), held=True)
    assert _say(a_record(held, documented=False)).splitlines() == [
        "⏳ Archiving 1 photo …",
        "⏸ The archive is full (1 B of 1 B): …",
    ]


def test_only_the_beginning_of_an_id_need_be_typed() -> None:
    assert texts.short_id("3f2a9c1d-0000-4000-8000-000000000000") == "3f2a9c"


@pytest.mark.parametrize(
    ("limit", "usage", "lines"),
    [
        (None, Usage(2048), ["The archive holds 2.0 KB; no limit is set or known."]),
        (4096, Usage(1024, 1024), ["▰▰▰▰▰▱▱▱▱▱ 50 %", "The archive holds 2.0 KB of 4.0 KB."]),
        (1024, Usage(2048), ["▰▰▰▰▰▰▰▰▰▰ 200 %", "The archive holds 2.0 KB of 1.0 KB."]),
    ],
)
def test_the_quota(limit: int | None, usage: Usage, lines: list[str]) -> None:
    text = texts.quota(Quota(limit), usage)
    assert text.splitlines()[: len(lines)] == lines
    assert ("Of that, 1.0 KB are files on their way." in text) is bool(usage.open_bytes)
    assert ("It is full: new files wait" in text) is (limit == 1024)


def test_help_names_every_command() -> None:
    for command in EVERYBODYS:
        assert f"/{command}" in say("start") + say("help")
    for command in ADMINS:
        assert f"/{command}" in say("help-admins")


def test_a_retrying_job_tells_why() -> None:
    text = _say(a_record(_job(JobState.RETRYING, error="the connection closed"), documented=False))
    assert text.splitlines()[-1] == "⏸ waits: the connection closed"


def test_without_a_worker_the_file_is_said_to_be_safe_and_why_it_waits() -> None:
    text = _say(a_record(_job(JobState.PENDING), documented=False), wait="MTPROTO_API_ID not set")
    assert "safe as a job, but it can't be fetched yet: MTPROTO_API_ID not set" in text


def test_a_problem_with_the_document_is_shown_while_it_lasts() -> None:
    assert _say(a_record(documented=False), problem="no space left").endswith("⏸ no space left")
    assert "⏸" not in _say(a_record(), problem="no space left")


@pytest.mark.parametrize("state", [ItemState.DUPLICATE, ItemState.FAILED, ItemState.QUEUED])
def test_a_very_long_album_stays_within_telegrams_limit(state: ItemState) -> None:
    items = [
        an_item(number, state=state, reason="🎉 why " * 60, job_state=JobState.RETRYING, last_error="🎉" * 300)
        for number in range(1, 101)
    ]
    text = _say(a_record(*items, documented=state is not ItemState.QUEUED))
    assert len(text.encode("utf-16-le")) // 2 <= 4096
    assert text.count("\n") < 40


def test_hints_and_unknown_commands_say_what_to_do() -> None:
    assert "I can't archive text, only files" in texts.hint(None)
    assert "I can't archive a poll, only files" in texts.hint("a poll")
    assert "too new for me" in texts.hint(texts.TOO_NEW)
    assert "can't archive" not in texts.hint(texts.TOO_NEW), "nobody knows what it is"
    assert texts.unknown_command("fly", ["start", "help"]) == "I don't know /fly. I know /start, /help."


def test_the_status() -> None:
    stats = ArchiveStats(
        messages=3,
        stored=2,
        stored_bytes=2048,
        duplicates=1,
        skipped=0,
        failed=0,
        waiting=1,
        jobs={JobState.PENDING: 1},
        parked_updates=2,
    )
    ignored = {"stranger": 2, "not a private chat": 1}
    text = texts.status(
        stats,
        uptime_seconds=3725,
        bucket="archive",
        store="answers",
        jobs_wait_for="no id",
        ignored=ignored,
        reception=("a webhook", "Telegram can't deliver"),
    )
    assert "Up for 1 h 2 min, taking messages in by a webhook." in text
    assert "Messages don't come in: Telegram can't deliver" in text
    assert "2 files, 2.0 KB, from 3 messages" in text
    assert "jobs: 1 pending" in text
    assert "Large files wait: no id" in text
    assert "Parked updates that need a look at the log: 2" in text
    quiet = texts.status(
        replace(stats, jobs={}, parked_updates=0),
        uptime_seconds=0,
        bucket="a",
        store="answers",
        jobs_wait_for=None,
        ignored={},
        reception=("long polling", None),
    )
    assert "jobs: none yet" in quiet
    assert "Left alone since the start: 1 not a private chat, 2 stranger" in text
    assert "Left alone" not in quiet
    assert "Parked" not in quiet
    assert "Large" not in quiet
