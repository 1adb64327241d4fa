"""One connection, on a stand-in for Telethon's sender; over real TCP it is tested with the whole worker."""

import asyncio
from typing import Any

import pytest
from telethon.tl.functions import InvokeWithLayerRequest, InvokeWithoutUpdatesRequest
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.messages import GetMessagesRequest
from telethon.tl.functions.upload import GetFileRequest

from support import eventually
from teltubby_core.domain.keyring import DataCentre
from teltubby_worker.mtproto.errors import ConnectionLostError
from teltubby_worker.mtproto.link import Link

CENTRE = DataCentre(2, "127.0.0.1", 443)
FILE = GetFileRequest(None, 0, 4096)
MESSAGES = GetMessagesRequest([])


class FakeSender:
    """Answers each request as it is told: "answer", an exception, or None for silence."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.sent: list[Any] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.disconnected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closes = 0

    async def connect(self, _connection: Any) -> None:
        """Connected."""

    def send(self, request: Any) -> asyncio.Future[Any]:
        self.sent.append(request)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future

    async def disconnect(self) -> None:
        # As Telethon does it: what is in flight is cancelled, then the end is told.
        self.closes += 1
        for future in self.futures:
            future.cancel()
        if not self.disconnected.done():
            self.disconnected.set_result(None)


async def opened(silence: float = 5) -> tuple[Link, FakeSender]:
    link, sender = Link(CENTRE, 1, bytes(256), silence), FakeSender()
    link._sender = sender
    sender.answers = ["config"]
    assert await link.open(GetConfigRequest()) == "config"
    return link, sender


async def test_it_introduces_itself_and_asks_for_no_updates() -> None:
    _, sender = await opened()
    (hello,) = sender.sent
    assert isinstance(hello, InvokeWithLayerRequest)
    assert isinstance(hello.query, InvokeWithoutUpdatesRequest)
    assert isinstance(hello.query.query.query, GetConfigRequest)


async def test_no_call_subscribes_to_updates() -> None:
    link, sender = await opened()
    sender.answers = ["message", "part"]
    assert [await link.call(MESSAGES), await link.call(FILE)] == ["message", "part"]
    assert isinstance(sender.sent[1], InvokeWithoutUpdatesRequest)
    assert sender.sent[1].query is MESSAGES
    assert sender.sent[2] is FILE


async def test_closing_ends_what_is_in_flight_as_a_lost_connection_not_as_a_cancellation() -> None:
    link, sender = await opened()
    calls = [asyncio.create_task(link.call(FILE)) for _ in range(3)]
    while len(sender.sent) < 4:  # noqa: ASYNC110  # the stand-in has no event for it
        await asyncio.sleep(0)
    await link.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, ConnectionLostError) for result in results), results
    assert not link.is_open
    with pytest.raises(ConnectionLostError):
        await link.call(FILE)


async def test_a_connection_that_ends_by_itself_ends_calls_that_were_never_sent() -> None:
    # Telethon only ends requests that it has put on the wire; those still in its queue would wait for ever.
    link, sender = await opened()
    call = asyncio.create_task(link.call(FILE))
    while len(sender.sent) < 2:  # noqa: ASYNC110  # the stand-in has no event for it
        await asyncio.sleep(0)
    sender.disconnected.set_exception(ConnectionResetError("by peer"))
    with pytest.raises(ConnectionLostError):
        await call


async def test_silence_closes_the_connection() -> None:
    link, sender = await opened(silence=0.02)
    with pytest.raises(ConnectionLostError, match="no answer"):
        await link.call(FILE)
    assert sender.closes == 1
    assert not link.is_open


async def test_a_failed_opening_leaves_no_connection() -> None:
    link, sender = Link(CENTRE, 1, bytes(256), 5), FakeSender()
    link._sender = sender
    sender.answers = [ConnectionResetError("by peer")]
    with pytest.raises(ConnectionLostError):
        await link.open(GetConfigRequest())
    assert sender.closes == 1


async def test_a_cancelled_opening_leaves_no_connection() -> None:
    link, sender = Link(CENTRE, 1, bytes(256), 5), FakeSender()
    link._sender = sender
    opening = asyncio.create_task(link.open(GetConfigRequest()))
    while not sender.sent:  # noqa: ASYNC110  # the stand-in has no event for it
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert sender.closes == 1


async def test_a_cancelled_call_takes_its_request_with_it_and_no_other() -> None:
    link, sender = await opened()
    first, second = asyncio.create_task(link.call(FILE)), asyncio.create_task(link.call(FILE))
    while len(sender.sent) < 3:  # noqa: ASYNC110  # the stand-in has no event for it
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert sender.futures[1].cancelled()
    sender.futures[2].set_result("part")
    assert await second == "part"


async def test_a_ping_without_an_answer_closes_the_connection() -> None:
    link, sender = await opened(silence=0.02)
    await link.ping()
    assert sender.closes >= 1
    assert not link.is_open


async def test_a_server_that_answers_pings_and_nothing_else_is_silent() -> None:
    link, sender = await opened(silence=0.1)
    call = asyncio.create_task(link.call(FILE))
    while len(sender.sent) < 2:  # noqa: ASYNC110  # the stand-in has no event for it
        await asyncio.sleep(0)
    pings = 0
    async with asyncio.timeout(5):
        while link.is_open:
            sender.answers = ["pong"]
            await link.ping()
            pings += 1
            await asyncio.sleep(0.01)
    assert pings > 2
    with pytest.raises(ConnectionLostError, match="no answer"):
        await call


@pytest.mark.parametrize("centre", [DataCentre(2, "127.0.0.1", 70000), DataCentre(2, "a" * 70 + ".example", 443)])
async def test_an_address_that_can_not_be_is_a_connection_that_can_not_be_had(centre: DataCentre) -> None:
    with pytest.raises(ConnectionLostError):
        await Link(centre, 1, bytes(256), 5).open(GetConfigRequest())


async def test_a_close_whose_caller_is_cancelled_closes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    link, sender = await opened()
    begun, go_on = asyncio.Event(), asyncio.Event()
    disconnect = sender.disconnect

    async def slow() -> None:
        if begun.is_set():
            return  # as Telethon's, which does nothing once it has begun
        begun.set()
        await go_on.wait()
        await disconnect()

    monkeypatch.setattr(sender, "disconnect", slow)
    closing = asyncio.create_task(link.close())
    await begun.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    go_on.set()
    await link.close()
    assert not link.is_open
    assert sender.closes == 1


async def test_an_answer_that_never_comes_is_missed_however_busy_the_connection_is() -> None:
    link, sender = await opened(silence=0.05)
    lost = asyncio.create_task(link.call(MESSAGES))
    await eventually(lambda: len(sender.sent) == 2)

    async def others_are_answered() -> bool:
        if not lost.done():
            sender.answers = ["part"]
            await link.call(FILE)
        return lost.done()

    await eventually(others_are_answered)
    with pytest.raises(ConnectionLostError):
        await lost


async def test_nothing_is_sent_once_the_session_is_not_ours_any_more():
    received, ours, ended = bytearray(), True, asyncio.Event()

    async def telegram(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(4096):
            received.extend(block)
        writer.close()
        ended.set()

    async with await asyncio.start_server(telegram, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        link = Link(DataCentre(2, host, port), 1, bytes(256), 30, lambda: ours)
        opening = asyncio.create_task(link.open(GetConfigRequest()))
        await eventually(lambda: len(received) > 100)
        before, ours = bytes(received), False
        calling = asyncio.create_task(link.call(MESSAGES))
        for task in (opening, calling):
            with pytest.raises(ConnectionLostError):
                await task
        await asyncio.wait_for(ended.wait(), 5)
    assert bytes(received) == before
    assert not link.is_open
