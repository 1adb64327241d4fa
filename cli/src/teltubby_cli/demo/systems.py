"""What the demo can be played on: whose Telegram, the programs of the product to start, where their objects end up."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from teltubby_cli.demo.cast import Cast, new_cast, settings_of_run
from teltubby_cli.demo.objects import Folder, Objects
from teltubby_cli.demo.programs import Program
from teltubby_simulator.server import TelegramSimulator

_BOT_API_LATENCY = 0.05  # seconds
_MTPROTO_LATENCY = 0.45  # with eight parts of 1 MiB in flight this gives the 17 MB/s that bots see at Telegram


class System(Protocol):
    """One way to run teltubby."""

    introduction: str
    """What serves the bot, as a sentence for people."""
    workers: int
    shared: bool
    """Whether others use its archive, too: what they put there is none of the demo's business."""
    trouble: str | None
    """Why no answer will come any more, beyond what its programs tell."""

    @property
    def objects(self) -> Objects:
        """Its archive."""
        ...

    def on_stage(self) -> AbstractAsyncContextManager[tuple[Cast, Sequence[Program]]]:
        """Give who plays, and what is to run for them."""
        ...


@asynccontextmanager
async def simulated(
    programs: Callable[[TelegramSimulator, Cast], Sequence[Program]],
) -> AsyncIterator[tuple[Cast, Sequence[Program]]]:
    """Give a Telegram of the demo's own, as far away as the real one."""
    cast = new_cast()
    cast.world.faults.bot_api.latency = _BOT_API_LATENCY
    cast.world.faults.mtproto.latency = _MTPROTO_LATENCY
    async with TelegramSimulator(cast.world) as simulator:
        yield cast, programs(simulator, cast)


class OneProcess:
    """``teltubby run``: everything in one process, on SQLite and a folder."""

    introduction = "[bold]A Telegram of its own is up, and[/] teltubby run [bold]serves its bot.[/]"
    workers = 1
    shared = False
    trouble: str | None = None

    def __init__(self, folder: Path, archive: Path) -> None:
        """Keep database and key in ``folder``, objects in ``archive``."""
        self._folder = folder
        self._archive = archive

    @property
    def objects(self) -> Objects:
        """See System."""
        return Folder(self._archive)

    def on_stage(self) -> AbstractAsyncContextManager[tuple[Cast, Sequence[Program]]]:
        """See System."""
        return simulated(self._programs)

    def _programs(self, simulator: TelegramSimulator, cast: Cast) -> Sequence[Program]:
        settings = settings_of_run(simulator, cast, self._folder) | {"ARCHIVE_DIR": str(self._archive)}
        return [Program("teltubby run", ("-m", "teltubby_cli", "run"), settings)]
