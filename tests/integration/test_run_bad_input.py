"""Wrong settings, a wrong token, a full disk, a read-only folder, a locked database: said plainly, nothing lost."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from integration.harness import MIB, Stage
from support import mount_namespace
from teltubby_simulator.model import Message

WAITS = "⏸"
_REMOUNT = "remount,bind"  # of the mount point alone: the file system itself is not a user's to change


async def exit_status(stage: Stage) -> int:
    await stage.launch()
    assert stage.process is not None
    return await asyncio.wait_for(stage.process.wait(), 30)


def inbox_states(stage: Stage) -> list[str]:
    database = sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)
    try:
        return [row[0] for row in database.execute("SELECT state FROM inbox")]
    finally:
        database.close()


async def test_missing_settings_are_named_all_at_once(stage: Stage):
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_WHITELIST_IDS"):
        del stage.settings[name]
    assert await exit_status(stage) == 2
    lines = stage.log().strip().splitlines()
    assert len(lines) == 2
    assert "TELEGRAM_BOT_TOKEN: missing" in lines[0]
    assert "TELEGRAM_WHITELIST_IDS: missing" in lines[1]


async def test_wrong_settings_are_named_all_at_once_and_no_secret_is_printed(stage: Stage):
    stage.settings |= {
        "TELEGRAM_BOT_TOKEN": "123456789-this-is-secret-all-the-same",
        "TELEGRAM_WHITELIST_IDS": "ada, 77",
        "CONCURRENCY": "99",
        "MTPROTO_API_ID": "many",
        "MAX_FILE_GB": "-1",
        "LOG_LEVEL": "loud",
    }
    assert await exit_status(stage) == 2
    text = stage.log()
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_WHITELIST_IDS", "CONCURRENCY", "MTPROTO_API_ID", "MAX_FILE_GB"):
        assert f"{name}: " in text
    assert "'ada' is no user id" in text
    assert "secret-all-the-same" not in text
    assert "Traceback" not in text


async def test_settings_are_read_from_a_dotenv_file(stage: Stage):
    token = stage.settings.pop("TELEGRAM_BOT_TOKEN")
    (stage.folder / ".env").write_text(f"TELEGRAM_BOT_TOKEN={token}\n")
    await stage.start()
    assert await stage.stop() == 0


async def test_a_refused_token_is_said_plainly(stage: Stage):
    stage.settings["TELEGRAM_BOT_TOKEN"] = f"{stage.cast.bot.id}:{'A' * 35}"
    assert await exit_status(stage) == 2
    assert "TELEGRAM_BOT_TOKEN: Telegram refuses it" in stage.log()
    assert "Traceback" not in stage.log()
    assert "A" * 35 not in stage.log()


async def test_a_second_process_on_the_same_database_is_refused(stage: Stage):
    await stage.start()
    first = stage.process
    assert await exit_status(stage) == 2
    assert "in use by another teltubby" in stage.log()
    stage.process = first


async def test_the_archive_of_another_bot_is_refused(stage: Stage):
    await stage.start()
    assert await stage.stop() == 0
    other = stage.world.add_bot("Other", "other_bot")
    stage.settings["TELEGRAM_BOT_TOKEN"] = other.token or ""
    stage.settings["SQLITE_PATH"] += ".other"
    assert await exit_status(stage) == 2
    assert f"is the archive of bot {stage.cast.bot.id}" in stage.log()


async def test_the_database_of_another_bot_is_refused(stage: Stage):
    await stage.start()
    assert await stage.stop() == 0
    other = stage.world.add_bot("Other", "other_bot")
    stage.settings["TELEGRAM_BOT_TOKEN"] = other.token or ""
    stage.settings["ARCHIVE_DIR"] += "-other"
    assert await exit_status(stage) == 2
    assert f"SQLITE_PATH: this database is the index of bot {stage.cast.bot.id}" in stage.log()


async def test_a_locked_database_is_told_and_the_message_is_archived_once_it_is_free(stage: Stage):
    await stage.start()
    blocker = sqlite3.connect(stage.database, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    message = stage.cast.sends(stage.photo(b"locked out"))
    await stage.until(lambda: "database is locked" in stage.said_to(message), what="the user is told")
    await stage.until(lambda: "database is locked" in stage.log(), what="the log says so")
    assert stage.world.account(stage.cast.bot).updates.pending(), "still kept by Telegram: not confirmed"
    blocker.execute("ROLLBACK")
    blocker.close()
    await stage.until_ended(message)
    assert await stage.stop() == 0
    stage.assert_archived_once([message])


# Full and read-only file systems are real ones: small tmpfs in a mount namespace that only the process is in.


def in_namespace(stage: Stage, mount_point: Path, size: str, *, read_only: bool = False) -> None:
    """Let the next start see a tmpfs of ``size`` at ``mount_point``."""
    mount_point.mkdir(parents=True)
    mount = f'mount -t tmpfs -o size={size} tmpfs "{mount_point}"'
    remounted = f' && mount -o {_REMOUNT},ro "{mount_point}"' if read_only else ""
    script = f'{mount}{remounted} && exec "$@"'
    stage.wrapper = (*mount_namespace(), "sh", "-c", script, "sh")


def seen_by(stage: Stage, path: Path) -> Path:
    """The process's own view of a path."""
    assert stage.process is not None
    return Path(f"/proc/{stage.process.pid}/root{path}")


