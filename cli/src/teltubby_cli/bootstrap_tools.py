"""The adapters that ``teltubby doctor``, ``queue`` and the demo look through. Beside bootstrap.py, since ``run`` needs
none of the clients that are loaded here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.adapters.opening import open_store
from teltubby_core.adapters.rabbitmq import Broker, RabbitDeadLetters, RabbitEvents, RabbitJobQueue
from teltubby_core.adapters.rabbitmq.topology import Topology
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.dead_letters import SqliteDeadLetters
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.inspection import DatabaseState, inspect
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.clock import SystemClock
from teltubby_core.ports import DeadLetters, Events, JobQueue, ObjectStore
from teltubby_core.settings import RabbitSettings

__all__ = [
    "Carrier",
    "DatabaseState",
    "folder_store",
    "inspect",
    "names_at_broker",
    "open_store",
    "rabbit_carrier",
    "sqlite_carrier",
]

_HOLDER = "tool"


@dataclass(frozen=True)
class Carrier:
    """What carries jobs and reports."""

    queue: JobQueue
    dead: DeadLetters
    events: Events


@asynccontextmanager
async def rabbit_carrier(settings: RabbitSettings, name: str, limit: float) -> AsyncIterator[Carrier]:
    """Give the carrier at a broker. Nothing is asked of it before the first call.

    ``name`` is how the broker's own lists show us; ``limit``: seconds for one exchange with it.
    """
    broker = Broker(settings, name, limit=limit)
    try:
        yield Carrier(RabbitJobQueue(broker), RabbitDeadLetters(broker), RabbitEvents(broker))
    finally:
        await broker.close()


@asynccontextmanager
async def sqlite_carrier(path: Path) -> AsyncIterator[Carrier]:
    """Lock and open the database of a ``teltubby run`` and give its carrier.

    Raises:
        ConfigurationError: another process has the database.
        DatabaseUnavailableError: it can't be opened.
    """
    database = Database(path)
    await database.open()
    try:
        queue = SqliteJobQueue(database, SystemClock(), _HOLDER)
        yield Carrier(queue, SqliteDeadLetters(database), SqliteEvents(database))
    finally:
        await database.close()


def folder_store(folder: Path) -> ObjectStore:
    """Return the archive in a folder."""
    return LocalFolderStore(folder)


def names_at_broker(settings: RabbitSettings) -> tuple[list[str], list[str]]:
    """Return the names of all queues and exchanges that bot and workers declare."""
    topology = Topology(settings)
    queues = [topology.job_queue, topology.dead_queue, *topology.delay_queues, *topology.event_queues]
    return [queue.name for queue in queues], [exchange.name for exchange in topology.exchanges]
