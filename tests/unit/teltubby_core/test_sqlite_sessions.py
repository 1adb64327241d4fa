# ruff: noqa: ASYNC240  # looking at the disk is what these tests do
"""Sessions at rest: encrypted, under the newest key, never readable with another; and the key file."""

import stat
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore, _make_key_file, load_or_make_key
from teltubby_core.errors import ConfigurationError

CONTENT = "1ApWapzMBu-a-session-string"
OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "teltubby.db")
    await database.open()
    yield database
    await database.close()


async def save(database: Database, *keys: str, content: str = CONTENT) -> None:
    lease = await SqliteSessionStore(database, keys).acquire(0)
    await lease.save(content)
    await lease.release()


async def load(database: Database, *keys: str) -> str | None:
    lease = await SqliteSessionStore(database, keys).acquire(0)
    try:
        return await lease.load()
    finally:
        await lease.release()


async def token(database: Database) -> str:
    return await database.run(lambda db: str(db.execute("SELECT value FROM secrets").fetchone()[0]))


async def test_no_file_holds_the_session_in_plain_text(database: Database, tmp_path: Path) -> None:
    await save(database, NEW)

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"session/bot-0" in written
    assert CONTENT.encode() not in written
    assert CONTENT.encode()[:8] not in written


async def test_an_older_key_still_opens_a_session_which_then_needs_it_no_more(database: Database) -> None:
    await save(database, OLD)

    assert await load(database, NEW, OLD) == CONTENT
    assert await load(database, NEW) == CONTENT
    assert await load(database, OLD) is None


async def test_a_session_under_the_newest_key_is_not_written_again(database: Database) -> None:
    await save(database, NEW, OLD)
    before = await token(database)

    assert await load(database, NEW, OLD) == CONTENT

    assert await token(database) == before


async def test_a_session_that_no_key_opens_counts_as_none_and_is_warned_of_without_a_secret(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await save(database, OLD)
    before = await token(database)

    assert await load(database, FOREIGN) is None

    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert "SESSION_ENCRYPTION_KEYS" in warning.getMessage()
    assert "bot-0" in warning.getMessage()
    for secret in (OLD, FOREIGN, CONTENT, before):
        assert secret not in caplog.text
    assert await token(database) == before  # the lost key may still be found


async def test_a_new_login_takes_the_place_of_a_session_that_no_key_opens(database: Database) -> None:
    await save(database, OLD)
    await save(database, FOREIGN, content="a new login")

    assert await load(database, FOREIGN) == "a new login"
    assert await load(database, OLD) is None


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "x" * 44], [NEW, ""], ["é" * 44]])
async def test_missing_and_malformed_keys_stop_the_start(database: Database, keys: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="SESSION_ENCRYPTION_KEYS") as caught:
        SqliteSessionStore(database, keys)

    assert not any(key and key in str(caught.value) for key in keys)


def test_a_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "session.key"

    key = load_or_make_key(path)

    assert load_or_make_key(path) == key
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_many_that_start_at_once_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "session.key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(load_or_make_key, [path] * 64))

    assert len(keys) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_came_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "session.key"
    path.write_text(OLD)

    _make_key_file(path)  # as by one who saw no file a moment ago

    assert load_or_make_key(path) == OLD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"not a key\n", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.key"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="SESSION_ENCRYPTION_KEYS"):
        load_or_make_key(path)

    assert path.read_bytes() == content


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="SESSION_ENCRYPTION_KEYS"):
        load_or_make_key(tmp_path / "file" / "session.key")
