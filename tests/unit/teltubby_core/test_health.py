"""The pages of a service over HTTP, and the server behind them: bounded, quick to answer, quick to stop."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support import eventually
from teltubby_core.breaker import Breaker
from teltubby_core.errors import BrokerUnavailableError, ConfigurationError, StorageUnavailableError
from teltubby_core.observability import Check, HealthServer, Liveness, Metrics, Readiness, Status
from teltubby_core.observability import health as health_module
from teltubby_core.testing import SteppedClock

TOKEN = "123456789:AAE-abc_def" + "Z" * 25


class Service:
    """What a health server shows, for a test to change."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.liveness = Liveness(self.clock.now)
        self.metrics = Metrics("bot")
        self.breaker = Breaker("broker", now=self.clock.now)
        self.broker_error: Exception | None = None
        self.busy = False
        self.hanging = asyncio.Event()
        self.description: Mapping[str, Any] | Exception | None = {"users": 2}

    async def probe(self) -> None:
        if self.broker_error:
            raise self.broker_error

    async def hang(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def describe(self) -> Mapping[str, Any]:
        if isinstance(self.description, Exception):
            raise self.description
        if self.description is None:
            self.hanging.set()
            await self.hang()
        assert self.description is not None
        return self.description

    def server(self, port: int = 0, host: str = "127.0.0.1", *, hanging: bool = False) -> HealthServer:
        checks = [Check("broker", self.probe, every=0.01)]
        if hanging:
            checks.append(Check("object_store", self.hang, every=0.01, timeout=0.05))
        readiness = Readiness(checks, self.clock, self.metrics, override=lambda: self.busy)
        status = Status(
            "bot",
            readiness,
            self.liveness,
            circuits=[self.breaker],
            describe=self.describe,
            now=self.clock.now,
        )
        return HealthServer(host, port, metrics=self.metrics, readiness=readiness, status=status)


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def listening(server: HealthServer) -> AsyncIterator[str]:
    async with server:
        yield server.url


async def get(http: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with http.get(url) as answer:
        return answer.status, await answer.json()


async def ready_status(http: aiohttp.ClientSession, root: str) -> int:
    return (await get(http, f"{root}/readyz"))[0]


async def test_alive_while_all_loops_go_round(service: Service, http: aiohttp.ClientSession) -> None:
    beat = service.liveness.watch("polling", 60)
    async with listening(service.server()) as root:
        assert await get(http, f"{root}/healthz") == (200, {"alive": True, "silent": []})
        service.clock.advance(61)
        status, body = await get(http, f"{root}/healthz")
        assert (status, body["alive"]) == (503, False)
        assert body["silent"] == [{"loop": "polling", "silent_for": 61.0, "limit": 60}]
        beat.beat()
        assert (await get(http, f"{root}/healthz"))[0] == 200


async def test_ready_says_which_dependency_fails_why_and_since_when(
    service: Service, http: aiohttp.ClientSession
) -> None:
    async with listening(service.server()) as root:
        await eventually(lambda: _is(ready_status(http, root), 200))
        service.broker_error = BrokerUnavailableError("localhost:5672 refuses the password")
        await eventually(lambda: _is(ready_status(http, root), 503))
        _, body = await get(http, f"{root}/readyz")
    assert body == {
        "ready": False,
        "busy": False,
        "dependencies": {
            "broker": {
                "state": "down",
                "needed": True,
                "sentence": "localhost:5672 refuses the password",
                "since": "2023-11-14T22:13:20+00:00",
            }
        },
    }


async def test_a_hanging_dependency_holds_up_no_request(service: Service, http: aiohttp.ClientSession) -> None:
    async with listening(service.server(hanging=True)) as root:
        status, body = await get(http, f"{root}/readyz")
        assert (status, body["dependencies"]["object_store"]["state"]) == (503, "unknown")
        await eventually(lambda: _store_says(http, root, "did not answer within 0.05 s"))
        assert (await get(http, f"{root}/healthz"))[0] == 200


async def _store_says(http: aiohttp.ClientSession, root: str, sentence: str) -> bool:
    _, body = await get(http, f"{root}/readyz")
    return bool(body["dependencies"]["object_store"]["sentence"] == sentence)


async def test_a_service_that_is_busy_stays_ready(service: Service, http: aiohttp.ClientSession) -> None:
    service.broker_error, service.busy = BrokerUnavailableError("gone"), True
    async with listening(service.server()) as root:
        await eventually(lambda: _broker_is_down(http, root))
        status, body = await get(http, f"{root}/readyz")
        assert (status, body["ready"], body["busy"]) == (200, True, True)
        service.busy = False
        assert await ready_status(http, root) == 503


async def _broker_is_down(http: aiohttp.ClientSession, root: str) -> bool:
    _, body = await get(http, f"{root}/readyz")
    return bool(body["dependencies"]["broker"]["state"] == "down")


async def test_metrics_can_be_scraped_in_either_form(service: Service, http: aiohttp.ClientSession) -> None:
    service.metrics.message_ingested()
    async with listening(service.server()) as root:
        async with http.get(f"{root}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
        assert families["teltubby_messages_ingested"].samples[0].value == 1
        async with http.get(f"{root}/metrics", headers={"Accept": "application/openmetrics-text"}) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.text()).endswith("# EOF\n")


async def test_status_shows_everything_at_once(service: Service, http: aiohttp.ClientSession) -> None:
    for _ in range(5):
        with pytest.raises(BrokerUnavailableError), service.breaker.watched():
            raise BrokerUnavailableError("gone")
    async with listening(service.server()) as root:
        await eventually(lambda: _is(ready_status(http, root), 200))
        service.clock.advance(0.5)
        status, body = await get(http, f"{root}/status")
    assert status == 200
    assert (body["service"], body["uptime_seconds"], body["alive"], body["ready"]) == ("bot", 0.5, True, True)
    assert body["version"]
    assert body["dependencies"]["broker"]["state"] == "up"
    assert body["circuits"]["broker"] == {
        "state": "open",
        "outages_in_a_row": 5,
        "last_error": "gone",
        "next_try_in": pytest.approx(0.5),
    }
    assert body["bot"] == {"users": 2}


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        (StorageUnavailableError("the folder is gone"), "the folder is gone"),
        (KeyError("a caption"), "KeyError"),
        (None, "not to be had within 0.05 s"),
    ],
)
async def test_status_is_shown_without_what_can_not_be_had(
    service: Service,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    description: Exception | None,
    shown: str,
) -> None:
    monkeypatch.setattr("teltubby_core.observability.status._DESCRIBE_SECONDS", 0.05)
    service.description = description
    async with listening(service.server()) as root:
        status, body = await get(http, f"{root}/status")
    assert (status, body["bot"]) == (200, {"unknown": shown})


