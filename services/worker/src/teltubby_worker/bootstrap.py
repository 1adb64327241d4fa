"""Puts a worker together. The only module that names the adapters it runs on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from telethon.crypto import rsa

from teltubby_core.adapters.opening import Network, open_network, open_shared_sessions
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore, session_keys
from teltubby_core.breaker import Breaker
from teltubby_core.clock import SystemClock
from teltubby_core.domain.keyring import DataCentre
from teltubby_core.errors import ConfigurationError
from teltubby_core.observability import Metrics
from teltubby_core.ports import Clock, Control, Events, JobQueue, ObjectStore, SessionStore
from teltubby_core.settings import first_data_centre
from teltubby_worker.consumer import Worker
from teltubby_worker.guarded import MTPROTO, GuardedTelegram
from teltubby_worker.mtproto.link import Link, quiet_telethon
from teltubby_worker.mtproto.session import BotLogin, Eagerness, Session
from teltubby_worker.mtproto.standing import Tell
from teltubby_worker.mtproto.telegram import MtprotoTelegram
from teltubby_worker.mtproto.transfer import TransferLimits
from teltubby_worker.ports import Telegram
from teltubby_worker.session_reports import SessionReports
from teltubby_worker.settings import WorkerServiceSettings, WorkerSettings

_SILENCE_SHARE = 0.5
"""A connection that is silent for half the I/O timeout is replaced, so that there is time to go on at the same byte."""
_OPENING_SECONDS = 200.0
"""What a request may take beside its own silence: the session's lease, two connections and an exported login."""


def build_worker(
    settings: WorkerSettings,
    queue: JobQueue,
    events: Events,
    control: Control,
    store: ObjectStore,
    sessions: SessionStore,
    clock: Clock,
    *,
    ensure_bucket: Callable[[], Awaitable[None]],
    metrics: Metrics | None = None,
    circuit: Breaker | None = None,
) -> Worker:
    """Build a worker on these ports. Opens nothing.

    ``metrics`` count what it does. ``ensure_bucket`` is awaited before each job: it raises InfrastructureError while
    it is not known whose bucket and index these are, and ConfigurationError, which ends the worker, when they are
    another bot's. ``circuit`` stands before Telegram.

    Raises:
        ConfigurationError: MTProto's settings are missing or wrong.
    """
    metrics = metrics or Metrics("worker")
    silence = settings.io_timeout_seconds * _SILENCE_SHARE
    limits = TransferLimits(window=settings.worker_window, flood_limit=settings.worker_flood_limit_seconds)
    reports = SessionReports(events, clock, settings.worker_name, metrics)
    telegram: Telegram = MtprotoTelegram(
        _session(settings, sessions, silence, reports, lambda: bool(worker.jobs)), limits, reports.close
    )
    telegram = GuardedTelegram(telegram, circuit or Breaker(MTPROTO))
    worker = Worker(
        queue,
        events,
        control,
        store,
        telegram,
        clock,
        settings.worker_name,
        ensure_bucket=ensure_bucket,
        # The source watches its connections and ends by itself; this bound only catches what it fails to see,
        # so it lies above the longest silence that is in order: floods, patience with the message and then with its
        # first part, and the last request of each.
        stall_timeout=limits.flood_limit + 2 * (limits.patience + _OPENING_SECONDS + settings.io_timeout_seconds),
        max_file_bytes=settings.max_file_bytes,
        concurrency=settings.worker_concurrency,
        grace=settings.worker_shutdown_seconds,
        metrics=metrics,
    )
    return worker


def _session(
    settings: WorkerSettings, sessions: SessionStore, silence: float, tell: Tell, busy: Callable[[], bool]
) -> Session:
    if settings.mtproto_api_id is None or settings.mtproto_api_hash is None:
        raise ConfigurationError([str(settings.mtproto_missing)])
    quiet_telethon()
    if settings.mtproto_public_key is not None:
        _trust(settings.mtproto_public_key)
    api_id = settings.mtproto_api_id
    login = BotLogin(
        api_id, settings.mtproto_api_hash.get_secret_value(), settings.telegram_bot_token.get_secret_value()
    )
    eagerness = Eagerness(connections=settings.worker_connections, requests=settings.worker_window)

    def connect(centre: DataCentre, key: bytes | None) -> Link:
        return Link(centre, api_id, key, silence, session.permit())

    session = Session(
        sessions, login, first_data_centre(settings), connect, eagerness, settings.mtproto_session_kind, tell, busy
    )
    return session


def first_address(settings: WorkerSettings) -> tuple[str, int]:
    """Return host and port of the data centre that a worker connects to first."""
    entry = first_data_centre(settings)
    return entry.host, entry.port


def _trust(pem: bytes) -> None:
    try:
        rsa.add_key(pem, old=False)
    except ValueError as error:
        raise ConfigurationError(["MTPROTO_PUBLIC_KEY_FILE: holds no RSA key in PKCS#1 PEM form"]) from error


@dataclass(frozen=True)
class WorkerPorts:
    """What a worker in a process of its own runs on: the network, and its login on its own disk."""

    clock: Clock
    network: Network
    sessions: SessionStore


@asynccontextmanager
async def open_ports(settings: WorkerServiceSettings) -> AsyncIterator[WorkerPorts]:
    """Open them.

    Raises:
        ConfigurationError: another process has the database, or a setting can't be used.
        DatabaseUnavailableError: the database is locked or its disk full.
    """
    name = f"teltubby-worker {settings.worker_name}"
    async with (
        _open_sessions(settings) as sessions,
        open_network(settings, name, prefetch=settings.worker_concurrency) as network,
    ):
        yield WorkerPorts(SystemClock(), network, sessions)


@asynccontextmanager
async def _open_sessions(settings: WorkerServiceSettings) -> AsyncIterator[SessionStore]:
    if settings.session_store == "kubernetes":
        async with open_shared_sessions(settings) as sessions:
            yield sessions
        return
    database = Database(settings.sqlite_path)
    await database.open()
    try:
        yield SqliteSessionStore(database, session_keys(settings.session_encryption_keys, settings.sqlite_path))
    finally:
        await database.close()
