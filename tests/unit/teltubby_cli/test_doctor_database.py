"""The database from outside: nothing is made, changed or held."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from teltubby_cli.doctor.database import look_at_database
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inspection import DatabaseState, inspect
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore
from teltubby_core.errors import DatabaseUnavailableError
from unit.teltubby_cli.doctor_bench import said


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database that nobody serves."""
    path = tmp_path / "data" / "teltubby.db"
    database = Database(path)
    await database.open()
    await database.close()
    return path


def set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")


async def test_a_database_that_nobody_serves(path: Path):
    before = await asyncio.to_thread(path.read_bytes)
    lines = await said(look_at_database(path, inspect))
    assert lines == [
        (Verdict.FINE, f"{path} has the schema of this version ({DatabaseState(True).latest})"),
        (Verdict.FINE, "the index counts 0 B stored"),
    ]
    assert await asyncio.to_thread(path.read_bytes) == before


async def test_one_that_is_being_served_is_fine_and_named_and_stays_served(path: Path):
    database = Database(path)
    await database.open()
    try:
        lines = await said(look_at_database(path, inspect))
        assert (await database.run(lambda db: db.execute("SELECT 1").fetchone()[0])) == 1
    finally:
        await database.close()
    assert lines[-1][0] is Verdict.FINE
    assert f"process {os.getpid()}" in lines[-1][1]


async def test_looking_takes_no_lock_that_outlasts_it(path: Path):
    assert (await asyncio.to_thread(inspect, path)).holder is None
    database = Database(path)
    await database.open()
    await database.close()


@pytest.mark.parametrize(
    ("version", "verdict", "text"),
    [(1, Verdict.FINE, "the start brings it to"), (9999, Verdict.WRONG, "made by a newer teltubby")],
)
async def test_schemas_of_other_versions_are_told_and_left_alone(path: Path, version: int, verdict: Verdict, text: str):
    await asyncio.to_thread(set_version, path, version)
    ((found, line),) = await said(look_at_database(path, inspect))
    assert found is verdict
    assert text in line
    assert (await asyncio.to_thread(inspect, path)).schema == version


async def test_what_is_no_database_is_told(tmp_path: Path):
    path = tmp_path / "notes.db"
    path.write_bytes(b"dear diary, " * 100)
    with pytest.raises(DatabaseUnavailableError, match=r"notes\.db can't be read"):
        await said(look_at_database(path, inspect))


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path):
    for path in (tmp_path / "teltubby.db", tmp_path / "data" / "teltubby.db"):
        ((verdict, line),) = await said(look_at_database(path, inspect))
        assert verdict is Verdict.FINE
        assert "not there yet" in line
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_a_folder_that_is_not_writable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root all folders are writable
    ((verdict, line),) = await said(look_at_database(tmp_path / "teltubby.db", inspect))
    assert verdict is Verdict.WRONG
    assert f"{tmp_path} is not writable" in line


async def test_kept_logins_are_counted(path: Path):
    assert (await asyncio.to_thread(inspect, path)).logins == 0
    database = Database(path)
    await database.open()
    try:
        store = SqliteSessionStore(database, [Fernet.generate_key().decode()])
        lease = await store.acquire(1)
        await lease.save("login")
        assert (await asyncio.to_thread(inspect, path)).logins == 1
    finally:
        await database.close()
