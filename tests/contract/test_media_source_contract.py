"""What every source of a file's bytes promises: one that lies in memory, and one at the Bot API."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from aiohttp import web

from support import a_file
from teltubby_bot.botapi import BotApi
from teltubby_core.ports import MediaSource
from teltubby_core.testing import MemorySource

TOKEN = "123456:AAE" + "x" * 32
MakeSource = Callable[[bytes], MediaSource]
CONTENTS = [b"", b"x", bytes(range(256)) * 3000]


class Served:
    """A Bot API with one file."""

    def __init__(self) -> None:
        self.content = b""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer getFile, or hand the file out."""
        if request.path.startswith("/file/"):
            return web.Response(body=self.content)
        return web.json_response({"ok": True, "result": {"file_path": "a", "file_size": len(self.content)}})


@pytest.fixture(params=["memory", "bot api"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[MakeSource]:
    if request.param == "memory":
        yield lambda content: MemorySource(content, told=len(content))
        return
    served, app = Served(), web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with BotApi(TOKEN, f"http://127.0.0.1:{runner.addresses[0][1]}", io_timeout=5) as api:

        def at_bot_api(content: bytes) -> MediaSource:
            served.content = content
            return api.source(a_file())

        yield at_bot_api
    await runner.cleanup()


@pytest.mark.parametrize("content", CONTENTS, ids=len)
async def test_all_bytes_come_in_order_and_the_size_is_told_with_the_first_chunk(make: MakeSource, content: bytes):
    source = make(content)
    assert source.told_size() is None, "nothing is opened before it is read"
    came, told = b"", []
    async with aclosing(source.chunks()) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            told.append(source.told_size())
            came += chunk
    assert came == content
    assert set(told) == {len(content)}
    assert source.told_size() == len(content), "also once it is read"


async def test_it_may_be_left_at_any_chunk(make: MakeSource):
    source = make(CONTENTS[-1])
    async with aclosing(source.chunks()) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            if chunk:
                break
    assert source.told_size() == len(CONTENTS[-1])
