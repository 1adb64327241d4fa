"""Logins of one machine, encrypted in table ``secrets``; and the key file for those who configure no key."""

import os
import secrets
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from teltubby_core.adapters.session_cipher import SETTING, SessionCipher, is_key
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.errors import ConfigurationError, PermanentError, TransientError
from teltubby_core.wakeup import Wakeup

_KEY_FILE = "session.key"
_READ = "SELECT value FROM secrets WHERE key = ?"
_WRITE = """
    INSERT INTO secrets (key, value, created_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, created_at = excluded.created_at
"""


class SqliteSessionStore:
    """A slot a name, each in one pair of hands at a time.

    One instance serves a process; the database's lock keeps other processes away. Every slot is for a login of the
    bot itself, which its token can always repeat: content that no key opens is worth nothing and counts as none.
    """

    def __init__(self, database: Database, keys: Sequence[str], names: Sequence[str] = ("bot-0",)) -> None:
        """Take ``keys`` as ``SessionCipher`` does. Raises what it raises."""
        self._database = database
        self._cipher = SessionCipher(keys)
        self._names = tuple(names)
        self._held: set[str] = set()
        self._wakeup = Wakeup()

    async def acquire(self, timeout: float) -> "SqliteSessionLease":
        """Wait up to ``timeout`` seconds for a free session.

        Raises:
            TransientError: none became free.
        """
        name = await self._wakeup.poll(self._take, timeout)
        if name is None:
            raise TransientError(f"no session became free within {timeout:g} s")
        return SqliteSessionLease(self, name)

    async def _take(self) -> tuple[str | None, float | None]:
        name = next((name for name in self._names if name not in self._held), None)
        if name is not None:
            self._held.add(name)
        return name, None

    def put_back(self, name: str) -> None:
        """Let the next one have it."""
        self._held.discard(name)
        self._wakeup.notify()

    async def read(self, name: str) -> str | None:
        """Return a slot's content, which is encrypted with the newest key from then on; None when no key opens it."""
        return await self._database.run(lambda db: self._decrypt(db, name))

    async def write(self, name: str, content: str) -> None:
        """Replace a slot's content."""
        await self._database.run(lambda db: self._encrypt(db, name, content))

    def _decrypt(self, db: sqlite3.Connection, name: str) -> str | None:
        row = db.execute(_READ, (_row_key(name),)).fetchone()
        if row is None:
            return None
        opened = self._cipher.open(row["value"].encode(), name)
        if opened is None:
            return None
        if opened.outdated:
            self._encrypt(db, name, opened.content)
        return opened.content

    def _encrypt(self, db: sqlite3.Connection, name: str, content: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        db.execute(_WRITE, (_row_key(name), self._cipher.seal(content).decode(), now))


class SqliteSessionLease:
    """A session that nobody else holds."""

    def __init__(self, store: SqliteSessionStore, name: str) -> None:
        self._store = store
        self._name = name
        self._held = True

    @property
    def name(self) -> str:
        """The slot's name."""
        return self._name

    @property
    def held(self) -> bool:
        """Until it is released: no other process has the database."""
        return self._held

    async def load(self) -> str | None:
        """Return its content; None while nobody has logged in, or when no configured key opens what is there."""
        self._check()
        return await self._store.read(self._name)

    async def save(self, content: str) -> None:
        """Keep its content, encrypted and durable."""
        self._check()
        await self._store.write(self._name, content)

    async def release(self) -> None:
        """Let the next one have it; a second time does nothing."""
        if self._held:
            self._held = False
            self._store.put_back(self._name)

    def _check(self) -> None:
        if not self._held:
            raise PermanentError(f"session {self._name} was released and may be in other hands")


def session_keys(configured: SecretStr | None, database: Path) -> list[str]:
    """Return the Fernet keys that are ``configured``, comma-separated, else the one in the file beside the database.

    Raises:
        ConfigurationError: that file can't be read or made, or holds no key.
    """
    if configured is not None:
        return [key.strip() for key in configured.get_secret_value().split(",") if key.strip()]
    return [load_or_make_key(database.with_name(_KEY_FILE))]


def load_or_make_key(path: Path) -> str:
    """Return the Fernet key in file ``path``, made (mode 0600, durable) when it is not there. Never overwrites one.

    Raises:
        ConfigurationError: the file can't be read or made, or holds no key.
    """
    try:
        if not path.exists():
            _make_key_file(path)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigurationError([f"{SETTING}: not set, and the key file {path} can't be used: {reason}"]) from error
    if not is_key(key):
        raise ConfigurationError([f"{SETTING}: not set, and the file {path} holds no Fernet key"])
    return key


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # Path can't open a descriptor
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(descriptor)
        _link_unless_there(draft, path)
    finally:
        draft.unlink()


def _link_unless_there(draft: Path, path: Path) -> None:
    # A link, not a rename: of two that start at once the first one's key stays.
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _row_key(name: str) -> str:
    return f"session/{name}"
