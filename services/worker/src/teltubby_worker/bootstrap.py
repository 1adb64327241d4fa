"""Puts a worker together. The only module that names the adapters it runs on."""

from telethon.client.telegrambaseclient import DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT
from telethon.crypto import rsa

from teltubby_core.errors import ConfigurationError
from teltubby_core.ports import Clock, Events, JobQueue, ObjectStore, SessionStore
from teltubby_worker.consumer import Worker
from teltubby_worker.mtproto.link import DataCentre, Link, quiet_telethon
from teltubby_worker.mtproto.session import BotLogin, Session
from teltubby_worker.mtproto.telegram import MtprotoTelegram
from teltubby_worker.mtproto.transfer import TransferLimits
from teltubby_worker.settings import WorkerSettings

_SILENCE_SHARE = 0.5
"""A connection that is silent for half the I/O timeout is replaced, so that there is time to go on at the same byte."""


def build_worker(
    settings: WorkerSettings,
    queue: JobQueue,
    events: Events,
    store: ObjectStore,
    sessions: SessionStore,
    clock: Clock,
) -> Worker:
    """Build a worker on these ports. Opens nothing.

    Raises:
        ConfigurationError: MTProto's settings are missing or wrong.
    """
    silence = settings.io_timeout_seconds * _SILENCE_SHARE
    limits = TransferLimits(window=settings.worker_window, flood_limit=settings.worker_flood_limit_seconds)
    telegram = MtprotoTelegram(_session(settings, sessions, silence), limits)
    return Worker(
        queue,
        events,
        store,
        telegram,
        clock,
        settings.worker_name,
        # The source watches its connections and ends by itself; this bound only catches what it fails to see,
        # so it lies above the longest silence that is in order: floods, and each try of one part.
        stall_timeout=limits.flood_limit + limits.tries * (silence + settings.io_timeout_seconds),
        concurrency=settings.worker_concurrency,
        grace=settings.worker_shutdown_seconds,
    )


def _session(settings: WorkerSettings, sessions: SessionStore, silence: float) -> Session:
    if settings.mtproto_api_id is None or settings.mtproto_api_hash is None:
        raise ConfigurationError([str(settings.mtproto_missing)])
    quiet_telethon()
    if settings.mtproto_public_key is not None:
        _trust(settings.mtproto_public_key)
    api_id = settings.mtproto_api_id
    login = BotLogin(
        api_id, settings.mtproto_api_hash.get_secret_value(), settings.telegram_bot_token.get_secret_value()
    )
    return Session(sessions, login, _entry(settings), lambda centre, key: Link(centre, api_id, key, silence))


def _entry(settings: WorkerSettings) -> DataCentre:
    if settings.mtproto_server is None:
        return DataCentre(DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT)
    host, _, port = settings.mtproto_server.rpartition(":")
    return DataCentre(settings.mtproto_dc_id, host, int(port))


def _trust(pem: bytes) -> None:
    try:
        rsa.add_key(pem, old=False)
    except ValueError as error:
        raise ConfigurationError(["MTPROTO_PUBLIC_KEY_FILE: holds no RSA key in PKCS#1 PEM form"]) from error