async def remount(stage: Stage, path: Path, mode: str) -> None:
    assert stage.process is not None
    flags = ["-m"] if os.geteuid() == 0 else ["-U", "--preserve-credentials", "-m"]
    command = ["nsenter", "-t", str(stage.process.pid), *flags, "mount", "-o", f"{_REMOUNT},{mode}", str(path)]
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), 30) == 0


def fill(filler: Path) -> None:
    """Write until nothing more fits."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            continue


def check_in_namespace(stage: Stage, messages: list[Message]) -> None:
    """Judge while the process lives: the file system goes with it."""
    stage.settings["ARCHIVE_DIR"] = str(seen_by(stage, stage.archive))
    # SQLite resolves the path and would leave the namespace: it gets a copy.
    copy = stage.folder / "copy"
    shutil.copytree(seen_by(stage, stage.database.parent), copy)
    stage.settings["SQLITE_PATH"] = str(copy / stage.database.name)
    stage.assert_archived_once(messages)


async def test_on_a_full_disk_files_wait_and_are_archived_when_there_is_room(stage: Stage):
    in_namespace(stage, stage.archive, "64m")
    await stage.start()
    filler = seen_by(stage, stage.archive) / "filler"
    filler.write_bytes(bytes(60 * MIB))
    small = stage.cast.sends(stage.document("small", 8 * MIB))
    large = stage.cast.sends(stage.document("large", 24 * MIB))
    await stage.until(
        lambda: all(WAITS in said and "no space left" in said for said in map(stage.said_to, (small, large))),
        what="the user is told",
    )
    await stage.until(lambda: "no space left" in stage.log(), what="the log says so")
    filler.unlink()
    await stage.until_ended(small, large, limit=150)
    check_in_namespace(stage, [small, large])


async def test_a_read_only_folder_is_told_and_files_are_archived_when_it_is_writable(stage: Stage):
    in_namespace(stage, stage.archive, "64m")
    await stage.start()
    await remount(stage, stage.archive, "ro")
    message = stage.cast.sends(stage.document("small", MIB))
    await stage.until(
        lambda: WAITS in stage.said_to(message) and "read-only" in stage.said_to(message),
        what="the user is told",
    )
    assert inbox_states(stage) == ["taken"], "its effects are not done"
    await remount(stage, stage.archive, "rw")
    await stage.until_ended(message, limit=150)
    check_in_namespace(stage, [message])


async def test_started_on_a_read_only_folder_it_takes_messages_in_and_archives_them_later(stage: Stage):
    in_namespace(stage, stage.archive, "64m", read_only=True)
    await stage.start()
    assert "the store is not ready" in stage.log()
    message = stage.cast.sends(stage.document("small", MIB))
    await stage.until(
        lambda: WAITS in stage.said_to(message) and "read-only" in stage.said_to(message), what="the user is told"
    )
    await remount(stage, stage.archive, "rw")
    await stage.until_ended(message, limit=150)
    check_in_namespace(stage, [message])


async def test_with_no_room_for_the_database_the_message_stays_at_telegram(stage: Stage):
    in_namespace(stage, stage.database.parent, "4m")
    await stage.start()
    filler = seen_by(stage, stage.database.parent) / "filler"
    fill(filler)
    message = stage.cast.sends(stage.photo(b"no room"))
    await stage.until(lambda: "can't keep your message" in stage.said_to(message), what="the user is told")
    assert "full" in stage.said_to(message)
    assert stage.world.account(stage.cast.bot).updates.pending()
    filler.unlink()
    await stage.until_ended(message)
    check_in_namespace(stage, [message])
