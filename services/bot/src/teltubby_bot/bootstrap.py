"""Puts the bot together: the only module here that names adapters."""

from teltubby_bot.archiver import ArchiverOptions
from teltubby_bot.botapi import BotApi, parse_update
from teltubby_bot.ownership import Ownership
from teltubby_bot.service import Bot, BotOptions, Ports
from teltubby_bot.settings import BotSettings
from teltubby_core.ports import ArchiveIndex, Clock, Events, Inbox, JobQueue, ObjectStore


def build_ownership(settings: BotSettings, store: ObjectStore, index: ArchiveIndex) -> Ownership:
    """Return what makes sure that store and index are this bot's own."""
    return Ownership(store, index, settings.bot_id)


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
    telegram: BotApi,
    *,
    inbox: Inbox,
    index: ArchiveIndex,
    queue: JobQueue,
    events: Events,
    store: ObjectStore,
    ownership: Ownership,
    clock: Clock,
    jobs_wait_for: str | None,
) -> Bot:
    """Return a bot on these ports. ``jobs_wait_for`` says why no worker can take jobs, None when one can."""
    ports = Ports(
        telegram=telegram,
        parse=parse_update,
        inbox=inbox,
        index=index,
        queue=queue,
        events=events,
        store=store,
        ownership=ownership,
        clock=clock,
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
    )
    return Bot(ports, options)
