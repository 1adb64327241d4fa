"""Looks at a database file from outside: changes nothing in it, makes nothing, and does not keep it from others."""

import fcntl
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from teltubby_core.adapters.sqlite.migrations import LATEST
from teltubby_core.domain.quota import Usage
from teltubby_core.errors import DatabaseUnavailableError

_WAIT_SECONDS = 2.0
_LOGINS = "SELECT count(*) FROM secrets WHERE key LIKE 'session/%'"
_USAGE = "SELECT stored_bytes, open_bytes FROM usage"


@dataclass(frozen=True)
class DatabaseState:
    """What there is to see.

    Attributes:
        exists: whether the file is there.
        schema: number of the last step that was applied to it; 0 without a file, or when it is empty.
        latest: number of the last step that this version knows.
        holder: process id of the teltubby that serves it now, as that one wrote it down; None when none does.
        logins: how many logins at Telegram are kept in it.
        usage: what its index counts; None where the schema is of another version.
    """

    exists: bool
    schema: int = 0
    latest: int = LATEST
    holder: str | None = None
    logins: int = 0
    usage: Usage | None = None


def inspect(path: Path) -> DatabaseState:
    """Look at the database ``path``. Blocks.

    Raises:
        DatabaseUnavailableError: it can't be read, or is none.
    """
    if not path.exists():
        return DatabaseState(exists=False)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_SECONDS)) as db:
            return _read(db, path)
    except sqlite3.DatabaseError as error:
        raise DatabaseUnavailableError(f"database {path} can't be read: {error}") from error


def _read(db: sqlite3.Connection, path: Path) -> DatabaseState:
    schema = int(db.execute("PRAGMA user_version").fetchone()[0])
    holder = _holder(path)
    if schema != LATEST:
        return DatabaseState(exists=True, schema=schema, holder=holder)
    logins = int(db.execute(_LOGINS).fetchone()[0])
    return DatabaseState(True, schema, holder=holder, logins=logins, usage=Usage(*db.execute(_USAGE).fetchone()))


def _holder(path: Path) -> str | None:
    """Return who holds the lock beside the database. It is tried for a moment: who starts in it would be refused."""
    try:
        with path.with_name(f"{path.name}.lock").open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return lock.read(100).strip() or "unknown"
    except OSError:  # never locked, or not ours to read
        return None
    return None
