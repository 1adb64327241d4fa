"""Jobs in the chat, by the real process: seen, cancelled, retried, each user's own; and an archive that is full."""

import json
import re
import sqlite3
import time
from contextlib import closing
from typing import Any

from integration.harness import MIB, Stage
from teltubby_simulator.model import Message, User

PACE = 6 * MIB  # bytes a second
STOPS_WITHIN = 2.0  # seconds


def documents(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(stage.archive.rglob("message.json"))]


def objects(stage: Stage) -> list[str]:
    return [path.name for path in stage.archive.rglob("*.bin")]


def parts(stage: Stage) -> list[str]:
    return [path.name for path in (stage.archive / ".parts").glob("*") if path.is_file()]


def slowly(stage: Stage) -> None:
    stage.world.faults.mtproto.account_bandwidth = PACE


def at_full_speed(stage: Stage) -> None:
    stage.world.faults.mtproto.account_bandwidth = None


def ask(stage: Stage, text: str, user: User | None = None) -> Message:
    return stage.world.send(user or stage.cast.curator, stage.cast.bot, text=text)


async def answer(stage: Stage, text: str, user: User | None = None) -> str:
    """Send a command; return its answer."""
    command = ask(stage, text, user)
    await stage.until(lambda: stage.said_to(command), what=f"the answer to {text}")
    return stage.said_to(command)


async def running(stage: Stage, message: Message) -> str:
    """Wait until a job runs; return its short id, as its reply shows it."""
    await stage.until(lambda: "▰" in stage.said_to(message), what="progress")
    found = re.search(r"/cancel (\S+)", stage.said_to(message))
    assert found is not None, stage.said_to(message)
    return found.group(1)


async def until_queue_is_empty(stage: Stage) -> None:
    def left() -> int:
        with closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
            count: int = database.execute("SELECT COUNT(*) FROM queued_jobs").fetchone()[0]
            return count

    await stage.until(lambda: left() == 0, what="the worker to let go of the job")


async def test_a_running_job_is_cancelled_and_brought_in_by_retry(stage: Stage):
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 80 * MIB))
    short = await running(stage, message)
    before = time.monotonic()
    assert await answer(stage, f"/cancel {short} yes") == f"🛑 Job {short} is cancelled. /retry {short} brings it back."
    await stage.until(lambda: not parts(stage), what="the upload aborted")
    assert time.monotonic() - before < STOPS_WITHIN + 3.0, "the bot's own poll and reply included"
    await until_queue_is_empty(stage)
    calls = len(stage.world.journal.entries("upload.getFile"))
    await stage.until(lambda: "🛑 Cancelled: 1 document" in stage.said_to(message), what="the reply")
    await stage.until(lambda: documents(stage), what="the document")
    (document,) = documents(stage)
    assert document["notes"] == [f"item 1 cancelled by user {stage.cast.curator.id}"]
    assert objects(stage) == []
    assert not list(stage.archive.rglob("metadata.json"))
    at_full_speed(stage)
    assert len(stage.world.journal.entries("upload.getFile")) <= calls + 8, "only what was asked for already"
    assert await answer(stage, f"/retry {short}") == f"🔁 Job {short} is queued again."
    await stage.until_ended(message)
    stage.assert_archived_once([message])
    assert documents(stage)[0]["notes"] == []


