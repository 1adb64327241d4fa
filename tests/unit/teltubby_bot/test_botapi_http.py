"""The transport below the Bot API: whatever fails is told by the host's name, and never by a path."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from teltubby_bot.botapi import BotApi
from teltubby_bot.botapi.errors import ConnectionFailedError
from teltubby_bot.botapi.http import Connections
from teltubby_core.errors import TransientError
from testbed.certificates import make_certificate

TOKEN = "123456:AAE" + "x" * 32
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    connections = Connections(2, 0.2)
    await connections.open()
    yield connections
    await connections.close()


@asynccontextmanager
async def _serving(said: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Listen, answer each request with these bytes (None: with nothing, ever), and close the connection."""
    silent = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if said is None:
                await silent.wait()
            else:
                writer.write(said)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        silent.set()
        server.close()
        await server.wait_closed()


async def _failure(connections: Connections, url: str) -> str:
    with pytest.raises(ConnectionFailedError) as caught:
        async with connections.ask("GET", f"{url}/bot{TOKEN}/getMe") as response:
            await response.read()
    assert "123456:" not in str(caught.value)
    return str(caught.value)


async def test_nobody_listens(connections: Connections) -> None:
    assert await _failure(connections, "http://127.0.0.1:9") == "127.0.0.1:9 can't be reached: Connection refused"


async def test_a_name_that_nobody_knows(connections: Connections) -> None:
    said = await _failure(connections, "https://telegram.invalid")
    assert said.startswith("telegram.invalid can't be reached: gaierror: ")


async def test_silence_has_a_limit(connections: Connections) -> None:
    async with _serving(None) as host:
        assert await _failure(connections, f"http://{host}") == f"{host} did not answer in time"


async def test_silence_before_the_end_has_a_limit(connections: Connections) -> None:
    async with web_server(_half) as host:
        assert await _failure(connections, f"http://{host}") == f"{host} did not answer in time"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhell",
        b"SSH-2.0-secret\r\n\r\n",
        b"HTTP/1.1 200 x\r\n: secret\r\n\r\n",
    ],
    ids=["nothing", "half a body", "another protocol", "a broken header"],
)
async def test_what_is_no_whole_answer(connections: Connections, said: bytes) -> None:
    async with _serving(said) as host:
        told = await _failure(connections, f"http://{host}")
    assert told.startswith(f"{host} can't be reached: ")
    assert "secret" not in told


async def test_a_certificate_that_nobody_vouches_for(connections: Connections, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.chain, certificate.key)
    async with _serving(b"", tls) as host:
        told = await _failure(connections, f"https://{host}")
    assert "SSLCertVerificationError" in told


async def test_a_pool_that_is_full_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teltubby_bot.botapi.http._CONNECTING", 0.1)
    connections = Connections(1, 0.1)
    await connections.open()
    async with web_server(_half_or_all) as host, connections.ask("GET", f"http://{host}/half", read_timeout=60):
        assert await _failure(connections, f"http://{host}") == f"{host} did not answer in time"
    await connections.close()


async def test_a_request_that_nobody_reads_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teltubby_bot.botapi.http._UPLOADING", 0.1)
    monkeypatch.setattr("teltubby_bot.botapi.http._CONNECTING", 0.1)
    async with _serving(None) as host, BotApi(TOKEN, f"http://{host}", 0.1) as api:
        with pytest.raises(TransientError, match="in time"):
            await api.upload(42, "big.bin", b"x" * 50_000_000, "", None)


async def test_where_an_answer_leads_to_is_not_told_the_token(connections: Connections) -> None:
    asked: list[str] = []

    async def lead_on(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with web_server(lead_on) as host, connections.ask("GET", f"http://{host}/bot{TOKEN}/getMe") as response:
        assert response.status == 302
    assert asked == [f"/bot{TOKEN}/getMe"]


@pytest.mark.parametrize("name", ["отчёт ☃.pdf", 'a "b".pdf', "a\r\nX-Evil: 1.pdf", "back\\slash.pdf"])
async def test_an_upload_keeps_its_name_and_no_name_adds_a_header(name: str) -> None:
    came: list[tuple[str, bytes, str]] = []

    async def take(asked: web.Request) -> web.Response:
        form = await asked.post()
        file = form["document"]
        assert isinstance(file, web.FileField)
        assert set(file.headers) <= {"Content-Disposition", "Content-Type", "Content-Length"}
        came.append((file.filename, file.file.read(), str(form["chat_id"])))
        return web.json_response({"ok": True, "result": {"message_id": 9}})

    async with web_server(take) as host, BotApi(TOKEN, f"http://{host}", 5) as api:
        assert await api.upload(42, name, b"hello", "", None) == 9
    ((told, content, chat),) = came
    assert (content, chat) == (b"hello", "42")
    assert told.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n").replace("\\\\", "\\") == name


async def test_a_proxy_named_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.Response(text="from the proxy")

    async with web_server(proxy) as host:
        monkeypatch.setenv("HTTP_PROXY", f"http://{host}")
        connections = Connections(1, 5)
        await connections.open()
        async with connections.ask("GET", "http://telegram.invalid/x") as response:
            assert await response.text() == "from the proxy"
        await connections.close()
    assert asked == ["http://telegram.invalid/x"]


async def _half_or_all(request: web.Request) -> web.StreamResponse:
    return await _half(request) if request.path == "/half" else web.Response(text="all of it")


async def _half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = 5
    await response.prepare(request)
    await response.write(b"hell")
    await asyncio.sleep(3600)  # ended with the server
    return response


@asynccontextmanager
async def web_server(handler: Handler) -> AsyncIterator[str]:
    """Serve every path on loopback, and yield host and port."""
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
