"""A database that an earlier version wrote is brought up to date with all that is in it."""

import sqlite3
from pathlib import Path

import pytest

from support import a_file, a_message
from teltubby_core.adapters.sqlite import migrations
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.quota import Usage
from teltubby_core.testing import sample_job
from unit.teltubby_core.index_cases import Archive, completed, started

MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "teltubby.db"


def _write_as_the_first_version_did(path: Path) -> None:
    """One stored file of 1000 bytes, a job of 3 MiB with a follower, and a file that waits."""
    connection = sqlite3.connect(path)
    for statement in migrations._statements(migrations._STEPS[0]):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    rows = [
        (1, a_file("a"), "stored", "teltubby/2025/03/ada/1/a.jpg", 1000, None, None),
        (2, a_file("b", size=3 * MIB), "queued", None, None, "job-2", None),
        (3, a_file("b", size=3 * MIB), "queued", None, None, "job-3", "job-2"),
        (4, a_file("c", size=None), "pending", None, None, None, None),
    ]
    for number, media, state, key, size, job_id, follows in rows:
        connection.execute(
            "INSERT INTO messages (id, chat_id, message_id, slug, base_path, first_at) VALUES (?, 42, ?, 'ada', ?, 0)",
            (number, number, f"teltubby/2025/03/ada/{number}"),
        )
        connection.execute(
            "INSERT INTO items (id, message, update_id, chat_id, message_id, file_unique_id, incoming, ordinal, state,"
            " key, size_bytes, job_id, follows) VALUES (?1, ?1, ?1, 42, ?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)",
            (
                number,
                media.file_unique_id,
                a_message(number, media).model_dump_json(),
                state,
                key,
                size,
                job_id,
                follows,
            ),
        )
        if job_id:
            connection.execute(
                "INSERT INTO job_history (job_id, user_id, chat_id, message_id, state, created_at, updated_at,"
                " payload_json) VALUES (?, 42, 42, ?, 'PENDING', '2025-03-01T12:00:00+00:00',"
                " '2025-03-01T12:00:00+00:00', ?)",
                (job_id, number, sample_job(job_id, message_id=number).model_dump_json()),
            )
    connection.commit()
    connection.close()


async def test_the_first_versions_rows_are_counted_and_go_on(path: Path) -> None:
    _write_as_the_first_version_did(path)
    database = Database(path)
    await database.open()
    archive = Archive(database)
    assert await archive.index.usage() == Usage(1000, 3 * MIB), "the follower's file comes once"
    stats = await archive.index.stats()
    assert (stats.messages, stats.stored, stats.stored_bytes, stats.waiting) == (4, 1, 1000, 3)
    assert [job.id for job in await archive.index.carried_jobs()] == ["job-2"]
    (late, early) = await archive.index.jobs(42, 10, ended=True)
    assert (late.id, early.id, late.state) == ("job-3", "job-2", JobState.PENDING)
    job = sample_job("job-2", message_id=2)
    await archive.index.apply(started(job))
    await archive.index.apply(completed(job))
    assert await archive.index.usage() == Usage(2000, 0)
    assert not (await archive.record(4)).items[0].held
    await database.close()


async def test_it_is_what_a_new_database_is(path: Path) -> None:
    _write_as_the_first_version_did(path)
    upgraded, new = Database(path), Database(None)

    def schema(connection: sqlite3.Connection) -> set[tuple[str, str]]:
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        columns = connection.execute("SELECT m.name, c.name FROM sqlite_master m, pragma_table_xinfo(m.name) c")
        return {tuple(row) for row in found} | {tuple(row) for row in columns}

    schemas = []
    for database in (upgraded, new):
        await database.open()
        schemas.append(await database.run(schema))
        await database.close()
    assert schemas[0] == schemas[1]


async def test_an_upgrade_that_breaks_off_leaves_the_first_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_as_the_first_version_did(path)
    broken = (*migrations._STEPS, "CREATE TABLE half (a);\nSELECT no_such_function();\n")
    monkeypatch.setattr(migrations, "_STEPS", broken)
    database = Database(path)
    with pytest.raises(Exception, match="no_such_function"):
        await database.open()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name IN ('half', 'usage')").fetchall()
    connection.close()
