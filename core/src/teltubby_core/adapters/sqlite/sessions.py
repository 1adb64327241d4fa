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
from teltubby_core.domain.sessions import SessionNotes, SessionSight, SessionState
from teltubby_core.errors import ConfigurationError, PermanentError, TransientError
from teltubby_core.ports import Fit
from teltubby_core.wakeup import Wakeup

_KEY_FILE = "session.key"
_READ = "SELECT value FROM secrets WHERE key = ?"
_REMOVE = "DELETE FROM secrets WHERE key = ?"
_US = "this process"
_WRITE = """
    INSERT INTO secrets (key, value, created_at) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, created_at = excluded.created_at
"""


class SqliteSessionStore:
    """A slot a name, each in one pair of hands at a time.

    One instance serves a process; the database's lock keeps other processes away. Content that no key opens is worth
    nothing and counts as none. Notes are kept in memory: after a start a slot is full or empty.
    """

    def __init__(self, database: Database, keys: Sequence[str], names: Sequence[str] = ("bot-0",)) -> None:
        """Take ``keys`` as ``SessionCipher`` does. Raises what it raises."""
        self._database = database
        self._cipher = SessionCipher(keys)
        self._names = tuple(names)
        self._held: set[str] = set()
        self._notes: dict[str, SessionNotes] = {}
        self._wakeup = Wakeup()

    async def acquire(self, timeout: float, fit: Fit = lambda _: True) -> "SqliteSessionLease":
        """Wait up to ``timeout`` seconds for a free session that fits.

        Raises:
            TransientError: none became free.
        """

        async def take() -> tuple[str | None, float | None]:
            return self._take(await self.survey(), fit), None

        name = await self._wakeup.poll(take, timeout)
        if name is None:
            raise TransientError(f"no session became free within {timeout:g} s")
        return SqliteSessionLease(self, name)

    def _take(self, sights: list[SessionSight], fit: Fit) -> str | None:
        fitting = [sight for sight in sights if sight.name not in self._held and fit(sight)]
        if not fitting:
            return None
        name = min(fitting, key=lambda sight: not sight.notes.filled).name
        self._held.add(name)
        return name

    async def survey(self) -> list[SessionSight]:
        """Return how all slots are."""
        filled = await self._database.run(self._filled)
        for name in filled - self._notes.keys():
            self._notes[name] = SessionNotes(state=SessionState.READY)
        return [self.sight(name) for name in self._names]

    def _filled(self, db: sqlite3.Connection) -> set[str]:
        return {name for name in self._names if db.execute(_READ, (_row_key(name),)).fetchone()}

    def sight(self, name: str) -> SessionSight:
        """Return what is known of a slot."""
        return SessionSight(name, self._notes.get(name, SessionNotes()), _US if name in self._held else None)

    def note(self, name: str, notes: SessionNotes) -> None:
        """Let others in this process know how it is."""
        self._notes[name] = notes
        self._wakeup.notify()

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

    async def remove(self, name: str) -> None:
        """Forget a slot's content."""
        await self._database.run(lambda db: db.execute(_REMOVE, (_row_key(name),)).rowcount)

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

    @property
    def sight(self) -> SessionSight:
        """What is known of it."""
        return self._store.sight(self._name)

    async def load(self) -> str | None:
        """Return its content; None while nobody has logged in, or when no configured key opens what is there."""
        self._check()
        return await self._store.read(self._name)

    async def save(self, content: str) -> None:
        """Keep its content, encrypted and durable."""
        self._check()
        await self._store.write(self._name, content)

    async def clear(self) -> None:
        """Forget its content."""
        self._check()
        await self._store.remove(self._name)

    async def note(self, notes: SessionNotes) -> None:
        """Let others know how it is."""
        if self._held:
            self._store.note(self._name, notes)

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
        return split_keys(configured)
    return [load_or_make_key(database.with_name(_KEY_FILE))]


def split_keys(configured: SecretStr) -> list[str]:
    """Return the keys that are named, comma-separated."""
    return [key.strip() for key in configured.get_secret_value().split(",") if key.strip()]


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
