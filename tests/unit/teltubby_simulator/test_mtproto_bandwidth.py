"""Bandwidth, counted by a clock of the test's own: per connection, per key and per account."""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from telethon import TelegramClient, crypto
from telethon.sessions import StringSession
from telethon.tl.functions.upload import GetFileRequest

from teltubby_simulator.content import SeededContent
from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.mtproto.lanes import Lane, Limits
from teltubby_simulator.world import World
from unit.teltubby_simulator.locations import document_location

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
KIB, MIB = 1 << 10, 1 << 20


def sent_by(senders: Sequence[Limits], seconds: float, late: float = 0.0) -> list[list[tuple[float, int]]]:
    """Let senders that never run dry send for a while; return (time, bytes) of each one's pieces."""
    sent: list[list[tuple[float, int]]] = [[] for _ in senders]
    turns = [(0.0, number) for number in range(len(senders))]
    while turns:
        now, number = heapq.heappop(turns)
        limits = senders[number]
        wait = limits.wait(limits.piece, now)
        at = now + wait + (late if wait else 0.0)
        if at <= seconds:
            sent[number].append((at, limits.piece))
            heapq.heappush(turns, (at, number))
    return sent


def total(pieces: Sequence[tuple[float, int]]) -> int:
    return sum(size for _, size in pieces)


def test_a_lane_gives_its_rate_and_never_more_in_any_second() -> None:
    (pieces,) = sent_by([Limits([(Lane(), MIB)])], 10)
    assert 10 * MIB - 64 * KIB <= total(pieces) <= 10 * MIB
    for start, _ in pieces:
        assert total([each for each in pieces if start < each[0] <= start + 1]) <= MIB + 64 * KIB


def test_of_several_limits_the_tightest_counts() -> None:
    for rates in ((MIB, 100 * KIB), (100 * KIB, MIB), (None, 100 * KIB)):
        (pieces,) = sent_by([Limits([(Lane(), rate) for rate in rates])], 10)
        assert 990 * KIB <= total(pieces) <= 1000 * KIB


def test_a_sender_that_wakes_up_late_loses_nothing() -> None:
    (pieces,) = sent_by([Limits([(Lane(), MIB)])], 10, late=0.04)
    assert total(pieces) >= 9.9 * MIB


def test_an_idle_lane_saves_nothing_up() -> None:
    lane = Lane()
    assert lane.take(MIB, MIB, 0.0) == 1.0
    assert lane.take(MIB, MIB, 100.0) == 101.0


def test_those_who_share_a_lane_share_it_fairly() -> None:
    shared = Lane()
    pieces = sent_by([Limits([(Lane(), None), (shared, MIB)]) for _ in range(4)], 10)
    shares = [total(each) for each in pieces]
    assert 10 * MIB - 4 * 64 * KIB <= sum(shares) <= 10 * MIB
    assert max(shares) - min(shares) <= 64 * KIB


def test_a_slow_connection_leaves_the_accounts_rest_to_the_others() -> None:
    account = Lane()
    slow = Limits([(Lane(), 100 * KIB), (account, MIB)])
    fast = Limits([(Lane(), None), (account, MIB)])
    slow_pieces, fast_pieces = sent_by([slow, fast], 10)
    assert 900 * KIB <= total(slow_pieces) <= 1000 * KIB  # it waits its turn behind the other's pieces
    assert 10 * MIB - 128 * KIB <= total(slow_pieces) + total(fast_pieces) <= 10 * MIB


# On the wire


class Taken:
    """How much time of each lane was taken. Nobody waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: defaultdict[Lane, float] = defaultdict(float)

        def take(lane: Lane, size: int, rate: float, now: float) -> float:
            self.seconds[lane] += size / rate
            return now

        monkeypatch.setattr(Lane, "take", take)


@pytest.fixture
async def server() -> AsyncIterator[MtprotoServer]:
    server = MtprotoServer(World())
    await server.start()
    crypto.rsa.add_key(server.public_key_pem, old=False)
    yield server
    await server.stop()
    TelegramClient._config = None


def client_at(port: int, session: StringSession) -> Any:
    session.set_dc(2, "127.0.0.1", port)
    return TelegramClient(session, API_ID, API_HASH, receive_updates=False)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("connection_bandwidth", [2.0, 2.0]), ("session_bandwidth", [4.0]), ("account_bandwidth", [4.0])],
)
async def test_files_take_the_time_that_their_bandwidth_gives_them(
    server: MtprotoServer, monkeypatch: pytest.MonkeyPatch, limit: str, seconds: list[float]
) -> None:
    """Two media connections of one key fetch 2 MiB each, at 1 MiB/s of whatever is limited."""
    world = server.world
    bot = world.add_bot("Archivist", "archivist_bot")
    file = world.new_file(SeededContent("shaped", 2 * MIB))
    location = document_location(world, file)
    session = StringSession()
    main = client_at(server.port, session)
    await main.connect()
    await main.sign_in(bot_token=bot.token)
    saved = session.save()
    clients = [client_at(server.media_port, StringSession(saved)) for _ in range(2)]
    await asyncio.gather(*(client.connect() for client in clients))
    setattr(world.faults.mtproto, limit, MIB)
    taken = Taken(monkeypatch)
    requests = [client(GetFileRequest(location, n * MIB, MIB)) for n in range(2) for client in clients]
    parts = await asyncio.gather(*requests)
    await asyncio.gather(*(client.disconnect() for client in (main, *clients)))
    assert [len(each.bytes) for each in parts] == [MIB] * 4
    assert sorted(taken.seconds.values()) == pytest.approx(seconds, rel=0.001)
