"""Bot and workers as separate processes on a real broker and a real object store: the same stage, distributed.

What tests ask of a ``Stage`` they may ask of this one: ``archive`` is a copy of the bucket in a folder, brought up to
date by each look, in which an open multipart upload shows as a file in ``.parts``.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from distributed.broker import BrokerView
from distributed.bucket import Bucket
from distributed.forkserver import Forkserver
from distributed.service import Service
from integration.harness import PATIENCE, READY, Stage
from support import eventually
from teltubby_cli.demo.cast import new_cast, settings_of_run
from teltubby_simulator.model import Message, User
from teltubby_simulator.server import TelegramSimulator
from testbed.minio import S3Address
from testbed.rabbitmq import AmqpAddress

WORKER_READY = "takes jobs"
WORKER_PROGRAM, BOT_PROGRAM = ("-m", "teltubby_worker"), ("-m", "teltubby_bot")


@dataclass(frozen=True)
class Step:
    """A step of a job in its audit trail."""

    job_id: str
    kind: str
    details: dict[str, Any]


@dataclass
class DistributedStage(Stage):
    """A simulator, a bot, workers, and the servers between them."""

    bucket: Bucket = field(kw_only=True)
    broker: BrokerView = field(kw_only=True)
    worker_count: int = field(default=1, kw_only=True)
    worker_program: tuple[str, ...] = field(default=WORKER_PROGRAM, kw_only=True)
    bot_program: tuple[str, ...] = field(default=BOT_PROGRAM, kw_only=True)
    own: dict[str, dict[str, str]] = field(default_factory=dict, kw_only=True)
    """Settings of single services, by their names: ``bot``, ``worker-0`` and so on."""
    forkserver: Forkserver | None = field(default=None, kw_only=True)
    services: dict[str, Service] = field(default_factory=dict, kw_only=True)

    @property
    def archive(self) -> Path:
        return self.bucket.folder()

    # Processes

    @property
    def bot(self) -> Service:
        return self.service("bot")

    @property
    def workers(self) -> list[Service]:
        return [self.service(f"worker-{number}") for number in range(self.worker_count)]

    def service(self, name: str) -> Service:
        """Return one of them, with the settings of now for its next start."""
        service = self.services.setdefault(name, Service(name, (), {}, self.folder, self.forkserver))
        service.settings = self.settings | self.own.get(name, {})
        if name == "bot":
            service.program = self.bot_program
        else:
            service.program = self.worker_program
            service.settings |= {"SQLITE_PATH": str(self.folder / name / "session.db"), "WORKER_NAME": name}
        return service

    async def start(self) -> None:
        """Start all and wait until the bot takes messages in and the workers take jobs."""
        await self.bring_up(self.bot, *self.workers)

    async def bring_up(self, *services: Service) -> None:
        """Start these and wait until they do their work."""
        for service in services:
            await service.launch()
        self.process = self.services["bot"].process if "bot" in self.services else None  # type: ignore[assignment]
        await self.until(lambda: all(map(self._is_up, services)), what=", ".join(s.name for s in services) + " up")

    def _is_up(self, service: Service) -> bool:
        assert service.alive, f"{service.name} ended:\n{service.log()}"
        return (READY if service.name == "bot" else WORKER_READY) in service.latest_log

    async def launch(self) -> Path:
        for service in (self.bot, *self.workers):
            await service.launch()
        self.process = self.bot.process  # type: ignore[assignment]
        return self.bot.logs[-1]

    async def kill(self) -> None:
        for service in self.services.values():
            if service.process is not None:
                await service.kill()

    async def stop(self) -> int:
        running = [service for service in self.services.values() if service.process is not None]
        statuses = await asyncio.gather(*(service.stop() for service in running))
        return max(abs(status) for status in statuses)

    def log(self) -> str:
        return "\n".join(f"--- {service.name}\n{service.log()}" for service in self.services.values())

    async def eventually(
        self, condition: Callable[[], Awaitable[Any]], limit: float = PATIENCE, what: str = "a condition"
    ) -> Any:
        """Wait for what can only be asked asynchronously; return it."""
        try:
            return await eventually(condition, limit)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}\n{self.log()[-6000:]}") from None

    # What the bot knows

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the bot's database; nothing is found before there is one."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def job_of(self, message: Message) -> str | None:
        """Return the id of a message's job, None while it has none."""
        assert isinstance(message.chat, User)
        where = f"chat_id = {message.chat.id} AND message_id = {message.id}"
        return next((job_id for (job_id,) in self.rows(f"SELECT job_id FROM job_history WHERE {where}")), None)

    def job_states(self) -> list[str]:
        """Return the state of every job."""
        return [state for (state,) in self.rows("SELECT state FROM job_history ORDER BY created_at")]

    def state_of(self, message: Message) -> str | None:
        """Return the state of a message's job, None while it has none."""
        job_id = self.job_of(message)
        found = self.rows(f"SELECT state FROM job_history WHERE job_id = '{job_id}'") if job_id else []
        return str(found[0][0]) if found else None

    def trail(self, kind: str, job_id: str | None = None) -> list[Step]:
        """Return the steps of this kind of all jobs, or of one, oldest first."""
        found = self.rows("SELECT job_id, kind, event_json FROM job_events ORDER BY id")
        steps = [Step(job, its_kind, json.loads(details)) for job, its_kind, details in found]
        return [step for step in steps if step.kind == kind and job_id in (None, step.job_id)]

    def holder(self, message: Message) -> Service:
        """Return the worker that took a message's job up last."""
        return self.services[self.trail("job.started", self.job_of(message))[-1].details["worker"]]

    # Judging

    def assert_nothing_left(self) -> None:
        assert self.bucket.uploads() == []
        assert self.rows("SELECT update_id, state FROM inbox WHERE state <> 'done'") == []
        assert self.rows("SELECT * FROM outbox") == []
        assert self.rows("SELECT * FROM pending_deletes") == []
        assert self.broker.count_now("JOB_QUEUE_NAME") == 0

    def assert_well(self, sent: list[Message], *, jobs: int) -> None:
        """All is archived once and told so once, every job is COMPLETED, and nobody was given up."""
        self.assert_archived_once(sent)
        assert self.job_states() == ["COMPLETED"] * jobs
        assert [self.said_to(message) for message in sent if not self.said_to(message).startswith(("✅", "♻️"))] == []
        self.assert_answered_once(sent)
        assert self.broker.count_now("JOB_DEAD_LETTER_QUEUE") == 0


