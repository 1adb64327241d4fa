"""Downloads over MTProto with an unmodified Telethon client: every rule of upload.getFile, and troubles on the way."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from telethon import TelegramClient, crypto, errors
from telethon.sessions import MemorySession
from telethon.tl import types
from telethon.tl.functions.upload import GetFileRequest

from teltubby_simulator.content import SeededContent, sha256_of
from teltubby_simulator.model import Media
from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.world import World
from unit.teltubby_simulator.locations import document_location

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
MIB = 1 << 20


@dataclass
class Site:
    """A server, its world, and a client that is logged in as the world's bot."""

    world: World
    server: MtprotoServer
    client: Any

    def send(self, media: Media) -> int:
        (bot,) = (account.user for account in self.world.bots.values())
        (person,) = (user for user in self.world.users.values() if not user.is_bot)
        return self.world.send(person, bot, media=media).id

    def send_document(self, size: int, **fields: Any) -> int:
        content = SeededContent(f"document of {size}", size)
        return self.send(self.world.make_media("document", content, **fields))

    def outcomes(self) -> list[str]:
        return [entry.outcome for entry in self.world.journal.entries("upload.getFile")]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    world = World()
    bot = world.add_bot("Archivist", "archivist_bot")
    world.send(world.add_user("Ada"), bot, text="/start")
    server = MtprotoServer(world)
    await server.start()
    crypto.rsa.add_key(server.public_key_pem, old=False)
    session = MemorySession()
    session.set_dc(2, "127.0.0.1", server.port)
    options = {"receive_updates": False, "flood_sleep_threshold": 0, "retry_delay": 0}
    client = TelegramClient(session, API_ID, API_HASH, **options)
    try:
        await client.connect()
        await client.sign_in(bot_token=bot.token)
        yield Site(world, server, client)
    finally:
        await client.disconnect()
        await server.stop()


async def location_of(client: Any, message_id: int) -> Any:
    message = await client.get_messages(None, ids=message_id)
    document = message.document
    return types.InputDocumentFileLocation(document.id, document.access_hash, document.file_reference, "")


async def download(client: Any, location: Any, size: int, in_flight: int = 4) -> bytes:
    parts: dict[int, bytes] = {}
    offsets = iter(range(0, size, MIB))

    async def fetch() -> None:
        for offset in offsets:
            parts[offset] = (await client._sender.send(GetFileRequest(location, offset, MIB))).bytes

    await asyncio.gather(*(fetch() for _ in range(in_flight)))
    return b"".join(parts[offset] for offset in sorted(parts))


async def test_large_document_in_parallel_parts_equals_its_content(site: Site) -> None:
    size = 21 * MIB + 12_345
    message_id = site.send_document(size)
    client = site.client
    received = await download(client, await location_of(client, message_id), size)
    content = SeededContent(f"document of {size}", size)
    assert hashlib.sha256(received).hexdigest() == sha256_of(content)


