"""The stages of the Bot API's tests as fixtures."""

from collections.abc import AsyncIterator

import pytest

from conformance.botapi_stage import Receiver, Stage, open_receiver, open_stage


@pytest.fixture
async def botapi(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # python-telegram-bot's newer way to tell spans of time, without a warning
    async with open_stage() as stage:
        yield stage


@pytest.fixture
async def botapi_receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as receiver:
        yield receiver