async def test_no_page_shows_a_secret_or_fails_on_odd_text(service: Service, http: aiohttp.ClientSession) -> None:
    service.description = {"url": f"https://api.telegram.org/bot{TOKEN}/getMe", "half": "\ud83d", "object": object()}
    async with listening(service.server()) as root, http.get(f"{root}/status") as answer:
        text = await answer.text()
        assert answer.status == 200
    assert "Z" * 25 not in text
    assert json.loads(text)["bot"]["url"] == "https://api.telegram.org/bot<bot token>/getMe"


async def test_a_page_with_a_defect_is_logged_and_the_others_are_shown(
    service: Service, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(service.metrics, "render", broken)
    async with listening(service.server()) as root:
        async with http.get(f"{root}/metrics") as answer:
            assert answer.status == 500
        assert (await get(http, f"{root}/healthz"))[0] == 200
    assert [record.getMessage() for record in caplog.records] == ["/metrics can't be shown"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status"])
async def test_only_reading_is_allowed(service: Service, http: aiohttp.ClientSession, path: str) -> None:
    async with listening(service.server()) as root:
        await eventually(lambda: _is(ready_status(http, root), 200))
        async with http.head(root + path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            async with http.request(method, root + path, data=b"x") as answer:
                assert answer.status == 405


@pytest.mark.parametrize("path", ["/", "/admin", "/status/", "/metrics/x", "/%00", "/../etc/passwd"])
async def test_there_is_nothing_else(service: Service, http: aiohttp.ClientSession, path: str) -> None:
    async with listening(service.server()) as root, http.get(root + path) as answer:
        assert answer.status == 404


async def test_junk_is_answered_and_harms_nobody(
    service: Service, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(service.server()) as root:
        for junk in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"):
            answer = await _say(root, junk)
            assert answer.startswith(b"HTTP/1.") or answer == b""
        assert (await get(http, f"{root}/healthz"))[0] == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def _say(root: str, said: bytes) -> bytes:
    async with _connected(root) as (reader, writer):
        writer.write(said)
        return await asyncio.wait_for(reader.read(), 5)


@asynccontextmanager
async def _connected(root: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = root.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_connections_are_bounded_in_number_and_time(
    service: Service, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_MAX_CONNECTIONS", 3)
    monkeypatch.setattr(health_module, "_CONNECTION_SECONDS", 0.3)
    async with listening(service.server()) as root, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(_connected(root)) for _ in range(3)]
        asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        await eventually(lambda: _starts(_say(root, asked), b"HTTP/1.1 503 "))
        for reader, _ in silent:  # who says nothing is cut off
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
        assert (await get(http, f"{root}/healthz"))[0] == 200


async def _starts(said: Awaitable[bytes], expected: bytes) -> bool:
    return (await said).startswith(expected)


async def test_it_stops_within_a_second_whoever_is_connected(service: Service) -> None:
    service.description = None  # /status waits for it
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        async with listening(service.server(hanging=True)) as root:
            for _ in range(3):
                await stack.enter_async_context(_connected(root))
            _, asking = await stack.enter_async_context(_connected(root))
            asking.write(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(service.hanging.wait(), 5)
            began = loop.time()
        assert loop.time() - began < 1
        with pytest.raises(OSError):
            await _say(root, b"")


async def test_a_taken_port_names_the_setting_and_what_to_do(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"^HEALTH_PORT: {port} at 127.0.0.1 is in use") as caught:
            async with service.server(port):
                pass
    assert "set HEALTH_PORT to a free port" in str(caught.value)
    async with listening(service.server(port)):  # nothing of the failed start is left
        pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_of_another_machine_names_the_setting(
    service: Service, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    async def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if host.endswith(".invalid"):  # no question leaves this machine
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConfigurationError, match=f"^HEALTH_HOST: {host} is no address of this machine"):
        async with service.server(host=host):
            pass


async def test_a_free_port_is_taken_and_told(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with listening(service.server()) as root:
            assert not root.endswith(":0")
    assert f"health and metrics at {root}" in caplog.text


async def _is(asked: Awaitable[int], expected: int) -> bool:
    return bool(await asked == expected)
