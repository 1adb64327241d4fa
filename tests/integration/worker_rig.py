"""A worker beside a simulated Telegram over real TCP, everything else in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.clock import SystemClock
from teltubby_core.domain.jobs import (
    FileInfo,
    JobMessage,
    JobMetadata,
    Report,
    TelegramContext,
)
from teltubby_core.domain.media import MediaKind
from teltubby_core.ports import ObjectStore, SessionStore
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, MemoryObjectStore, MemorySessionStore
from teltubby_simulator.content import Content
from teltubby_simulator.model import Message, User
from teltubby_simulator.mtproto.server import MtprotoServer
from teltubby_simulator.world import World
from teltubby_worker.bootstrap import build_worker
from teltubby_worker.consumer import Worker
from teltubby_worker.settings import WorkerSettings

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
MIB = 1 << 20
SIZE = 21 * MIB + 4321


@dataclass
class Rig:
    """A running Telegram, and everything a worker works with."""

    world: World
    server: MtprotoServer
    bot: User
    person: User
    key_file: Path
    queue: MemoryJobQueue = field(default_factory=lambda: MemoryJobQueue(SystemClock()))
    events: MemoryEvents = field(default_factory=MemoryEvents)
    control: LocalControl = field(default_factory=LocalControl)
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    large_store: ObjectStore | None = None  # in place of ``store``, for files that are too large for it
    sessions: SessionStore = field(default_factory=MemorySessionStore)
    seen: list[Report] = field(default_factory=list)

    def send(self, content: Content, **fields: Any) -> Message:
        media = self.world.make_media("document", content, **fields)
        return self.world.send(self.person, self.bot, media=media)

    async def publish(self, message: Message, **fields: Any) -> JobMessage:
        job = job_for(message, **fields)
        await self.queue.publish(job)
        return job

    def settings(self, **fields: Any) -> WorkerSettings:
        values = {
            "telegram_bot_token": self.bot.token,
            "mtproto_api_id": API_ID,
            "mtproto_api_hash": API_HASH,
            "mtproto_server": f"localhost:{self.server.port}",
            "mtproto_public_key_file": self.key_file,
            "worker_name": "tester",
        }
        return WorkerSettings(_env_file=None, **(values | fields))

    async def build(self, ensure_bucket: Callable[[], Awaitable[None]], **fields: Any) -> Worker:
        settings = await asyncio.to_thread(self.settings, **fields)  # reads files, as at a start
        return build_worker(
            settings,
            self.queue,
            self.events,
            self.control,
            self.large_store or self.store,
            self.sessions,
            SystemClock(),
            ensure_bucket=ensure_bucket,
        )

    @asynccontextmanager
    async def worker(self, **fields: Any) -> AsyncIterator[asyncio.Event]:
        worker = await self.build(_ours, **fields)
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(30):
                await running

    async def wait_for(self, kind: type[Any], limit: float = 30) -> Any:
        """Read events until one of ``kind`` comes."""
        async with asyncio.timeout(limit):
            while True:
                delivery = await self.events.next(1)
                if delivery is None:
                    continue
                self.seen.append(delivery.event)
                await self.events.ack(delivery)
                if isinstance(delivery.event, kind):
                    return delivery.event

    def calls(self, method: str) -> list[str]:
        return [entry.outcome for entry in self.world.journal.entries(method, door="mtproto")]


@asynccontextmanager
async def running_rig(folder: Path) -> AsyncIterator[Rig]:
    """A Telegram with a bot and a person who writes to it."""
    world = World()
    bot = world.add_bot("Archivist", "archivist_bot")
    person = world.add_user("Ada", "Lovelace", "ada")
    server = MtprotoServer(world)
    await server.start()
    key_file = folder / "server.pem"
    key_file.write_text(server.public_key_pem)
    try:
        yield Rig(world, server, bot, person, key_file)
    finally:
        await server.stop()


async def _ours() -> None:
    """The bucket is this bot's."""


def job_for(message: Message, **fields: Any) -> JobMessage:
    assert message.media
    file = message.media.file
    size = fields.pop("file_size", file.content.size)
    file_id = fields.pop("file_id", "bot-api-file-id")
    folder = f"teltubby/2025/06/mtproto/{message.id}"
    values: dict[str, Any] = {
        "job_id": f"job-{message.id}",
        "user_id": message.chat.id,
        "chat_id": message.chat.id,
        "message_id": message.id,
        "file_info": FileInfo(
            file_id=file_id,
            file_unique_id=file.unique_id,
            file_size=size,
            file_type=MediaKind.DOCUMENT,
            file_name=file.file_name,
            mime_type=file.mime_type,
        ),
        "telegram_context": TelegramContext(caption="holiday"),
        "job_metadata": JobMetadata(created_at=datetime(2025, 6, 1, tzinfo=UTC)),
        "correlation_id": "corr-1",
        "ordinal": 1,
        "date": datetime(2025, 6, 1, tzinfo=UTC),
        "base_path": "teltubby/2025/06/ada/1",
        "key": f"{folder}/film.mp4",
        "message_json_key": "teltubby/2025/06/ada/1/message.json",
    }
    return JobMessage(**(values | fields))
