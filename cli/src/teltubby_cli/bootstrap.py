"""The embedded adapters, opened: the only module here that names them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from teltubby_cli.settings import RunSettings
from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore, load_or_make_key
from teltubby_core.clock import SystemClock

_HOLDER = "run"  # of jobs in hand: one process, so one name


@dataclass(frozen=True)
class Embedded:
    """The ports on one SQLite file and one folder."""

    clock: SystemClock
    inbox: SqliteInbox
    index: SqliteIndex
    queue: SqliteJobQueue
    events: SqliteEvents
    store: LocalFolderStore
    sessions: SqliteSessionStore


@asynccontextmanager
async def open_embedded(settings: RunSettings) -> AsyncIterator[Embedded]:
    """Lock and open the database and hand out the ports.

    Raises:
        ConfigurationError: another process has the database, or the encryption keys are wrong.
        InfrastructureError: the database can't be opened.
    """
    clock = SystemClock()
    database = Database(settings.sqlite_path)
    await database.open()
    try:
        queue = SqliteJobQueue(database, clock, _HOLDER)
        await queue.recover()
        yield Embedded(
            clock=clock,
            inbox=SqliteInbox(database, settings.bot_id, clock),
            index=SqliteIndex(database, dedup=settings.dedup_enable),
            queue=queue,
            events=SqliteEvents(database),
            store=LocalFolderStore(settings.archive_dir),
            sessions=SqliteSessionStore(database, _keys(settings)),
        )
    finally:
        await database.close()


def _keys(settings: RunSettings) -> list[str]:
    configured = settings.session_encryption_keys
    if configured is not None:
        return [key.strip() for key in configured.get_secret_value().split(",") if key.strip()]
    return [load_or_make_key(settings.sqlite_path.with_name("session.key"))]
