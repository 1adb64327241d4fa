"""Puts the bot together: the only module here that names adapters."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from teltubby_bot.archiver import ArchiverOptions
from teltubby_bot.botapi import BotApi, parse_press, parse_update
from teltubby_bot.guarded import TELEGRAM
from teltubby_bot.login_dialogue import AccountLogin
from teltubby_bot.ownership import Ownership
from teltubby_bot.quota import StoreQuota
from teltubby_bot.service import Bot, BotOptions, Ports
from teltubby_bot.settings import BotServiceSettings, BotSettings
from teltubby_bot.telegram import Telegram
from teltubby_bot.webhook import WebhookOptions
from teltubby_core.adapters.opening import Network, open_network, open_shared_sessions
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.breaker import Breaker
from teltubby_core.clock import SystemClock
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.observability import Check, HealthServer
from teltubby_core.observability.service import Observed
from teltubby_core.ports import (
    ArchiveIndex,
    Clock,
    Control,
    DeadLetters,
    Events,
    Inbox,
    JobQueue,
    ObjectStore,
    SessionStore,
)
from teltubby_core.settings import HealthSettings, first_data_centre


def build_ownership(settings: BotSettings, store: ObjectStore, index: ArchiveIndex, bucket_setting: str) -> Ownership:
    """Return what makes sure that store and index are this bot's own; ``bucket_setting`` names the bucket."""
    return Ownership(store, index, settings.bot_id, bucket_setting)


def build_telegram(settings: BotSettings) -> BotApi:
    """Return the Bot API client; its owner enters and leaves it as a context manager."""
    return BotApi(
        settings.telegram_bot_token.get_secret_value(),
        settings.telegram_api_url,
        settings.io_timeout_seconds,
        local_files=settings.telegram_local_files_dir,
        opening_timeout=settings.opening_timeout,
    )


def build_bot(
    settings: BotSettings,
    telegram: Telegram,
    *,
    inbox: Inbox,
    index: ArchiveIndex,
    queue: JobQueue,
    events: Events,
    control: Control,
    dead_letters: DeadLetters,
    store: ObjectStore,
    ownership: Ownership,
    clock: Clock,
    jobs_wait_for: str | None,
    store_quota: StoreQuota | None = None,
    sessions: SessionStore | None = None,
    observed: Observed,
) -> Bot:
    """Return a bot on these ports.

    ``jobs_wait_for`` says why no worker can take jobs, None when one can. ``store_quota`` asks for the bucket's own
    quota. ``sessions`` are the workers' logins, where they can be seen from here; with MTPROTO_SESSION_KIND=user the
    bot fills them. ``observed`` counts, and watches the loops.
    """
    ports = Ports(
        telegram=telegram,
        parse=parse_update,
        parse_press=parse_press,
        inbox=inbox,
        index=index,
        queue=queue,
        events=events,
        control=control,
        dead_letters=dead_letters,
        store=store,
        ownership=ownership,
        clock=clock,
        secret=settings.telegram_bot_token.get_secret_value(),
        store_quota=store_quota,
        sessions=sessions,
        new_login=_new_login(settings),
        observed=observed,
    )
    options = BotOptions(
        whitelist=settings.telegram_whitelist_ids,
        window=settings.album_window,
        archiver=ArchiverOptions(
            limits=settings.limits,
            concurrency=settings.concurrency,
            dedup=settings.dedup_enable,
            stall_timeout=settings.io_timeout_seconds,
            opening_timeout=settings.opening_timeout,
        ),
        poll_seconds=settings.telegram_poll_seconds,
        jobs_wait_for=jobs_wait_for,
        webhook=_webhook(settings),
        admins=settings.admins,
        quota_bytes=settings.s3_bucket_quota_bytes,
        relay_channel_id=settings.relay_channel_id,
        session_kind=settings.mtproto_session_kind,
    )
    return Bot(ports, options)


def _new_login(settings: BotSettings) -> Callable[[], AccountLogin] | None:
    if settings.mtproto_session_kind is SessionKind.BOT:
        return None
    # only here: a bot whose workers log in by themselves does without these modules
    from teltubby_bot.accounts import Access, TelethonLogin  # noqa: PLC0415

    assert settings.mtproto_api_id is not None, "checked by the settings"
    assert settings.mtproto_api_hash is not None, "checked by the settings"
    secret = settings.mtproto_api_hash.get_secret_value()
    entry = first_data_centre(settings)
    access = Access(settings.mtproto_api_id, secret, entry, settings.mtproto_public_key)
    return lambda: TelethonLogin(access)


def _webhook(settings: BotSettings) -> WebhookOptions | None:
    if settings.telegram_mode == "polling":
        return None
    assert settings.webhook_url is not None, "checked by the settings"
    assert settings.webhook_secret is not None, "checked by the settings"
    return WebhookOptions(
        settings.webhook_url,
        settings.webhook_secret.get_secret_value(),
        settings.webhook_host,
        settings.webhook_port,
    )


def bot_pages(
    settings: HealthSettings,
    bot: Bot,
    observed: Observed,
    clock: Clock,
    checks: Sequence[Check],
    circuits: list[Breaker],
) -> HealthServer:
    """Return the server of the bot's pages. ``checks`` and ``circuits`` are those of what it runs on."""
    return observed.pages(
        settings,
        clock,
        checks=[Check(TELEGRAM, bot.telegram_answers), *checks],
        circuits=circuits,
        describe=bot.gauges.describe,
        listener=lambda name, problem: bot.alerts.dependency(f"The {name.replace('_', ' ')}", problem),
    )


@dataclass(frozen=True)
class BotPorts:
    """What a bot in a process of its own runs on: the network, and its index on its own disk."""

    clock: Clock
    network: Network
    inbox: Inbox
    index: ArchiveIndex
    database: Database
    sessions: SessionStore | None
    """Those that workers share with the bot; None: each has its own."""


@asynccontextmanager
async def open_ports(settings: BotServiceSettings) -> AsyncIterator[BotPorts]:
    """Open them.

    Raises:
        ConfigurationError: another process has the database, or a setting can't be used.
        DatabaseUnavailableError: the database is locked or its disk full.
    """
    clock, database = SystemClock(), Database(settings.sqlite_path)
    await database.open()
    try:
        async with AsyncExitStack() as stack:
            network = await stack.enter_async_context(open_network(settings, "teltubby-bot"))
            shared = settings.session_store == "kubernetes"
            sessions = await stack.enter_async_context(open_shared_sessions(settings)) if shared else None
            yield BotPorts(
                clock=clock,
                network=network,
                inbox=SqliteInbox(database, settings.bot_id, clock),
                index=SqliteIndex(database, dedup=settings.dedup_enable),
                database=database,
                sessions=sessions,
            )
    finally:
        await database.close()
