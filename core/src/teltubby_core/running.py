"""How a service lives: settings, log, signals, and an exit status that says what was wrong."""

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import TypeVar

from teltubby_core.errors import ConfigurationError, DatabaseInUseError, DatabaseUnavailableError, TeltubbyError
from teltubby_core.logs import flush_logs, secrets_of, set_up_logging
from teltubby_core.settings import LogSettings, load_settings

S = TypeVar("S", bound=LogSettings)
T = TypeVar("T")

log = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILURE, EXIT_CONFIGURATION = 0, 1, 2
_REOPEN_SECONDS = 2.0


def exit_status(program: str, action: Callable[[], int | None]) -> int:
    """Run ``action``; what it can't do is told on standard error, a line each.

    Returns its status (0 when it has none), 1 when it failed, 2 when a setting or argument is wrong.
    """
    _forbid_core_dumps()
    try:
        return action() or EXIT_OK
    except ConfigurationError as error:
        problems, status = error.problems, EXIT_CONFIGURATION
    except TeltubbyError as error:
        problems, status = [str(error)], EXIT_FAILURE
    flush_logs()  # what led to it stands before it
    for problem in problems:
        sys.stderr.write(f"{program}: {problem}\n")
    return status


def _forbid_core_dumps() -> None:
    """Have no image of the memory written when the process crashes: tokens and logins are in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_service(service: str, settings_class: type[S], serve: Callable[[S, asyncio.Event], Awaitable[None]]) -> None:
    """Read the settings, set up the log, and serve; SIGTERM and SIGINT set the event that ``serve`` stops at.

    ``service`` is its name in the log.

    Raises:
        ConfigurationError: settings are missing or wrong.
        TeltubbyError: what ended it; of several, what came first.
    """
    settings = load_settings(settings_class)
    set_up_logging(
        settings.log_level,
        settings.log_format,
        log_file=settings.log_file,
        secrets=secrets_of(settings),
        service=service,
    )

    async def served() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await serve(settings, stop)
        log.info("stopped")

    try:
        asyncio.run(served())
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    """Return the cause that matters of nested groups: what ended first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def entered(
    stack: AsyncExitStack,
    make: Callable[[], AbstractAsyncContextManager[T]],
    stop: asyncio.Event,
    wait_in_use: float = 0,
) -> T | None:
    """Enter what ``make`` returns, as often as it takes while its database is locked or full; None when stopped.

    While another process serves the database, that is ``wait_in_use`` seconds at most.

    Raises:
        DatabaseInUseError: another process serves it, still.
        ConfigurationError: a setting can't be used.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_in_use
    while not stop.is_set():
        try:
            return await stack.enter_async_context(make())
        except (DatabaseUnavailableError, DatabaseInUseError) as error:
            if isinstance(error, DatabaseInUseError) and loop.time() >= deadline:
                raise
            log.warning("waiting to start: %s; next try in %g s", error, _REOPEN_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _REOPEN_SECONDS)
    return None
