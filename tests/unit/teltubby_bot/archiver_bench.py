"""An archiver on the stage, and the rounds it makes."""

from typing import Any

from support import eventually
from teltubby_bot.archiver import Archiver, ArchiverOptions
from teltubby_core.domain.records import ItemRecord
from teltubby_core.domain.routing import Limits
from teltubby_core.errors import DatabaseUnavailableError, InfrastructureError
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage


class Bench:
    """An archiver and the rounds it makes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.room = stage.room()
        self.bucket_trouble: InfrastructureError | None = None
        self.index = Failing(stage.index, DatabaseUnavailableError("database is full"))
        self.archiver = self.make()

    def make(self, *, dedup: bool = True, concurrency: int = 2, limits: Limits | None = None) -> Archiver:
        stage, index = self.stage, self.index
        options = ArchiverOptions(limits or Limits(), concurrency, dedup, stall_timeout=5, unrecorded_pause=0.1)
        telegram: Any = stage.telegram
        self.archiver = Archiver(
            telegram,
            stage.store,
            index,
            stage.clock,
            options,
            room=self.room,
            on_stored=lambda stored: stage.note("stored", stored.key),
            ensure_bucket=self._ensure_bucket,
            on_change=stage.note,
        )
        return self.archiver

    async def _ensure_bucket(self) -> None:
        if self.bucket_trouble:
            raise self.bucket_trouble

    async def round(self) -> None:
        """Start what is due and wait until it is through."""
        await self.archiver.step()
        await eventually(lambda: not self.archiver._active)

    async def settled(self, item: ItemRecord) -> ItemRecord:
        await self.round()
        return await self.stage.again(item)
