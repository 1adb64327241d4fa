"""A simulated Telegram with one bot, driven by the unmodified python-telegram-bot, and a webhook to receive at.

Everything the tests ask of the bot goes through ``telegram.Bot``; calls that the library would not let a bot make go
through its ``do_api_request``. What people do goes through the world.
"""

import asyncio
import struct
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from telegram import Bot
from telegram.error import BadRequest, RetryAfter, TelegramError
from telegram.warnings import PTBUserWarning

from teltubby_simulator.content import SeededContent
from teltubby_simulator.model import Media, User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

MIB = 1 << 20
PATIENCE = 10.0  # seconds for anything that has to come


class Clock:
    """Unix seconds that move only when told to."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Stage:
    """A running simulator, a bot of its own and a person who has written to it."""

    world: World
    clock: Clock
    simulator: TelegramSimulator
    user: User  # the bot as the world knows it
    person: User
    bot: Any  # telegram.Bot; a test knows which of the many kinds of answers it gets

    def document(self, size: int = 100, name: str = "notes.pdf", **fields: Any) -> Media:
        return self.world.make_media("document", SeededContent(name, size), file_name=name, **fields)

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Make a call that the library itself has a method for, without that method's care."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PTBUserWarning)  # that there is a better way
            return await self.bot.do_api_request(method, parameters)

    async def seen(self) -> list[Any]:
        """Fetch the updates that wait, and confirm them."""
        updates = await self.bot.get_updates()
        if updates:
            await self.bot.get_updates(offset=updates[-1].update_id + 1)
        return list(updates)

    async def file_id(self, media: Media) -> str:
        """Let the person send a file; return the id under which the bot got it."""
        self.world.send(self.person, self.user, media=media)
        attachment = (await self.seen())[-1].message.effective_attachment
        file_id: str = (attachment[-1] if isinstance(attachment, tuple) else attachment).file_id
        return file_id

    @asynccontextmanager
    async def client(self, user: User) -> AsyncIterator[Any]:
        """Yield the library's client for another bot, or another one for the same."""
        root = self.simulator.bot_api_url
        assert user.token
        async with Bot(user.token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot") as bot:
            yield bot


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    clock = Clock()
    world = World(clock)
    user, person = world.add_bot("Archive", "archive_bot"), world.add_user("Ada", username="ada")
    async with TelegramSimulator(world, mtproto=False) as simulator:
        root = simulator.bot_api_url
        assert user.token
        async with Bot(user.token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot") as bot:
            world.send(person, user, text="/start")
            stage = Stage(world, clock, simulator, user, person, bot)
            await stage.seen()
            yield stage


@contextmanager
def refusal(sentence: str, kind: type[TelegramError] = BadRequest) -> Iterator[None]:
    """Expect a refusal in exactly these words; the library writes their first letter large."""
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.message.lower() == sentence.lower()


@contextmanager
def flood_wait(seconds: int) -> Iterator[None]:
    """Expect to be told to wait so long."""
    with pytest.raises(RetryAfter) as caught:
        yield
    assert caught.value.retry_after == timedelta(seconds=seconds)


def picture(width: int, height: int, size: int = 200) -> bytes:
    """Return as much of a PNG as tells that it is one of these sides."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return head.ljust(size, b"\0")


@dataclass
class Receiver:
    """A web server where updates arrive. It answers 200 unless told otherwise."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # of the next answers
    answers: list[dict[str, Any]] = field(default_factory=list)  # bodies of the next answers
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        async with self._arrived:
            self.got.append(await request.json())
            self.headers.append(dict(request.headers))
            self._arrived.notify_all()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response(self.answers.pop(0) if self.answers else {}, status=status)

    async def until(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many deliveries have come."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: len(self.got) >= number)
        return self.got


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.receive)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()
