"""A worker's surroundings made of fakes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.domain.jobs import (
    FileInfo,
    JobMessage,
    JobMetadata,
    JobProgress,
    Report,
    TelegramContext,
)
from teltubby_core.domain.media import MediaKind
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import MediaSource
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, MemoryObjectStore, MemorySource, SteppedClock
from teltubby_worker.consumer import Worker
from teltubby_worker.handling import JobHandler, Surroundings

BODY = b"film" * 1000
METADATA_KEY = "teltubby/2025/06/mtproto/5/metadata.json"


def job(**fields: Any) -> JobMessage:
    values: dict[str, Any] = {
        "job_id": "job-5",
        "user_id": 7,
        "chat_id": 7,
        "message_id": 5,
        "file_info": FileInfo(
            file_id="f", file_unique_id="u", file_size=len(BODY), file_type=MediaKind.VIDEO, mime_type="video/mp4"
        ),
        "telegram_context": TelegramContext(caption="holiday"),
        "job_metadata": JobMetadata(created_at=datetime(2025, 6, 1, tzinfo=UTC)),
        "correlation_id": "corr-1",
        "generation": 2,
        "ordinal": 1,
        "date": datetime(2025, 6, 1, tzinfo=UTC),
        "base_path": "teltubby/2025/06/ada/5",
        "key": "teltubby/2025/06/mtproto/5/film.mp4",
        "message_json_key": "teltubby/2025/06/ada/5/message.json",
    }
    return JobMessage(**(values | fields))


class FakeTelegram:
    """Hands out the sources it was given, the last one again and again."""

    def __init__(self) -> None:
        self.sources: list[MediaSource] = [MemorySource(BODY)]
        self.asked = 0
        self.started = 0
        self.closed = 0

    def source(self, _job: JobMessage) -> MediaSource:
        self.asked += 1
        return self.sources.pop(0) if len(self.sources) > 1 else self.sources[0]

    def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1


class Bench:
    """Everything a worker works with."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.queue = MemoryJobQueue(self.clock)
        self.events = MemoryEvents()
        self.control = LocalControl()
        self.store = MemoryObjectStore()
        self.telegram = FakeTelegram()
        self.bucket_trouble: TeltubbyError | None = None
        self.bucket_asked = 0
        self.max_file_bytes: int | None = None

    async def ensure_bucket(self) -> None:
        self.bucket_asked += 1
        if self.bucket_trouble:
            raise self.bucket_trouble

    def handler(self) -> JobHandler:
        around = Surroundings(
            self.queue,
            self.events,
            self.store,
            self.telegram,
            self.clock,
            "tester",
            self.ensure_bucket,
            stall_timeout=5,
            max_file_bytes=self.max_file_bytes,
        )
        return JobHandler(around, jitter=lambda: 0.0)

    def make_worker(self, **options: Any) -> Worker:
        return Worker(
            self.queue,
            self.events,
            self.control,
            self.store,
            self.telegram,
            self.clock,
            "tester",
            ensure_bucket=self.ensure_bucket,
            stall_timeout=5,
            **options,
        )

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[asyncio.Event]:
        worker = self.make_worker(**({"grace": 5} | options))
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await running

    async def handle(self, message: JobMessage, redeliveries: int = 0) -> float:
        await self.queue.publish(message)
        delivery = await self.queue.fetch(1)
        assert delivery
        for _ in range(redeliveries):
            await self.queue.recover()
            delivery = await self.queue.fetch(1)
            assert delivery
        return await self.handler().handle(delivery)

    async def reported(self) -> list[Report]:
        events: list[Report] = []
        while delivery := await self.events.next(0):
            await self.events.ack(delivery)
            if not isinstance(delivery.event, JobProgress):
                events.append(delivery.event)
        return events

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.reported()]

    async def next_delivery(self, after: float) -> Any:
        self.clock.advance(after)
        return await self.queue.fetch(0)
