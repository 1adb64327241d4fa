"""What comes with the right secret is on disk before it is answered with 200; what does not leaves no trace."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from support import CURATOR, eventually
from teltubby_bot import webhook
from teltubby_bot.reception import InboxWriter
from teltubby_bot.webhook import SECRET_HEADER, Receiver, WebhookOptions
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage
from unit.teltubby_bot.wire import a_payload, an_update

SECRET = "s3cret-S3CRET_s3cret"
LOCKED = DatabaseUnavailableError("database is locked – close that program")


class Door:
    """A receiver that listens, and a client in Telegram's place."""

    def __init__(self, stage: Stage, inbox: Any, client: aiohttp.ClientSession, port: int) -> None:
        self.forged = 0
        self.port = port
        self.url = f"http://127.0.0.1:{port}/telegram"
        self._client = client
        writer = InboxWriter(
            stage.telegram, inbox, allowed=lambda sender: sender == CURATOR, on_stored=lambda: stage.note("stored")
        )
        options = WebhookOptions("https://bot.example.org/telegram", SECRET, "127.0.0.1", port, self._forgery)
        self.receiver = Receiver(writer, options)
        self.receiver.registered = True

    def _forgery(self) -> None:
        self.forged += 1

    async def post(self, body: Any, secret: str | None = SECRET, **more: Any) -> int:
        """Deliver; returns the status of the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if secret is None else {SECRET_HEADER: secret}
        async with self._client.post(self.url, data=io.BytesIO(data), headers=headers, **more) as answer:
            self.answer = await answer.read(), answer.headers
            return answer.status

    async def ask(self, method: str, path: str) -> aiohttp.ClientResponse:
        async with self._client.request(method, f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer


@asynccontextmanager
async def _open(stage: Stage, port: int, inbox: Any = None) -> AsyncIterator[Door]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
        door = Door(stage, inbox or stage.inbox, client, port)
        await door.receiver.open()
        try:
            yield door
        finally:
            await door.receiver.close()


@pytest.fixture
async def door(stage: Stage, unused_tcp_port: int) -> AsyncIterator[Door]:
    async with _open(stage, unused_tcp_port) as door:
        yield door


def _photo(number: int) -> dict[str, Any]:
    return an_update(number, number, **a_payload("photo"))


async def _stored(stage: Stage) -> list[int]:
    return [update.update_id for update in await stage.inbox.pending(1000)]


async def test_a_delivery_is_kept_as_polling_would_keep_it(stage: Stage, door: Door) -> None:
    update = an_update(10, text="half a pair: \ud83d ☃")
    assert await door.post(json.dumps(update, ensure_ascii=False).encode("utf-8", "surrogatepass")) == 200
    (kept,) = await stage.inbox.pending(10)
    assert (kept.update_id, kept.raw) == (10, json.dumps(update))
    assert stage.calls == [("stored",)]


async def test_the_same_delivery_twice_is_kept_once(stage: Stage, door: Door) -> None:
    assert [await door.post(_photo(10)) for _ in range(2)] == [200, 200]
    assert await _stored(stage) == [10]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.lower(), "ä" * 20])
async def test_without_the_right_secret_nothing_is_stored_and_nothing_told(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture, secret: str | None
) -> None:
    assert await door.post(_photo(10), secret) == 401
    body, headers = door.answer
    assert SECRET.encode() not in body
    assert b"secret" not in body.lower()
    assert headers["Connection"] == "close"
    assert (await _stored(stage), door.forged) == ([], 1)
    assert SECRET not in caplog.text


async def test_a_burst_of_forgeries_is_counted_in_full_and_logged_once(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await door.post(b"x", "wrong")
    assert door.forged == 20
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "webhook: 1 requests with a wrong or missing secret"
    ]


async def test_before_telegram_knows_our_secret_an_old_one_is_no_forgery(stage: Stage, door: Door) -> None:
    door.receiver.registered = False
    assert await door.post(_photo(10), "the one of yesterday") == 503
    assert door.answer[1]["Retry-After"]
    assert (await _stored(stage), door.forged) == ([], 0)


@pytest.mark.parametrize("path", ["/", "/telegra", "/telegram/", "/telegram/x", "/healthz"])
async def test_other_paths_are_not_there(door: Door, path: str) -> None:
    answer = await door.ask("POST", path)
    assert (answer.status, door.forged) == (404, 0)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_answered(door: Door, method: str) -> None:
    answer = await door.ask(method, "/telegram")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\xfd", b"[]", b"7", b"{}", b'{"update_id": "6"}', b'{"update_id": -1}', b"[" * 100_000],
    ids=["nothing", "half", "bytes", "list", "number", "no id", "id as text", "negative", "deep"],
)
async def test_what_could_not_be_kept_does_not_come_again(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    assert await door.post(body) == 200
    assert await _stored(stage) == []
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_what_nobody_can_read_is_kept_if_it_has_a_number(stage: Stage, door: Door) -> None:
    assert await door.post({"update_id": 10, "message": [None]}) == 200
    assert await _stored(stage) == [10]


async def test_what_is_too_large_stays_at_telegram(stage: Stage, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    assert await door.post({"update_id": 10, "x": "x" * webhook._LARGEST}) == 413
    assert await _stored(stage) == []
    assert "TELEGRAM_MODE=polling" in caplog.text
    assert await door.post({"update_id": 11, "x": "x" * (webhook._LARGEST - 100)}) == 200


async def test_while_the_database_is_unavailable_telegram_is_to_come_again_and_the_author_told_once(
    stage: Stage, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Failing(stage.inbox, LOCKED)
    inbox.methods = {"store"}
    async with _open(stage, unused_tcp_port, inbox) as door:
        assert [await door.post(_photo(10)) for _ in range(3)] == [503] * 3
        assert int(door.answer[1]["Retry-After"]) <= 10
        (told,) = stage.telegram.sent
        assert (told.chat_id, told.reply_to) == (CURATOR, 10)
        assert "database is locked" in told.text
        assert len(caplog.records) == 1
        inbox.methods = set()
        assert await door.post(_photo(10)) == 200
    assert await _stored(stage) == [10]


async def test_a_defect_is_told_in_the_log_and_the_update_comes_again(
    stage: Stage, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    inbox: Any = Failing(stage.inbox, RuntimeError("a defect"))  # type: ignore[arg-type]
    inbox.methods = {"store"}
    async with _open(stage, unused_tcp_port, inbox) as door:
        assert await door.post(_photo(10)) == 500
    assert "RuntimeError: a defect" in caplog.text


class _Slow:
    """An inbox that takes its time."""

    def __init__(self, stage: Stage) -> None:
        self._inbox = stage.inbox
        self.gate = asyncio.Event()
        self.waiting = 0

    async def store(self, updates: Any) -> int:
        self.waiting += 1
        await self.gate.wait()
        return await self._inbox.store(updates)


async def test_no_delivery_is_waited_for_without_end(
    stage: Stage, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_REQUEST_SECONDS", 0.05)
    async with _open(stage, unused_tcp_port, _Slow(stage)) as door:
        assert await door.post(_photo(10)) == 503


async def test_a_stop_lets_deliveries_under_way_end_and_takes_no_more(stage: Stage, unused_tcp_port: int) -> None:
    inbox = _Slow(stage)
    async with _open(stage, unused_tcp_port, inbox) as door:
        under_way = asyncio.create_task(door.post(_photo(10)))
        await eventually(lambda: inbox.waiting)
        closing = asyncio.create_task(door.receiver.close())
        with pytest.raises(aiohttp.ClientConnectorError):
            await eventually(lambda: door.post(_photo(11)))
        inbox.gate.set()
        assert await under_way == 200
        await closing
    assert await _stored(stage) == [10]


async def test_a_stop_does_not_wait_for_a_delivery_that_is_stuck(
    stage: Stage, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_CLOSING_SECONDS", 0.05)
    inbox = _Slow(stage)
    async with _open(stage, unused_tcp_port, inbox) as door:
        under_way = asyncio.create_task(door.post(_photo(10)))
        await eventually(lambda: inbox.waiting)
        await asyncio.wait_for(door.receiver.close(), 5)
        with pytest.raises(aiohttp.ClientError):
            await under_way
    assert await _stored(stage) == []


async def test_who_connects_and_says_nothing_is_hung_up_on(
    stage: Stage, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_HEAD_SECONDS", 0.05)
    async with _open(stage, unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"POST /telegram HTTP/1.1\r\nHost: x\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_connection_too_many_is_refused_and_the_others_go_on(
    stage: Stage, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_MOST_CONNECTIONS", 2)
    async with _open(stage, unused_tcp_port) as door:
        assert await door.post(_photo(10)) == 200  # keeps its connection
        _, second = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        await eventually(lambda: len(door.receiver._silent) == 1)
        third_reader, third = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        try:
            ended = await asyncio.wait_for(third_reader.read(), 5)
        except ConnectionResetError:
            ended = b""
        assert ended == b""
        assert await door.post(_photo(11)) == 200
        second.close()
        third.close()
    assert await _stored(stage) == [10, 11]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"nonsense\r\n\r\n",
        b"POST /telegram HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /telegram HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: 50\r\n\r\n{"
        % (SECRET_HEADER.encode(), SECRET.encode()),
        b"POST /telegram HTTP/1.1\r\nHost: x\r\n%s: %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"
        % (SECRET_HEADER.encode(), SECRET.encode()),
    ],
    ids=["TLS", "no HTTP", "negative length", "half a body", "no chunks"],
)
async def test_what_is_no_request_harms_nobody(
    stage: Stage, door: Door, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(sent)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await door.post(_photo(10)) == 200
    assert await _stored(stage) == [10]
    assert caplog.records == [], "strangers can't fill the log"


async def test_a_port_that_is_taken_is_named_by_its_setting(stage: Stage, door: Door) -> None:
    with pytest.raises(ConfigurationError, match=f"WEBHOOK_PORT: {door.port} at 127.0.0.1 is taken"):
        async with _open(stage, door.port):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
async def test_a_host_that_is_not_ours_is_named_by_its_setting(stage: Stage, unused_tcp_port: int, host: str) -> None:
    options = WebhookOptions("https://bot.example.org/telegram", SECRET, host, unused_tcp_port)
    writer = InboxWriter(stage.telegram, stage.inbox, allowed=lambda _: True, on_stored=stage.note)
    with pytest.raises(ConfigurationError, match=f"WEBHOOK_HOST: {host} can't be listened at"):
        await Receiver(writer, options).open()


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(WebhookOptions("https://bot.example.org/telegram", SECRET))
