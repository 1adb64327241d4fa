"""A stage for the bot's parts."""

from collections.abc import AsyncIterator

import pytest

from teltubby_core.adapters.sqlite.database import Database
from unit.teltubby_bot.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    database = Database(None)
    await database.open()
    yield Stage(database)
    await database.close()
