"""Services and a simulated Telegram that run elsewhere, in a cluster for instance: nothing is started here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from pydantic import Field

from teltubby_cli.demo.bucket import Bucket
from teltubby_cli.demo.cast import Cast
from teltubby_cli.demo.objects import Objects
from teltubby_cli.demo.programs import Program
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import S3Settings, Settings, load_settings
from teltubby_simulator.far_world import FarWorld, FarWorldError

_LOOK_EVERY = 0.3  # seconds


class _Whitelist(Settings):
    telegram_whitelist_ids: str = Field(default="", description="as the bot there has it")


class Elsewhere:
    """The archive that S3_BUCKET names, and the simulator behind ``control_url``."""

    introduction = "[bold]Telegram is simulated, and an archive that runs elsewhere[/] [bold]serves its bot.[/]"
    workers = 1
    shared = True
    trouble: str | None = None

    def __init__(self, control_url: str, curator: int | None) -> None:
        """Play ``curator``, else the first of TELEGRAM_WHITELIST_IDS.

        Raises:
            ConfigurationError: there is neither, or the bucket's settings are wrong.
        """
        self._control_url = control_url
        self._curator = curator or _first_of_whitelist()
        store = load_settings(S3Settings)
        self._bucket = Bucket(store, store.s3_bucket)

    @property
    def objects(self) -> Objects:
        """See System."""
        return self._bucket

    @asynccontextmanager
    async def on_stage(self) -> AsyncIterator[tuple[Cast, Sequence[Program]]]:
        """See System."""
        world = await asyncio.to_thread(FarWorld, self._control_url)
        curator = world.person("Ada", "ada", self._curator)
        cast = Cast(world, world.bot, curator, world.person("Mallory", "mallory"), sees_transfers=False)
        looking = asyncio.create_task(self._look(world), name="demo far world")
        try:
            yield cast, []
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self, world: FarWorld) -> None:
        while self.trouble is None:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                world.look()
            except FarWorldError as error:
                self.trouble = str(error)
                world.changed.notify()


def _first_of_whitelist() -> int:
    ids = load_settings(_Whitelist).telegram_whitelist_ids.replace(",", " ").split()
    if not ids or not ids[0].isdecimal():
        raise ConfigurationError(["--curator: missing; name a user whom the bot there lets send (its whitelist)"])
    return int(ids[0])
