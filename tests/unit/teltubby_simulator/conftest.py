"""A running simulator with one bot and one user, on a clock that tests turn by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from telegram import Bot

from teltubby_simulator.model import User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World


class HandClock:
    """Unix seconds that move only when told to."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Wire:
    """The Bot API of one bot, seen as plain HTTP."""

    client: httpx.AsyncClient
    root: str
    token: str

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.response(method, **params)).json()
        return answer

    async def response(self, method: str, **params: Any) -> httpx.Response:
        return await self.client.post(f"{self.root}/bot{self.token}/{method}", json=params)

    async def result(self, method: str, **params: Any) -> Any:
        answer = await self.call(method, **params)
        assert answer["ok"], answer
        return answer["result"]

    async def refusal(self, method: str, **params: Any) -> tuple[int, str]:
        answer = await self.call(method, **params)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]

    async def download(self, path: str) -> httpx.Response:
        return await self.client.get(f"{self.root}/file/bot{self.token}/{path}")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def world(clock: HandClock) -> World:
    return World(clock)


@pytest.fixture
def bot_user(world: World) -> User:
    return world.add_bot("Archive", "archive_bot")


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", "Lovelace", "ada")


@pytest.fixture
async def simulator(world: World) -> AsyncIterator[TelegramSimulator]:
    async with TelegramSimulator(world, mtproto=False) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def wire(simulator: TelegramSimulator, bot_user: User, http: httpx.AsyncClient) -> Wire:
    assert bot_user.token
    return Wire(http, simulator.bot_api_url, bot_user.token)


@pytest.fixture
async def ptb(simulator: TelegramSimulator, bot_user: User) -> AsyncIterator[Bot]:
    """The unmodified client library."""
    root = simulator.bot_api_url
    assert bot_user.token
    async with Bot(bot_user.token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot") as client:
        yield client
