"""Processes of a benchmark: started with an order, bounded in time, ended by their own pid whatever happens.

An order is one line of JSON on standard input, an answer one on standard output: unlike arguments, neither shows
in a list of processes.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_END_SECONDS = 15.0  # from SIGTERM to SIGKILL
_LOG_TAIL = 4000  # characters shown of a failed process


class BenchmarkError(Exception):
    """The benchmark has no result; the text says why."""


@asynccontextmanager
async def started(
    command: list[str],
    order: Mapping[str, Any],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Process]:
    """Run a command with an order until the block is left. ``log`` takes its standard error.

    Its standard input stays open as long as we live, so that a process can end itself when nobody is left to end it.
    """
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=errors, env=environment, cwd=folder
        )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        yield process
    finally:
        await _end(process)


@asynccontextmanager
async def serving(
    command: list[str], log: Path, *, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[Process]:
    """Run a command that takes no order until the block is left; ``log`` takes all that it writes."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=output, stderr=output, env=environment, cwd=folder
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def answer(process: Process, log: Path, limit: float) -> dict[str, Any]:
    """Return the line of JSON that a started process answers with.

    Raises:
        BenchmarkError: it ended without one, or ``limit`` seconds passed.
    """
    assert process.stdout is not None
    try:
        async with asyncio.timeout(limit):
            line = await process.stdout.readline()
    except TimeoutError:
        raise BenchmarkError(f"no answer within {limit:g} s\n{tail(log)}") from None
    if not line:
        raise BenchmarkError(f"ended without an answer\n{tail(log)}")
    found: dict[str, Any] = json.loads(line)
    return found


async def until(condition: Callable[[], bool], process: Process, log: Path, limit: float, what: str) -> None:
    """Look ten times a second until a condition holds: often enough for seconds, too seldom to cost the measured one.

    Raises:
        BenchmarkError: the process ended, or ``limit`` seconds passed.
    """
    try:
        async with asyncio.timeout(limit):
            while not condition():  # the condition is another process's work
                if process.returncode is not None:
                    raise BenchmarkError(f"ended before {what}\n{tail(log)}")
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise BenchmarkError(f"not within {limit:g} s: {what}\n{tail(log)}") from None


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text("utf-8", "replace")[-_LOG_TAIL:]


def own_role(name: str) -> list[str]:
    """Return the command that runs this script in another role."""
    return [sys.executable, str(Path(sys.argv[0]).absolute()), "--role", name]


def received_order() -> dict[str, Any]:
    """Return the order of the process that runs this one."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    return order


def give_answer(found: Mapping[str, Any]) -> None:
    """Answer the process that runs this one."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


async def orphaned() -> None:
    """Wait until the process that runs this one is gone."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def run(benchmark: Coroutine[Any, Any, T]) -> T:
    """Run a benchmark; SIGTERM ends it as Ctrl-C does, with all that it started.

    Raises:
        SystemExit: it has no result.
    """

    async def guarded() -> T:
        task = asyncio.ensure_future(benchmark)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(guarded())
    except BenchmarkError as error:
        raise SystemExit(f"no result: {error}") from error
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise SystemExit("stopped") from None
