"""How packets are cut out of a stream, and which ranges of a file may be asked for."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import functions

from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.mtproto.methods.upload import check_range
from teltubby_simulator.mtproto.rpc import RpcError
from teltubby_simulator.world import World

MIB = 1 << 20


@pytest.fixture
async def server() -> AsyncIterator[MtprotoServer]:
    server = MtprotoServer(World())
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def raw_stream(server: MtprotoServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


def full_packets(*, sequence: int = 0, checksum: int = 0) -> Iterator[bytes]:
    body = bytes(functions.ReqPqMultiRequest(1))
    plain = struct.pack("<qqi", 0, int(time.time()) << 32, len(body)) + body
    for number in (0, sequence):
        packet = struct.pack("<ii", len(plain) + 12, number) + plain
        yield packet + struct.pack("<I", crc32(packet) ^ (checksum if number else 0))


@pytest.mark.parametrize(("sequence", "checksum", "answers"), [(1, 0, 2), (2, 0, 1), (1, 1, 1)])
async def test_full_transport_checks_number_and_sum(
    server: MtprotoServer, sequence: int, checksum: int, answers: int
) -> None:
    async with raw_stream(server) as (reader, writer):
        writer.write(b"".join(full_packets(sequence=sequence, checksum=checksum)))
        writer.write_eof()
        async with asyncio.timeout(5):
            received = await reader.read()
    count, position = 0, 0
    while position < len(received):
        length, number = struct.unpack_from("<ii", received, position)
        assert number == count
        position, count = position + length, count + 1
    assert count == answers


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02" + bytes(9), b"x" * 64, b"\xee" * 4 + b"\xff" * 4]
)
async def test_what_is_no_transport_is_closed(server: MtprotoServer, start: bytes) -> None:
    async with raw_stream(server) as (reader, writer):
        writer.write(start)
        async with asyncio.timeout(5):
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                assert server.connections == 0


@given(offset=st.integers(-MIB, 5 * MIB), limit=st.integers(-1, 3 * MIB), precise=st.booleans())
def test_accepted_ranges_stay_within_one_block(offset: int, limit: int, precise: bool) -> None:
    step = 1024 if precise else 4096
    for first, length in ((offset, limit), (offset // step * step, limit // step * step)):
        try:
            check_range(first, length, precise=precise)
        except RpcError:
            continue
        assert first >= 0
        assert 0 < length <= MIB
        assert first // MIB == (first + length - 1) // MIB
        assert first % step == length % step == 0
