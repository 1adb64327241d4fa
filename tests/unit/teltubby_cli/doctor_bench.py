"""What the tests of the doctor share: a whole world of fakes in which all is fine, and settings for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from teltubby_bot.settings import BotServiceSettings, BotSettings
from teltubby_bot.telegram import Me, WebhookInfo
from teltubby_cli.bootstrap_tools import Carrier, DatabaseState
from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.table import World
from teltubby_cli.settings import RunSettings
from teltubby_core.settings import RabbitSettings, S3Settings
from teltubby_core.testing import MemoryDeadLetters, MemoryEvents, MemoryJobQueue, MemoryObjectStore, SteppedClock
from teltubby_worker.settings import WorkerServiceSettings

BOT_ID = 123456789
TOKEN = f"{BOT_ID}:{'s' * 35}"
SETTINGS = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_WHITELIST_IDS": "42", "TELEGRAM_API_URL": "http://127.0.0.1:9"}
VARIABLES = {
    name.upper() for cls in (RunSettings, BotServiceSettings, WorkerServiceSettings) for name in cls.model_fields
}


class FakeTelegram:
    """Answers as told, or raises."""

    def __init__(self, webhook: WebhookInfo | None = None) -> None:
        self.info = webhook or WebhookInfo("")
        self.fail_with: Exception | None = None

    async def me(self) -> Me:
        if self.fail_with:
            raise self.fail_with
        return Me(BOT_ID, "teltubby_bot")

    async def webhook(self) -> WebhookInfo:
        return self.info


class FakeBucket(MemoryObjectStore):
    """A bucket whose server tells a quota."""

    def __init__(self, quota: int | None = None) -> None:
        super().__init__("photos")
        self.quota = quota
        self.made = False

    async def ensure_bucket(self) -> None:
        self.made = True
        self._fail()

    async def quota_bytes(self) -> int | None:
        return self.quota


@dataclass
class Fakes:
    """The parts of a world."""

    telegram: FakeTelegram = field(default_factory=FakeTelegram)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    queue: MemoryJobQueue = field(default_factory=lambda: MemoryJobQueue(SteppedClock(0)))
    database: DatabaseState = field(default_factory=lambda: DatabaseState(exists=False))
    ahead: float = 0.0
    """Seconds of our clock before Telegram's."""
    reached: list[tuple[str, int]] = field(default_factory=list)

    def world(self) -> World:
        return World(
            telegram=self._telegram,
            times=lambda _: (1000.0 + self.ahead, 1000.0),
            inspect=lambda _: self.database,
            folder=lambda _: self.bucket,
            bucket=self._bucket,
            carrier=self._carrier,
            reach=self._reach,
        )

    @asynccontextmanager
    async def _telegram(self, settings: BotSettings) -> AsyncIterator[FakeTelegram]:
        assert isinstance(settings.telegram_bot_token, SecretStr)
        yield self.telegram

    @asynccontextmanager
    async def _bucket(self, _: S3Settings) -> AsyncIterator[FakeBucket]:
        yield self.bucket

    @asynccontextmanager
    async def _carrier(self, _: RabbitSettings) -> AsyncIterator[Carrier]:
        yield Carrier(self.queue, MemoryDeadLetters(), MemoryEvents())

    async def _reach(self, host: str, port: int) -> None:
        self.reached.append((host, port))


async def said(check: Said) -> list[tuple[Verdict, str]]:
    """All that a check says."""
    return [each async for each in check]


async def wrong(check: Said) -> list[str]:
    """What of it is wrong."""
    return [text for verdict, text in await said(check) if verdict is Verdict.WRONG]


def nothing(_: Path) -> DatabaseState:
    """No database."""
    return DatabaseState(exists=False)
