"""The stages of the Bot API's tests as fixtures."""

from collections.abc import AsyncIterator

import pytest

from conformance.botapi_stage import Receiver, Stage, open_receiver, open_stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the client libraries leave sockets to the garbage collector, in whichever test that then happens to run.

    Both MTProto clients do, when they are disconnected while they connect anew; they are not ours to mend.
    """
    for item in items:
        if "conformance" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture
async def botapi(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # python-telegram-bot's newer way to tell spans of time, without a warning
    async with open_stage() as stage:
        yield stage


@pytest.fixture
async def botapi_receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as receiver:
        yield receiver