async def test_queue_and_jobs_show_what_is_on_its_way(stage: Stage):
    await stage.start()
    assert (await answer(stage, "/queue")).startswith("📥 Your open jobs: none")
    slowly(stage)
    first = stage.cast.sends(stage.document("first", 60 * MIB))
    short = await running(stage, first)
    second = stage.cast.sends(stage.document("second", 30 * MIB))
    await stage.until(lambda: "/cancel" in stage.said_to(second), what="the second job")
    text = await answer(stage, "/queue")
    assert text.startswith("📥 Your open jobs: 1 pending · 1 processing\n")
    assert re.search(rf"^{short} document 60\.0 MB: [▰▱]+ \d+ %( · .*)?$", text, re.MULTILINE), text
    assert "Queue: 1 waiting, 1 with workers · dead letters: 0" in text
    details = await answer(stage, f"/jobs {short}")
    assert "Attempt 1 of 9" in details
    assert "given to the queue" in details
    at_full_speed(stage)
    await stage.until_ended(first, second)
    assert (await answer(stage, "/queue")).startswith("📥 Your open jobs: none")
    assert "stored, 60.0 MB" in await answer(stage, f"/jobs {short}")
    assert (await answer(stage, "/jobs")).count("archived") == 2
    assert "has ended already: archived" in await answer(stage, f"/cancel {short}")


async def test_anothers_job_is_unknown_and_goes_on(stage: Stage):
    other = stage.add_curator("Babbage")
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("mine", 40 * MIB))
    short = await running(stage, message)
    for command in ("jobs", "cancel", "retry"):
        assert await answer(stage, f"/{command} {short}", other) == (
            f"You have no job {short}. /jobs lists your latest jobs."
        )
    assert short not in await answer(stage, "/queue", other)
    assert "command or job refused from" in stage.log()
    at_full_speed(stage)
    await stage.until_ended(message)
    stage.assert_archived_once([message])


async def test_a_cancelled_leaders_file_still_comes_for_those_who_follow(stage: Stage):
    other = stage.add_curator("Babbage")
    await stage.start()
    slowly(stage)
    file = stage.document("popular", 40 * MIB)
    mine = stage.cast.sends(file)
    short = await running(stage, mine)
    theirs = stage.world.send(other, stage.cast.bot, media=file)
    await stage.until(lambda: "on its way already" in stage.said_to(theirs), what="the follower")
    await answer(stage, f"/cancel {short} yes")
    at_full_speed(stage)
    await stage.until_ended(theirs)
    await stage.until(lambda: stage.said_to(mine).startswith("🛑 Cancelled"), what="the canceller's reply")
    assert stage.said_to(theirs).startswith("✅ Archived")
    assert len(objects(stage)) == 1
    await stage.until(lambda: len(documents(stage)) == 2)
    await until_queue_is_empty(stage)
    stage.assert_nothing_left()


async def test_a_full_archive_waits_and_goes_on_by_itself_with_a_higher_limit(stage: Stage):
    stage.settings["S3_BUCKET_QUOTA_BYTES"] = str(5 * MIB)
    await stage.start()
    first = stage.cast.sends(stage.document("fits", 4 * MIB))
    await stage.until_ended(first)
    await stage.until(
        lambda: any((a.text or "").startswith("🗄 The archive is 80 % full") for a in stage.answers()),
        what="the alert",
    )
    small, large = stage.cast.sends(stage.document("small", 2 * MIB)), stage.cast.sends(stage.document("l", 30 * MIB))
    held = "⏸ The archive is full (4.0 MB of 5.0 MB"
    await stage.until(lambda: all(held in stage.said_to(each) for each in (small, large)), what="both are told")
    assert "80 %" in await answer(stage, "/quota")
    assert (await answer(stage, "/queue")).startswith("📥 Your open jobs: none"), "no job before there is room"
    assert await stage.stop() == 0
    stage.settings["S3_BUCKET_QUOTA_BYTES"] = str(100 * MIB)
    await stage.start()
    await stage.until_ended(small, large, limit=30)
    stage.assert_archived_once([first, small, large])


async def test_admin_commands_are_for_admins(stage: Stage):
    other = stage.add_curator("Babbage")
    stage.settings["ADMIN_IDS"] = str(other.id)
    await stage.start()
    for command in ("/purge", "/purge yes", "/queue all"):
        assert await answer(stage, command) == "That is for the admins of this archive."
    assert await answer(stage, "/purge", other) == "There are no dead letters to remove."
    assert (await answer(stage, "/queue all", other)).startswith("📥 Open jobs: none")
