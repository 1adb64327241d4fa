"""``teltubby run``: bot and worker in one process, on SQLite and a local folder, with nothing else installed."""

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, suppress

from teltubby_bot.bootstrap import build_bot, build_ownership, build_telegram
from teltubby_bot.ownership import Ownership
from teltubby_cli.bootstrap import Embedded, open_embedded
from teltubby_cli.settings import RunSettings
from teltubby_core.errors import DatabaseUnavailableError
from teltubby_core.logs import set_up_logging
from teltubby_core.settings import load_settings
from teltubby_worker.bootstrap import build_worker

log = logging.getLogger(__name__)

_REOPEN_SECONDS = 2.0


def run() -> None:
    """Read the settings and serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: settings are missing or wrong, the token is refused, the database or folder is taken.
        InfrastructureError: the database can't be opened.
    """
    settings = load_settings(RunSettings)
    set_up_logging(settings.log_level, settings.log_format)
    try:
        asyncio.run(_serve(settings))
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    """Return the cause that matters of nested groups: what ended first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _serve(settings: RunSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        embedded = await _opened(settings, stack, stop)
        if embedded is not None:
            log.info("archive in %s, database in %s", settings.archive_dir.absolute(), settings.sqlite_path.absolute())
            await _serve_with(settings, embedded, stop)
    log.info("stopped")


async def _opened(settings: RunSettings, stack: AsyncExitStack, stop: asyncio.Event) -> Embedded | None:
    """Open the database, as often as it takes while somebody else holds it or the disk is full; None when stopped."""
    while not stop.is_set():
        try:
            return await stack.enter_async_context(open_embedded(settings))
        except DatabaseUnavailableError as error:
            log.warning("waiting to start: %s; next try in %g s", error, _REOPEN_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _REOPEN_SECONDS)
    return None


async def _serve_with(settings: RunSettings, embedded: Embedded, stop: asyncio.Event) -> None:
    ownership = build_ownership(settings, embedded.store, embedded.index)
    async with asyncio.TaskGroup() as group:
        group.create_task(_bot(settings, embedded, ownership, stop), name="bot")
        if settings.mtproto_missing is None:
            group.create_task(_worker(settings, embedded, ownership, stop), name="worker")
        else:
            log.warning("large files wait as jobs: %s", settings.mtproto_missing)


async def _bot(settings: RunSettings, embedded: Embedded, ownership: Ownership, stop: asyncio.Event) -> None:
    async with build_telegram(settings) as telegram:
        bot = build_bot(
            settings,
            telegram,
            inbox=embedded.inbox,
            index=embedded.index,
            queue=embedded.queue,
            events=embedded.events,
            store=embedded.store,
            ownership=ownership,
            clock=embedded.clock,
            jobs_wait_for=settings.mtproto_missing,
        )
        await bot.run(stop)
    stop.set()


async def _worker(settings: RunSettings, embedded: Embedded, ownership: Ownership, stop: asyncio.Event) -> None:
    worker = build_worker(
        settings,
        embedded.queue,
        embedded.events,
        embedded.store,
        embedded.sessions,
        embedded.clock,
        ensure_bucket=ownership.ensure,
    )
    await worker.run(stop)
