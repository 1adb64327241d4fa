"""Troubles on request at the MTProto door, and what the journal tells of calls and connections."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import TelegramClient, crypto, errors
from telethon.sessions import MemorySession
from telethon.tl import functions, types
from telethon.tl.functions.upload import GetFileRequest

from teltubby_simulator.content import SeededContent
from teltubby_simulator.faults import PASS, Asked, Faults, Rule, Step
from teltubby_simulator.journal import JournalEntry
from teltubby_simulator.model import StoredFile
from teltubby_simulator.mtproto import MtprotoServer, Ports
from teltubby_simulator.world import World
from unit.teltubby_simulator.locations import document_location

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
MIB = 1 << 20
STATE = functions.updates.GetStateRequest()


# Rules by themselves


@pytest.mark.parametrize("method", ["connect", "packet"])
def test_a_rule_for_everything_leaves_alone_what_carries_calls(method: str) -> None:
    faults = Faults()
    faults.add(Rule((Step(code=500, error="NO"),) * 2))
    assert faults.take(Asked("mtproto", method)) is PASS
    named = faults.add(Rule((Step(code=429),), method=method))
    assert faults.take(Asked("mtproto", method)).code == 429
    assert named not in faults.rules()
    assert faults.take(Asked("mtproto", "updates.getState")).error == "NO"


def test_orders_by_name_are_rules() -> None:
    faults = Faults()
    faults.flood(7, calls=2)
    faults.flood(8, premium=True, method="auth.exportAuthorization")
    faults.cut(3 * MIB + 5, after=9, file_id=1)
    faults.refuse_packets(2)
    faults.refuse_connections(media=True)
    part = Asked("mtproto", "upload.getFile")
    assert [faults.take(part).error for _ in range(3)] == ["FLOOD_WAIT_7", "FLOOD_WAIT_7", None]
    flooded = faults.take(Asked("mtproto", "auth.exportAuthorization"))
    assert (flooded.code, flooded.error, flooded.retry_after) == (420, "FLOOD_PREMIUM_WAIT_8", 8)
    for file_id, first, cut in ((2, 3 * MIB, None), (1, 2 * MIB, None), (1, 3 * MIB, 9), (1, 3 * MIB, None)):
        asked = Asked("mtproto", "upload.getFile", file_id=file_id, first_byte=first, end_byte=first + MIB)
        assert faults.take(asked).cut_after == cut
    assert [faults.take(Asked("mtproto", "packet")).code for _ in range(3)] == [429, 429, None]
    assert [faults.take(Asked("mtproto", "connect", media=each)).cut_after for each in (False, True, True)] == [
        None,
        0,
        None,
    ]
    assert not faults.rules()


# At the door


class Door:
    """A server, its world and a client that is logged in."""

    def __init__(self, server: MtprotoServer, client: Any, file: StoredFile) -> None:
        self.server, self.client, self.file = server, client, file
        self.world = server.world

    async def part(self, offset: int, limit: int = MIB) -> bytes:
        location = document_location(self.world, self.file)
        answer = await self.client(GetFileRequest(location, offset, limit))
        return bytes(answer.bytes)

    def entries(self, method: str) -> list[JournalEntry]:
        return self.world.journal.entries(method, door="mtproto")

    def outcomes(self, method: str) -> list[str]:
        return [entry.outcome for entry in self.entries(method)]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    world = World()
    bot = world.add_bot("Archivist", "archivist_bot")
    file = world.new_file(SeededContent("file", 4 * MIB + 77))
    server = MtprotoServer(world)
    await server.start()
    crypto.rsa.add_key(server.public_key_pem, old=False)
    TelegramClient._config = None
    session = MemorySession()
    session.set_dc(2, "127.0.0.1", server.port)
    client = TelegramClient(
        session, API_ID, API_HASH, receive_updates=False, flood_sleep_threshold=0, retry_delay=0, request_retries=1
    )
    try:
        await client.connect()
        await client.sign_in(bot_token=bot.token)
        world.journal.clear()
        yield Door(server, client, file)
    finally:
        await client.disconnect()
        await server.stop()


async def test_the_journal_tells_where_each_part_of_a_file_was_asked_for(door: Door) -> None:
    await door.part(MIB)
    await door.part(4 * MIB)
    (bot_id,) = door.world.bots
    for entry, end in zip(door.entries("upload.getFile"), (2 * MIB, 4 * MIB + 77), strict=True):
        assert entry.bot_id == bot_id
        assert (entry.via["dc_id"], entry.via["media"], entry.via["connection"]) == (2, False, 1)
        assert entry.via["end_byte"] == end
    assert [entry.via["first_byte"] for entry in door.entries("upload.getFile")] == [MIB, 4 * MIB]


async def test_the_journal_tells_of_connections_and_what_they_carried(door: Door) -> None:
    await door.part(4 * MIB)
    await door.client.disconnect()
    await door.world.changed.wait_for(lambda: door.entries("disconnect"), timeout=5)
    (end,) = door.entries("disconnect")
    assert (end.bot_id, end.params, end.outcome) == (next(iter(door.world.bots)), {"file_bytes": 77}, "ok")
    assert end.via == {"dc_id": 2, "media": False, "connection": 1}
    await door.client.connect()
    assert [entry.via for entry in door.entries("connect")] == [{"dc_id": 2, "media": False, "connection": 2}]


async def test_the_journal_holds_no_secrets(door: Door) -> None:
    await door.client(functions.auth.ExportAuthorizationRequest(4))
    await door.client(functions.users.GetUsersRequest([types.InputUser(5, 987654321)]))
    with pytest.raises(errors.AuthBytesInvalidError):
        await door.client(functions.auth.ImportAuthorizationRequest(1, b"very secret"))
    told = repr(door.world.journal.entries())
    for secret in ("987654321", "very secret", API_HASH, next(iter(door.world.bots.values())).user.token or "-"):
        assert secret not in told


async def test_an_error_is_given_to_the_calls_that_are_meant(door: Door) -> None:
    door.world.faults.fail(400, "CHANNEL_INVALID", method="updates.*")
    with pytest.raises(errors.ChannelInvalidError):
        await door.client(STATE)
    await door.client(STATE)
    assert door.outcomes("updates.getState") == ["CHANNEL_INVALID", "ok"]


async def test_an_account_and_a_data_centre_can_be_meant(door: Door) -> None:
    (bot_id,) = door.world.bots
    error = Step(code=400, error="CHANNEL_INVALID")
    door.world.faults.add(Rule((error,), account=bot_id + 1))
    door.world.faults.add(Rule((error,), dc_id=4))
    door.world.faults.add(Rule((error,), media=True))
    await door.client(STATE)
    door.world.faults.add(Rule((error,), account=bot_id, dc_id=2, media=False))
    with pytest.raises(errors.ChannelInvalidError):
        await door.client(STATE)


async def test_a_connection_breaks_at_the_byte_ordered(door: Door) -> None:
    door.world.faults.cut(MIB + 5, after=300_000)
    assert await door.part(0) == door.file.content.read(0, MIB)
    assert await door.part(MIB) == door.file.content.read(MIB, MIB)
    assert door.outcomes("upload.getFile") == ["ok", "cut", "ok"]
    assert len(door.entries("connect")) == 1
    assert [entry.params["file_bytes"] for entry in door.entries("disconnect")] == [MIB]


async def test_a_connection_breaks_before_any_answer(door: Door) -> None:
    door.world.faults.add(Rule((Step(cut_after=0), PASS), method="updates.getState"))
    await door.client(STATE)
    assert door.outcomes("updates.getState") == ["cut", "ok"]


async def test_a_call_is_answered_with_a_transport_error(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.world.faults.add(Rule((Step(code=429),), method="updates.getState"))
    await door.client(STATE)
    assert door.outcomes("updates.getState")[:2] == ["429", "ok"]
    assert "HTTP code 429" in caplog.text


async def test_connections_are_refused_as_they_come(door: Door) -> None:
    door.world.faults.refuse_connections(2)
    door.server.close_connections()
    await door.client(STATE)
    assert door.outcomes("connect")[:3] == ["refused", "refused", "ok"]


async def test_only_the_connections_meant_are_closed(door: Door) -> None:
    door.server.close_connections(media=True)
    door.server.close_connections(dc_id=4)
    await door.client(STATE)
    assert not door.entries("connect")
    door.server.close_connections(media=False, dc_id=2)
    await door.client(STATE)
    assert len(door.entries("connect")) == 1


async def test_a_delay_is_waited_for_by_its_call_alone(door: Door) -> None:
    door.world.faults.add(Rule((Step(delay=60),), method="updates.getState"))
    waiting = door.client._sender.send(STATE)
    await door.part(0, 4096)
    assert not waiting.done()
    waiting.cancel()


async def test_forgotten_keys_are_unknown(door: Door) -> None:
    door.server.forget_keys(4)
    await door.client(STATE)
    door.server.forget_keys()
    door.server.close_connections()
    await door.world.changed.wait_for(lambda: "404" in door.outcomes("disconnect"), timeout=5)


async def test_addresses_can_be_chosen_and_stay_over_restarts(door: Door) -> None:
    places = [(dc_id, media) for dc_id in (2, 4) for media in (False, True)]
    ports = [door.server.port_of(dc_id, media=media) for dc_id, media in places]
    assert len(set(ports)) == 4
    await door.client.disconnect()
    await door.server.stop()
    chosen = {2: Ports(ports[0], ports[1]), 4: Ports(ports[2], ports[3])}
    other = MtprotoServer(door.world, ports=chosen)
    for _ in range(2):
        await other.start()
        assert [other.port_of(dc_id, media=media) for dc_id, media in places] == ports
        await other.stop()


def test_what_moves_takes_all_its_sizes_along() -> None:
    world = World()
    photo = world.make_photo([(each, 10, 10, SeededContent(each, 10)) for each in ("m", "y")])
    document = world.new_file(SeededContent("d", 10))
    world.files.add_thumb(document, "m", 1, 1, SeededContent("t", 5))
    for moved in (photo.file.id, document.id):
        world.files.move(moved, 4)
    now_photo, now_document = world.photo_by_id(photo.file.id), world.file_by_document_id(document.id)
    assert now_photo
    assert now_document
    assert [each.dc_id for each in (*now_photo.files, now_document, *world.files.thumbs(document.id))] == [4] * 4
    with pytest.raises(KeyError):
        world.files.move(1, 4)
