"""The command line, with nothing in its environment but what a test says: as a process, or in this one."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from teltubby_bot.settings import BotServiceSettings
from teltubby_cli.__main__ import main
from teltubby_cli.settings import RunSettings
from teltubby_core.settings import RabbitSettings
from teltubby_worker.settings import WorkerServiceSettings
from testbed.minio import S3Address

_LIMIT = 60.0
VARIABLES = {
    name.upper() for cls in (RunSettings, BotServiceSettings, WorkerServiceSettings) for name in cls.model_fields
}


@dataclass(frozen=True)
class Ended:
    """How it ended and what it said."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


async def teltubby(*arguments: str, settings: Mapping[str, str], folder: Path, limit: float = _LIMIT) -> Ended:
    """Run ``teltubby`` to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teltubby_cli", *arguments),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@dataclass(frozen=True)
class CommandLine:
    """Runs ``teltubby`` in this process, in a thread with a loop of its own: no second Python has to start."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    folder: Path

    async def __call__(self, *arguments: str, settings: Mapping[str, str]) -> Ended:
        """Run it to its end."""
        return await self.ended(lambda: asyncio.to_thread(main, list(arguments)), settings)

    async def ended(self, command: Callable[[], Awaitable[int]], settings: Mapping[str, str]) -> Ended:
        """Run what returns an exit status, with these settings in the environment."""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            for name in VARIABLES:
                patch.delenv(name, raising=False)
            for name, value in settings.items():
                patch.setenv(name, value)
            self.capsys.readouterr()
            status = await command()
        return Ended(status, *self.capsys.readouterr())


def s3_environment(address: S3Address, bucket: str) -> dict[str, str]:
    """The product's settings for a bucket there."""
    return {
        "S3_ENDPOINT": address.endpoint,
        "S3_ACCESS_KEY_ID": address.access_key_id,
        "S3_SECRET_ACCESS_KEY": address.secret_access_key,
        "S3_BUCKET": bucket,
    }


def rabbit_environment(settings: RabbitSettings) -> dict[str, str]:
    """The same settings as environment variables."""
    password = {"RABBITMQ_PASSWORD": settings.rabbitmq_password.get_secret_value()}
    return {name.upper(): str(value) for name, value in settings if value is not None} | password
