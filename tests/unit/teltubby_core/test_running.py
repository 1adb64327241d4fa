"""How a service enters what it needs while another process still has its database."""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from support import eventually
from teltubby_core import running
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.errors import DatabaseInUseError
from teltubby_core.running import entered


@asynccontextmanager
async def opened(path):
    database = Database(path)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(running, "_REOPEN_SECONDS", 0.01)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teltubby.db"


async def test_a_database_in_use_ends_the_start_at_once(path):
    async with opened(path), AsyncExitStack() as stack:
        with pytest.raises(DatabaseInUseError, match=r"SQLITE_PATH: .* in use by another teltubby"):
            await entered(stack, lambda: opened(path), asyncio.Event())


async def test_a_start_waits_until_the_process_before_it_has_left(path, caplog):
    async with AsyncExitStack() as stack:
        async with opened(path):
            start = asyncio.create_task(entered(stack, lambda: opened(path), asyncio.Event(), 60))
            await eventually(lambda: "waiting to start: SQLITE_PATH" in caplog.text)
            assert not start.done()
        assert await asyncio.wait_for(start, 5) is not None


async def test_a_start_waits_no_longer_than_it_is_told(path):
    async with opened(path), AsyncExitStack() as stack:
        with pytest.raises(DatabaseInUseError):
            await asyncio.wait_for(entered(stack, lambda: opened(path), asyncio.Event(), 0.05), 5)


async def test_a_start_that_waits_ends_when_it_is_stopped(path, caplog):
    stop = asyncio.Event()
    async with opened(path), AsyncExitStack() as stack:
        start = asyncio.create_task(entered(stack, lambda: opened(path), stop, 60))
        await eventually(lambda: "waiting to start" in caplog.text)
        stop.set()
        assert await asyncio.wait_for(start, 5) is None


def test_a_crash_writes_no_image_of_the_memory_for_logins_are_in_it() -> None:
    script = "import resource; from teltubby_core.running import exit_status; exit_status('x', lambda: None)"
    told = subprocess.run(
        [sys.executable, "-c", f"{script}; print(resource.getrlimit(resource.RLIMIT_CORE))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == "(0, 0)"
