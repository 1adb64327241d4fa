"""What the demo can be played on: the programs of the product to start, and where their objects end up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from teltubby_cli.demo.cast import Cast, settings_of_run
from teltubby_cli.demo.objects import Folder, Objects
from teltubby_cli.demo.programs import Program
from teltubby_simulator.server import TelegramSimulator


class System(Protocol):
    """One way to run teltubby."""

    introduction: str
    """What serves the bot, as a sentence for people."""
    workers: int

    @property
    def objects(self) -> Objects:
        """Its archive."""
        ...

    def programs(self, simulator: TelegramSimulator, cast: Cast) -> Sequence[Program]:
        """Return what is to run."""
        ...


class OneProcess:
    """``teltubby run``: everything in one process, on SQLite and a folder."""

    introduction = "[bold]A Telegram of its own is up, and[/] teltubby run [bold]serves its bot.[/]"
    workers = 1

    def __init__(self, folder: Path, archive: Path) -> None:
        """Keep database and key in ``folder``, objects in ``archive``."""
        self._folder = folder
        self._archive = archive

    @property
    def objects(self) -> Objects:
        """See System."""
        return Folder(self._archive)

    def programs(self, simulator: TelegramSimulator, cast: Cast) -> Sequence[Program]:
        """See System."""
        settings = settings_of_run(simulator, cast, self._folder) | {"ARCHIVE_DIR": str(self._archive)}
        return [Program("teltubby run", ("-m", "teltubby_cli", "run"), settings)]
