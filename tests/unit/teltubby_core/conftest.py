"""A database, in a file and in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from teltubby_core.adapters.sqlite.database import Database


@pytest.fixture(params=["file", "memory"])
async def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "teltubby.db" if request.param == "file" else None)
    await database.open()
    yield database
    await database.close()
