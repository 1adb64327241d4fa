"""The demo from its first line to its last: a simulated Telegram, what serves its bot, the play, the verdict."""

import asyncio
import secrets
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from teltubby_cli.demo.cast import make_files
from teltubby_cli.demo.chat import Chat
from teltubby_cli.demo.distributed import Distributed
from teltubby_cli.demo.elsewhere import Elsewhere
from teltubby_cli.demo.objects import copy
from teltubby_cli.demo.programs import Programs
from teltubby_cli.demo.scenes import Scenes
from teltubby_cli.demo.systems import OneProcess, System
from teltubby_cli.demo.verdict import verdict
from teltubby_core.errors import ConfigurationError
from teltubby_simulator.far_world import FarWorldError

_STOPPED_BY = 128  # plus the signal's number, as shells have it
_WIDTH = 150  # columns where no terminal says otherwise


def demo(
    *,
    keep: str | None,
    large_mb: int,
    distributed: bool = False,
    simulator: str | None = None,
    curator: int | None = None,
) -> int:
    """Play the demo; return 0 when every byte arrived, else 1.

    Raises:
        ConfigurationError: ``keep`` names a folder that holds something, ``large_mb`` is not a size, no servers
            are named for ``distributed``, or no bucket or curator beside ``simulator``.
    """
    if not 21 <= large_mb <= 2000:
        raise ConfigurationError(["--large-mb: give 21 to 2000; smaller files don't need a worker"])
    if keep and Path(keep).exists() and any(Path(keep).iterdir()):
        raise ConfigurationError([f"--keep: {keep} is not empty; name a new folder"])
    kept = Path(keep).absolute() if keep else None
    with tempfile.TemporaryDirectory(prefix="teltubby-demo-") as name:
        folder = Path(name)
        if simulator is not None:
            return _shown_and_kept(Elsewhere(simulator, curator), folder, large_mb, kept)
        if not distributed:
            return _shown(OneProcess(folder, kept or folder / "archive"), folder, large_mb)
        with Distributed(folder) as system:
            return _shown_and_kept(system, folder, large_mb, kept)


def _shown_and_kept(system: System, folder: Path, large_mb: int, kept: Path | None) -> int:
    status = _shown(system, folder, large_mb)
    if kept:
        copy(system.objects, kept)
    return status


def _shown(system: System, folder: Path, large_mb: int) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    try:
        return asyncio.run(_play(console, system, folder, large_mb))
    except FarWorldError as error:
        _tell_failure(console, error)
        return 1
    except KeyboardInterrupt:
        return _STOPPED_BY + signal.SIGINT
    except asyncio.CancelledError:
        return _STOPPED_BY + signal.SIGTERM


async def _play(console: Console, system: System, folder: Path, large_mb: int) -> int:
    whole_play = asyncio.current_task()
    assert whole_play is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole_play.cancel)  # as Ctrl-C: ends what it started
    started = time.monotonic()
    async with system.on_stage() as (cast, to_run):
        files = make_files(cast.world, large_mb, system.workers, secrets.token_bytes(8) if system.shared else b"")
        programs = Programs(to_run, folder, cast.world.changed.notify)
        chat = Chat(console, cast, lambda: programs.ended or system.trouble)
        try:
            async with programs, chat.shown():
                chat.say(f"{system.introduction}\n")
                await Scenes(console, cast, chat, files).play()
        except (TimeoutError, ChildProcessError) as error:
            _tell_failure(console, error, programs.tails())
            return 1
        seconds = time.monotonic() - started
        return await asyncio.to_thread(verdict, console, system.objects, cast, seconds, shared=system.shared)


def _tell_failure(console: Console, error: Exception, tails: Mapping[str, str] | None = None) -> None:
    console.print(f"\n[red]The demo failed: {escape(str(error)) or 'an answer did not come in time'}[/]")
    for name, tail in (tails or {}).items():
        console.print(f"\n[bold]The end of {name}'s log[/]\n{escape(tail)}", soft_wrap=True)
