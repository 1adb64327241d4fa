"""The systems that archive what is sent, each started from nothing and ended with all its servers."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from measuring import processes
from testbed.minio import Minio
from testbed.rabbitmq import RabbitMq
from traffic.depth import JobsPage, Probe, broker_queue
from traffic.stage import Stage
from traffic.stores import Bucket, Folder, Store

START_SECONDS = 90.0
_BUCKET = "archive"
_QUEUE = "teltubby.large_files"  # as it is by default
_WORKERS = 2
_TAKES_JOBS = "takes jobs"  # in the log of a worker that is ready


@dataclass
class System:
    """A contender that is ready: its programs, the servers that it needs (by pid), its archive and its queues."""

    store: Store
    servers: Mapping[str, int] = field(default_factory=dict)
    programs: dict[str, Process] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)
    probes: list[Probe] = field(default_factory=list)

    @property
    def pids(self) -> dict[str, int]:
        """All its processes."""
        return {name: process.pid for name, process in self.programs.items()} | dict(self.servers)

    def check(self) -> None:
        """Make sure that all programs still run.

        Raises:
            BenchmarkError: one has ended.
        """
        for name, process in self.programs.items():
            if process.returncode is not None:
                raise processes.BenchmarkError(f"{name} has ended\n{processes.tail(self.logs[name])}")

    async def until(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        """Look once a second, in a thread, until a condition holds: seldom enough not to hold up the simulator.

        Raises:
            BenchmarkError: a program ended, or ``limit`` seconds passed.
        """
        try:
            async with asyncio.timeout(limit):
                while not await asyncio.to_thread(condition):
                    self.check()
                    await asyncio.sleep(1)
        except TimeoutError:
            tails = "\n".join(f"--- {name}\n{processes.tail(log)}" for name, log in self.logs.items())
            raise processes.BenchmarkError(f"not within {limit:g} s: {what}\n{tails}") from None


@asynccontextmanager
async def distributed(stage: Stage) -> AsyncIterator[System]:
    """Bot and two workers, on RabbitMQ and MinIO."""
    async with AsyncExitStack() as stack:
        minio, broker = stack.enter_context(Minio(stage.folder / "minio")), stack.enter_context(RabbitMq())
        bucket = Bucket(minio.address, _BUCKET, minio.data, "message.json".__eq__)
        system = System(bucket, {"RabbitMQ": broker.process.pid, "MinIO": minio.process.pid})
        settings = _settings(stage) | broker.address.environment | {"S3_BUCKET": _BUCKET}
        settings |= {f"S3_{name.upper()}": value for name, value in _s3(minio).items()}
        await _serve(stack, stage, system, "bot", "teltubby_bot", settings)
        workers = [f"worker {number}" for number in range(1, _WORKERS + 1)]
        for name in workers:
            await _serve(stack, stage, system, name, "teltubby_worker", settings | {"WORKER_NAME": name})
        await _ready(system, stage, *workers)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        system.probes.append(JobsPage.told_in(client, system.logs["bot"]))
        system.probes.append(await stack.enter_async_context(broker_queue(broker.address, _QUEUE)))
        yield system


@asynccontextmanager
async def one_process(stage: Stage) -> AsyncIterator[System]:
    """``teltubby run``: the same in one process, on SQLite and a folder."""
    archive = stage.folder / "archive"
    system = System(Folder(archive, "message.json".__eq__))
    async with AsyncExitStack() as stack:
        settings = _settings(stage) | {"ARCHIVE_DIR": str(archive)}
        await _serve(stack, stage, system, "teltubby run", "teltubby_cli", settings, "run")
        await _ready(system, stage)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        system.probes.append(JobsPage.told_in(client, system.logs["teltubby run"]))
        yield system


@asynccontextmanager
async def script(small_at_once: int, large_at_once: int, stage: Stage) -> AsyncIterator[System]:
    """The script that one would write, on MinIO."""
    host, port = stage.simulator.mtproto_address
    telegram = {
        "token": stage.bot.token,
        "api_url": stage.simulator.bot_api_url,
        "api_id": stage.api_id,
        "api_hash": stage.api_hash,
        "host": host,
        "port": port,
        "dc_id": stage.simulator.mtproto_dc_id,
        "key": stage.simulator.mtproto_public_key,
    }
    async with AsyncExitStack() as stack:
        minio = stack.enter_context(Minio(stage.folder / "minio"))
        bucket = Bucket(minio.address, _BUCKET, minio.data, lambda name: name.endswith(".json"))
        await asyncio.to_thread(bucket.make)
        system = System(bucket, {"MinIO": minio.process.pid})
        at_once = {"small_at_once": small_at_once, "large_at_once": large_at_once}
        store = {f"s3_{name}": value for name, value in _s3(minio).items()}
        order = {**telegram, **store, **at_once, "bucket": _BUCKET, "folder": str(stage.folder)}
        log = system.logs["script"] = stage.folder / "script.log"
        started = processes.started(processes.own_role("script"), order, log)
        system.programs["script"] = await stack.enter_async_context(started)
        await _ready(system, stage)
        yield system


CONTENDERS: Mapping[str, Callable[[Stage], AbstractAsyncContextManager[System]]] = {
    "bot + 2 workers": distributed,
    "teltubby run": one_process,
    "script": partial(script, 1, 1),
    "script, side by side": partial(script, 8, 2),  # as many as bot and workers take at once
}


def _settings(stage: Stage) -> dict[str, str]:
    key_file = stage.folder / "telegram.pem"
    key_file.write_text(stage.simulator.mtproto_public_key)
    host, port = stage.simulator.mtproto_address
    return {
        "TELEGRAM_BOT_TOKEN": stage.bot.token or "",
        "TELEGRAM_WHITELIST_IDS": ",".join(str(user.id) for user in stage.users),
        "TELEGRAM_API_URL": stage.simulator.bot_api_url,
        "MTPROTO_API_ID": str(stage.api_id),
        "MTPROTO_API_HASH": stage.api_hash,
        "MTPROTO_SERVER": f"{host}:{port}",
        "MTPROTO_DC_ID": str(stage.simulator.mtproto_dc_id),
        "MTPROTO_PUBLIC_KEY_FILE": str(key_file),
        "HEALTH_PORT": "0",
        "PYTHONUTF8": "1",
    }


def _s3(minio: Minio) -> dict[str, str]:
    address = minio.address
    return {
        "endpoint": address.endpoint,
        "access_key_id": address.access_key_id,
        "secret_access_key": address.secret_access_key,
    }


async def _serve(
    stack: AsyncExitStack,
    stage: Stage,
    system: System,
    name: str,
    module: str,
    settings: Mapping[str, str],
    *arguments: str,
) -> None:
    mark = name.replace(" ", "-")
    system.logs[name] = stage.folder / f"{mark}.log"
    environment = {**settings, "SQLITE_PATH": str(stage.folder / mark / "teltubby.db")}
    command = [sys.executable, "-m", module, *arguments]
    serving = processes.serving(command, system.logs[name], environment=environment, folder=stage.folder)
    system.programs[name] = await stack.enter_async_context(serving)


async def _ready(system: System, stage: Stage, *workers: str) -> None:
    """Wait until the bot polls and these workers take jobs."""

    def ready() -> bool:
        return stage.polls() and all(_TAKES_JOBS in system.logs[name].read_text("utf-8") for name in workers)

    await system.until(ready, START_SECONDS, "the start")
