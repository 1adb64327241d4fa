"""The embedded adapters, opened: the only module here that names them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from teltubby_cli.settings import RunSettings
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.dead_letters import SqliteDeadLetters
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore, session_keys
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
    control: LocalControl
    dead_letters: SqliteDeadLetters
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
            control=LocalControl(),
            dead_letters=SqliteDeadLetters(database),
            store=LocalFolderStore(settings.archive_dir),
            sessions=SqliteSessionStore(
                database,
                session_keys(settings.session_encryption_keys, settings.sqlite_path),
                (f"{settings.mtproto_session_kind}-0",),
            ),
        )
    finally:
        await database.close()
