"""The product's programs as processes of the demo: started together, watched, ended by their own pid."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_SECONDS = 20.0
_LOG_TAIL = 30  # lines


@dataclass(frozen=True)
class Program:
    """What Python is to run: its arguments, and ``settings`` as its whole environment."""

    name: str
    arguments: tuple[str, ...]
    settings: dict[str, str]


class Programs:
    """Runs them while its context lasts. ``on_end`` is told when one ends before its time."""

    def __init__(self, programs: Sequence[Program], folder: Path, on_end: Callable[[], None]) -> None:
        """Keep their logs in ``folder``, where they also run."""
        self._programs = programs
        self._folder = folder
        self._on_end = on_end
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._watches: list[asyncio.Task[None]] = []
        self.ended: str | None = None
        """What ended too early, and with which status."""

    async def __aenter__(self) -> Self:
        try:
            for program in self._programs:
                await self._start(program)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = await self._end()
        if failed and error is None:
            raise ChildProcessError("; ".join(failed))

    def tails(self) -> dict[str, str]:
        """Return the end of each log, by the program's name."""
        return {program.name: _tail(self._log(program)) for program in self._programs}

    def _log(self, program: Program) -> Path:
        return self._folder / f"{program.name.replace(' ', '-')}.log"

    async def _start(self, program: Program) -> None:
        with self._log(program).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *program.arguments),
                cwd=self._folder,
                env=program.settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._running[program.name] = process
        self._watches.append(asyncio.create_task(self._watch(program.name, process), name=f"demo {program.name}"))

    async def _watch(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.ended = f"{name} ended with status {await process.wait()}"
        self._on_end()

    async def _end(self) -> list[str]:
        """End all of them; return one sentence for each that did not end well."""
        for watch in self._watches:
            watch.cancel()
        statuses = await asyncio.gather(*map(_end, self._running.values()))
        return [
            f"{name} ended with status {status}" for name, status in zip(self._running, statuses, strict=True) if status
        ]


async def _end(process: asyncio.subprocess.Process) -> int:
    with suppress(ProcessLookupError):  # it ended, and nobody has looked yet
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            return await process.wait()
    except BaseException as error:
        # also when the demo itself is cancelled meanwhile: nothing of it is left running
        with suppress(ProcessLookupError):
            process.kill()
        status = await process.wait()
        if isinstance(error, TimeoutError):
            return status
        raise


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_TAIL:]) if log.exists() else ""
