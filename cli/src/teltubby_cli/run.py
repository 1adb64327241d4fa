"""``teltubby run``: bot and worker in one process, on SQLite and a local folder, with nothing else installed."""

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial

from teltubby_bot.bootstrap import bot_pages, build_bot, build_ownership, build_telegram
from teltubby_bot.guarded import GuardedTelegram, telegram_circuit
from teltubby_bot.ownership import Ownership
from teltubby_cli.bootstrap import Embedded, open_embedded
from teltubby_cli.settings import RunSettings
from teltubby_core.observability import Check, Metrics
from teltubby_core.observability.service import Observed
from teltubby_core.ownership import OWNER_KEY
from teltubby_core.running import entered, run_service
from teltubby_worker.bootstrap import build_worker

log = logging.getLogger(__name__)


def run() -> None:
    """Read the settings and serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: settings are missing or wrong, the token is refused, the database or folder is taken.
        InfrastructureError: the database can't be opened.
    """
    run_service("run", RunSettings, _serve)


async def _serve(settings: RunSettings, stop: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        embedded = await entered(stack, lambda: open_embedded(settings), stop, settings.sqlite_wait_seconds)
        if embedded is not None:
            log.info("archive in %s, database in %s", settings.archive_dir.absolute(), settings.sqlite_path.absolute())
            await _serve_with(settings, embedded, stop)


async def _serve_with(settings: RunSettings, embedded: Embedded, stop: asyncio.Event) -> None:
    ownership = build_ownership(settings, embedded.store, embedded.index, "ARCHIVE_DIR")
    observed = Observed("run", Metrics("run"))
    async with asyncio.TaskGroup() as group:
        group.create_task(_bot(settings, embedded, ownership, observed, stop), name="bot")
        if settings.mtproto_missing is None:
            group.create_task(_worker(settings, embedded, ownership, observed, stop), name="worker")
        else:
            log.warning("large files wait as jobs: %s", settings.mtproto_missing)


async def _bot(
    settings: RunSettings, embedded: Embedded, ownership: Ownership, observed: Observed, stop: asyncio.Event
) -> None:
    circuit = telegram_circuit()
    async with build_telegram(settings) as telegram:
        bot = build_bot(
            settings,
            GuardedTelegram(telegram, circuit),
            inbox=embedded.inbox,
            index=embedded.index,
            queue=embedded.queue,
            events=embedded.events,
            control=embedded.control,
            dead_letters=embedded.dead_letters,
            store=embedded.store,
            ownership=ownership,
            clock=embedded.clock,
            jobs_wait_for=settings.mtproto_missing,
            sessions=embedded.sessions,
            observed=observed,
        )
        checks = [
            Check("database", embedded.index.backlog),
            Check("object_store", partial(embedded.store.head, OWNER_KEY)),
        ]
        async with bot_pages(settings, bot, observed, embedded.clock, checks, [circuit]):
            await bot.run(stop)
    stop.set()


async def _worker(
    settings: RunSettings, embedded: Embedded, ownership: Ownership, observed: Observed, stop: asyncio.Event
) -> None:
    worker = build_worker(
        settings,
        embedded.queue,
        embedded.events,
        embedded.control,
        embedded.store,
        embedded.sessions,
        embedded.clock,
        ensure_bucket=ownership.ensure,
        metrics=observed.metrics,
    )
    await worker.run(stop)
