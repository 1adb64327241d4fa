"""Transactions are durable and whole, and everything that stops them is told as one kind of error."""

import asyncio
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support import eventually
from teltubby_core.adapters.sqlite import database as module
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.migrations import migrate
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError

CHILD = """
import asyncio, os, sys
from pathlib import Path
from teltubby_core.adapters.sqlite.database import Database

async def main():
    database = Database(Path(sys.argv[1]))
    await database.open()
    await database.run(lambda c: c.execute("INSERT INTO secrets VALUES ('k', 'v', 'now')"))
    print("committed", flush=True)
    os._exit(9)  # as if killed: no close, no checkpoint

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "teltubby.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open()
    yield database
    await database.close()


def _insert(key: str) -> str:
    return f"INSERT INTO secrets VALUES ('{key}', 'v', 'now')"


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT key FROM secrets ORDER BY key")]


async def test_a_returned_transaction_survives_the_death_of_its_process(path: Path) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(path), stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(child.communicate(), 20)
    assert (out.strip(), child.returncode) == (b"committed", 9)
    database = Database(path)
    await database.open()
    assert await database.run(_keys) == ["k"]
    await database.close()


async def test_each_commit_reaches_the_disk(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database.run(pragmas) == ["wal", 2, 1]


async def test_what_raises_leaves_nothing(database: Database) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(_insert("half"))
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        await database.run(work)
    assert await database.run(_keys) == []


async def test_while_another_program_holds_it_it_is_unavailable_and_then_recovers(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.run(lambda c: c.execute("PRAGMA busy_timeout = 20").fetchone())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError, match="locked – another program holds it"):
        await database.run(lambda c: c.execute(_insert("a")).rowcount)
    other.execute("ROLLBACK")
    other.close()
    assert await database.run(lambda c: c.execute(_insert("b")).rowcount) == 1
    assert await database.run(_keys) == ["b"]


async def test_a_full_disk_is_told_and_leaves_nothing(database: Database) -> None:
    pages = await database.run(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    big = "x" * 1_000_000
    with pytest.raises(DatabaseUnavailableError, match="free some space"):
        await database.run(lambda c: c.execute("INSERT INTO secrets VALUES ('big', ?, 'now')", (big,)).rowcount)
    await database.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await database.run(_keys) == []
    assert await database.run(lambda c: c.execute(_insert("small")).rowcount) == 1


async def test_a_second_owner_is_refused_with_the_first_ones_process(database: Database, path: Path) -> None:
    second = Database(path)
    with pytest.raises(ConfigurationError, match=rf"in use by another teltubby \(process {os.getpid()}\)"):
        await second.open()
    await second.close()
    assert await database.run(_keys) == []


async def test_the_lock_goes_with_its_owner(path: Path) -> None:
    for _ in range(2):
        database = Database(path)
        await database.open()
        await database.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.run(lambda c: c.execute("PRAGMA user_version = 99").fetchone())
    await database.close()
    newer = Database(path)
    with pytest.raises(ConfigurationError, match="schema 99, made by a newer teltubby"):
        await newer.open()
    await newer.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 99
    connection.close()


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    def schema(connection: sqlite3.Connection) -> list[str]:
        return [row[0] for row in connection.execute("SELECT sql FROM sqlite_master ORDER BY name") if row[0]]

    before = await database.run(schema)
    await database.run(migrate)
    assert await database.run(schema) == before


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("dedup_index", "sha256 s3_key size_bytes mime_type file_unique_id created_at"),
        (
            "job_history",
            "job_id user_id chat_id message_id state priority created_at updated_at last_error payload_json",
        ),
        ("secrets", "key value created_at"),
    ],
)
async def test_the_three_given_tables_are_as_given(database: Database, table: str, columns: str) -> None:
    def names(connection: sqlite3.Connection) -> list[str]:
        return [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]

    assert await database.run(names) == columns.split()


async def test_a_cancelled_caller_sees_its_transaction_end_first(database: Database) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(_insert("kept"))
        entered.set()
        assert go_on.wait(5)

    task = asyncio.create_task(database.run(work))
    await eventually(entered.is_set)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done, "a cancelled caller waits for the end"
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await database.run(_keys) == ["kept"]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = Database(tmp_path / "file" / "teltubby.db")
    with pytest.raises(DatabaseUnavailableError, match="check its folder"):
        await database.open()
    await database.close()


async def test_a_path_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "teltubby.db").mkdir()
    database = Database(tmp_path / "teltubby.db")
    with pytest.raises(DatabaseUnavailableError, match="can't be opened"):
        await database.open()
    await database.close()


def _overwrite(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


@pytest.mark.parametrize(("offset", "length"), [(0, 4096), (100, 3000)], ids=["no database", "damaged schema"])
async def test_a_file_that_is_no_database_or_damaged_stops_the_start(path: Path, offset: int, length: int) -> None:
    await _make(path)
    await asyncio.to_thread(_overwrite, path, offset, length)
    database = Database(path)
    with pytest.raises(ConfigurationError) as caught:
        await database.open()
    await database.close()
    (problem,) = caught.value.problems
    assert problem.startswith(f"SQLITE_PATH: {path} is no database or damaged")
    assert "restore it from a backup" in problem


async def test_damage_that_shows_later_is_no_fault_of_the_settings(database: Database) -> None:
    def write_schema(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 100000 WHERE name = 'secrets'")
        connection.execute("PRAGMA writable_schema = RESET")

    await database.run(write_schema)
    with pytest.raises(DatabaseUnavailableError, match="restore it from a backup"):
        await database.run(_keys)


async def test_a_database_that_is_locked_at_the_start_is_worth_another_try(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _make(path)
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_MS", 20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    database = Database(path)
    with pytest.raises(DatabaseUnavailableError, match="locked"):
        await database.open()
    await database.close()
    other.execute("ROLLBACK")
    other.close()
    await _make(path)


async def _make(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.close()


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
async def test_folder_and_files_are_for_their_owner_alone(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.run(lambda c: c.execute(_insert("a")).rowcount)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await database.close()
    names = [path.name, *(f"{path.name}{suffix}" for suffix in ("-wal", "-shm", ".lock"))]
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("opened", [True, False])
async def test_a_closed_database_is_unavailable(path: Path, opened: bool) -> None:
    database = Database(path)
    if opened:
        await database.open()
    await database.close()
    with pytest.raises(DatabaseUnavailableError, match="closed"):
        await database.run(_keys)


def test_each_piece_of_advice_is_for_a_text_that_sqlite_really_says() -> None:
    said = {
        "locked": "database is locked",
        "full": "database or disk is full",
        "readonly": "attempt to write a readonly database",
        "unable to open": "unable to open database file",
        "disk i/o": "disk I/O error",
        "malformed": "database disk image is malformed",
        "not a database": "file is not a database",
    }
    assert {word for word, _ in module._ADVICE} == set(said)
    assert all(word in text.lower() for word, text in said.items())
