"""One SQLite file, one connection, one thread: every transaction is a function that runs there from start to end."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TextIO, TypeVar

from teltubby_core.adapters.sqlite.migrations import migrate
from teltubby_core.errors import ConfigurationError, DatabaseInUseError, DatabaseUnavailableError

T = TypeVar("T")

_BUSY_TIMEOUT_MS = 2000
_MEMORY = ":memory:"

_ADVICE: tuple[tuple[str, str], ...] = (
    ("locked", "another program holds it; close that program"),
    ("full", "the disk is full; free some space"),
    ("readonly", "it is read-only; check the folder's permissions and mount"),
    ("unable to open", "it can't be opened; check that its folder exists and is writable"),
    ("disk i/o", "the disk does not answer as it should; check it and its free space"),
    ("malformed", "the file is damaged; restore it from a backup"),
    ("not a database", "the file is something else or damaged; restore it from a backup"),
)
"""SQLite tells these errors apart by text only."""

_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_PRIMARY = 0xFF  # of an error code; the rest tells details (sqlite.org/rescode.html)


class Database:
    """Runs transactions on ``path`` in a thread of its own, durable once they return (WAL, synchronous=FULL).

    ``open`` takes an exclusive lock on a file beside the database, so that two processes never serve one archive.
    """

    def __init__(self, path: Path | None) -> None:
        """Use the file ``path``, or memory when it is None."""
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._lock: TextIO | None = None

    async def open(self) -> None:
        """Lock, open and migrate.

        Raises:
            DatabaseInUseError: another process has it.
            ConfigurationError: it is no database, damaged, or made by a newer version.
            DatabaseUnavailableError: it can't be opened or written now: locked, full, its folder missing or closed.
        """
        if self._path is not None:
            self._lock = await asyncio.to_thread(_lock_beside, self._path)
        try:
            await self._in_thread(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what runs, close the file, release the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._in_thread(connection.close)
        await asyncio.to_thread(self._thread.shutdown)
        if self._lock is not None:
            self._lock.close()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` as one transaction: committed when it returns, rolled back when it raises.

        Raises:
            DatabaseUnavailableError: the file is locked, full, damaged or closed; nothing of the work is left.
        """
        if self._connection is None:
            raise self._closed()
        return await self._in_thread(lambda: self._transaction(work))

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` outside of any transaction, as what writes the file anew must be. Errors as of ``run``."""
        connection = self._connection
        if connection is None:
            raise self._closed()
        return await self._in_thread(lambda: work(connection))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        # Shielded: a cancelled caller must not leave a transaction half run behind its back, nor miss its end.
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._mapped, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            future.exception()  # looked at: its caller is gone
            raise

    def _mapped(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except sqlite3.DatabaseError as error:
            # A damaged file raises the base class; its other children are faults of our own SQL.
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise self._unavailable(error) from error
            raise

    def _closed(self) -> DatabaseUnavailableError:
        return DatabaseUnavailableError(f"database {self._path or 'in memory'} is closed")

    def _unavailable(self, error: sqlite3.Error) -> DatabaseUnavailableError:
        text = str(error)
        advice = next((a for word, a in _ADVICE if word in text.lower()), "see the log")
        return DatabaseUnavailableError(f"database {self._path or 'in memory'}: {text} – {advice}")

    def _open(self) -> None:
        """Connect; damage that shows already now ends the start, since no waiting mends it."""
        try:
            if self._path is not None:
                _make_private(self._path)
            self._connect()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & _PRIMARY not in _DAMAGED:
                raise
            problem = f"SQLITE_PATH: {self._path} is no database or damaged ({error}): restore it from a backup"
            raise ConfigurationError([f"{problem}, or name another file"]) from error

    def _connect(self) -> None:
        connection = sqlite3.connect(self._path or _MEMORY, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # reads it all: damage there shows now
        self._transaction(migrate)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise self._closed()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result


def _make_private(path: Path) -> None:
    """Make the file, for our user alone; what SQLite puts beside it takes over these permissions."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise _closed_folder(path, error) from error


def _closed_folder(path: Path, error: OSError) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"database {path}: {error.strerror} – check its folder")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lock_beside(path: Path) -> TextIO:
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(lock_path, "a+", opener=_private)  # noqa: SIM115  # Path.open takes no opener
    except OSError as error:
        raise _closed_folder(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise DatabaseInUseError(
            [f"SQLITE_PATH: {path} is in use by another teltubby (process {holder}); stop that one first"]
        ) from None
    with suppress(OSError):  # a full disk: the lock holds, only its holder's number is not told
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), f"{os.getpid()}\n".encode())
    return lock
