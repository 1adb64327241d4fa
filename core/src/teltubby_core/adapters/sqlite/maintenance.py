"""Looking after the database file: is it whole, how much of it is empty, and write it anew without gaps."""

import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from teltubby_core.domain.records import DatabaseSight, Maintenance

_BESIDE = ("", "-wal", "-shm")


def maintain(connection: sqlite3.Connection) -> Maintenance:
    """Check, write anew, and look again; outside of any transaction.

    A damaged database is left as it is: writing it anew could make worse what a backup may still mend.
    """
    began = time.monotonic()
    before = look(connection)
    said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)").fetchall()]
    problem = None if said == ["ok"] else "; ".join(said)
    if problem is None:
        connection.execute("INSERT INTO search (search) VALUES ('optimize')")
        connection.execute("VACUUM")
        connection.execute("PRAGMA optimize")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Maintenance(before, look(connection), problem, time.monotonic() - began)


def look(connection: sqlite3.Connection) -> DatabaseSight:
    """Return how large the database is."""
    page = _pragma(connection, "page_size")
    path = connection.execute("PRAGMA database_list").fetchone()["file"]
    size = _size(path) if path else page * _pragma(connection, "page_count")
    return DatabaseSight(size, page * _pragma(connection, "freelist_count"))


def _size(path: str) -> int:
    total = 0
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            total += Path(path + suffix).stat().st_size
    return total


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