@pytest.mark.parametrize(
    ("offset", "limit", "precise", "error"),
    [
        (1024, 4096, False, errors.OffsetInvalidError),
        (-4096, 4096, False, errors.OffsetInvalidError),
        (0, 1000, False, errors.LimitInvalidError),
        (0, 0, False, errors.LimitInvalidError),
        (0, 3 * 4096, False, errors.LimitInvalidError),
        (0, 2 * MIB, False, errors.LimitInvalidError),
        (MIB // 2, MIB, False, errors.LimitInvalidError),
        (512, 1024, True, errors.OffsetInvalidError),
        (0, 1000, True, errors.LimitInvalidError),
        (0, MIB + 1024, True, errors.LimitInvalidError),
        (MIB - 1024, 2048, True, errors.LimitInvalidError),
    ],
)
async def test_parts_outside_the_rules_are_refused(
    site: Site, offset: int, limit: int, precise: bool, error: type[Exception]
) -> None:
    message_id = site.send_document(2 * MIB)
    client = site.client
    location = await location_of(client, message_id)
    with pytest.raises(error):
        await client(GetFileRequest(location, offset, limit, precise=precise))


async def test_precise_parts_and_the_end_of_a_file(site: Site) -> None:
    message_id = site.send_document(10_000)
    content = SeededContent("document of 10000", 10_000)
    client = site.client
    location = await location_of(client, message_id)
    precise = await client(GetFileRequest(location, 1024, 3 * 1024, precise=True))
    assert precise.bytes == content.read(1024, 3 * 1024)
    assert len((await client(GetFileRequest(location, 8192, 4096))).bytes) == 10_000 - 8192
    assert (await client(GetFileRequest(location, 12_288, 4096))).bytes == b""


async def test_places_that_do_not_exist_are_refused(site: Site) -> None:
    message_id = site.send_document(5000)
    client = site.client
    good = await location_of(client, message_id)

    async def refusal(**changes: Any) -> str:
        fields = {"id": good.id, "access_hash": good.access_hash, "file_reference": good.file_reference}
        location = types.InputDocumentFileLocation(**(fields | {"thumb_size": ""} | changes))
        with pytest.raises(errors.RPCError):
            await client(GetFileRequest(location, 0, 4096))
        return site.outcomes()[-1]

    assert await refusal(id=1) == "FILE_ID_INVALID"
    assert await refusal(access_hash=1) == "LOCATION_INVALID"
    assert await refusal(thumb_size="m") == "LOCATION_INVALID"
    assert await refusal(file_reference=b"") == "FILE_REFERENCE_EMPTY"
    assert await refusal(file_reference=b"nonsense") == "FILE_REFERENCE_INVALID"
    site.world.expire_file_references()
    assert await refusal() == "FILE_REFERENCE_EXPIRED"
    assert (await client(GetFileRequest(await location_of(client, message_id), 0, 4096))).bytes


async def test_file_of_another_data_centre_is_not_here(site: Site) -> None:
    message_id = site.send_document(5000, dc_id=4)
    client = site.client
    with pytest.raises(errors.FileMigrateError) as caught:
        await client(GetFileRequest(await location_of(client, message_id), 0, 4096))
    assert caught.value.new_dc == 4


# Troubles to order


async def test_floods_are_used_up(site: Site) -> None:
    message_id = site.send_document(5000)
    site.world.faults.flood(7, calls=2)
    client = site.client
    location = await location_of(client, message_id)
    for _ in range(2):
        with pytest.raises(errors.FloodWaitError) as caught:
            await client._sender.send(GetFileRequest(location, 0, 4096))
        assert caught.value.seconds == 7
    assert len((await client._sender.send(GetFileRequest(location, 0, 8192))).bytes) == 5000


async def test_download_goes_on_after_a_connection_that_broke_in_mid_file(site: Site) -> None:
    size = 5 * MIB
    message_id = site.send_document(size)
    client = site.client
    location = await location_of(client, message_id)
    site.world.faults.cut(2 * MIB + 77_777, after=77_777)
    received = await download(client, location, size, in_flight=2)
    assert received == SeededContent(f"document of {size}", size).read(0, size)
    assert len(site.outcomes()) > 5


async def test_latency_is_waited_side_by_side(site: Site) -> None:
    message_id = site.send_document(8 * MIB)
    client = site.client
    location = await location_of(client, message_id)
    site.world.faults.mtproto.latency = 0.2
    started = time.monotonic()
    await download(client, location, 8 * MIB, in_flight=8)
    assert 0.2 <= time.monotonic() - started < 1.2


async def test_a_slow_reader_costs_no_memory(site: Site) -> None:
    """32 MiB are asked for and not read: only what fits the sockets may have been made."""
    reads: list[int] = []

    class Watched(SeededContent):
        def read(self, offset: int, length: int) -> bytes:
            reads.append(offset)
            return super().read(offset, length)

    file = site.world.new_file(Watched("slow", 64 * MIB))
    location = document_location(site.world, file)
    connection = site.client._sender._connection
    connection._reader._transport.pause_reading()
    answers = [site.client._sender.send(GetFileRequest(location, n * MIB, MIB)) for n in range(32)]
    await site.world.changed.wait_for(lambda: len(site.outcomes()) == 32, timeout=5)
    assert len(reads) < 16
    connection._reader._transport.resume_reading()
    assert [len((await each).bytes) for each in answers] == [MIB] * 32
    assert reads == [n * MIB for n in range(32)]