@asynccontextmanager
async def new_stage(
    folder: Path,
    s3: S3Address,
    broker: AmqpAddress,
    workers: int = 1,
    forkserver: Forkserver | None = None,
) -> AsyncIterator[DistributedStage]:
    """A simulator, a bucket and names at the broker of its own; the test starts the processes, this ends them."""
    cast = new_cast()
    view = BrokerView(broker)
    (folder / "bucket").mkdir()
    bucket = await asyncio.to_thread(Bucket, s3, f"stage-{uuid4().hex[:12]}", folder / "bucket")
    async with TelegramSimulator(cast.world) as simulator:
        settings = settings_of_run(simulator, cast, folder) | view.environment
        del settings["ARCHIVE_DIR"]
        settings |= {
            "S3_ENDPOINT": s3.endpoint,
            "S3_ACCESS_KEY_ID": s3.access_key_id,
            "S3_SECRET_ACCESS_KEY": s3.secret_access_key,
            "S3_BUCKET": bucket.name,
            "S3_PART_MIB": "5",  # so that files of some MiB are several parts
            "HEALTH_PORT": "0",
            "ALBUM_AGGREGATION_WINDOW_SECONDS": "0.5",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        stage = DistributedStage(
            simulator,
            cast,
            folder,
            settings,
            bucket=bucket,
            broker=view,
            worker_count=workers,
            forkserver=forkserver,
        )
        try:
            yield stage
        finally:
            await stage.kill()
            bucket.close()
