"""What lies below the calls: transports, keys, salts, clocks, addresses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pyrogram.connection.transport import (
    TCPAbridged,
    TCPAbridgedO,
    TCPFull,
    TCPIntermediate,
    TCPIntermediateO,
    TCPIntermediatePadded,
)
from pyrogram.crypto import rsa as kurigram_rsa
from telethon import crypto, errors
from telethon.network.connection import (
    ConnectionHttp,
    ConnectionTcpAbridged,
    ConnectionTcpFull,
    ConnectionTcpIntermediate,
    ConnectionTcpObfuscated,
)
from telethon.sessions import MemorySession, StringSession
from telethon.tl import TLRequest, functions, types

from conformance.mtproto_stage import AWAY, HOME, Stage, kurigram_errors, raw, running
from conformance.rules import accepted, refused
from teltubby_simulator.mtproto.keys import SALT_PERIOD


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


# Transports


@accepted("mtproto.transports")
@pytest.mark.parametrize(
    "transport",
    [ConnectionTcpFull, ConnectionTcpAbridged, ConnectionTcpIntermediate, ConnectionTcpObfuscated],
)
async def test_telethon_is_understood_over_every_transport(stage: Stage, transport: Any) -> None:
    async with stage.telethon(connection=transport) as client:
        assert (await client.get_me()).id == stage.bot.id


@accepted("mtproto.transports")
@pytest.mark.parametrize(
    "transport", [TCPAbridged, TCPAbridgedO, TCPFull, TCPIntermediate, TCPIntermediateO, TCPIntermediatePadded]
)
async def test_kurigram_is_understood_over_every_transport(stage: Stage, transport: Any) -> None:
    async with stage.kurigram(protocol_factory=transport) as client:
        assert (await client.get_me()).id == stage.bot.id


@refused("mtproto.transports")
async def test_http_is_not_spoken_here(stage: Stage) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        async with stage.telethon(connection=ConnectionHttp):
            pytest.fail("connected")


@refused("mtproto.transport-flood")
@accepted("mtproto.transport-flood")
async def test_a_transport_flood_disconnects_and_passes(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with stage.telethon() as client:
        stage.world.faults.refuse_packets()
        await client(functions.updates.GetStateRequest())
    assert "HTTP code 429" in caplog.text
    assert "429" in stage.outcomes("disconnect")


@refused("mtproto.server-key")
async def test_a_server_with_an_unknown_key_is_not_believed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto.rsa, "_server_keys", {})
    with pytest.raises(ConnectionError, match="auth_key generation failed"):
        async with stage.telethon(connection_retries=1):
            pytest.fail("connected")
    monkeypatch.setattr(kurigram_rsa, "server_public_keys", {})
    monkeypatch.setattr("pyrogram.session.auth.Auth.MAX_RETRIES", 0)
    with pytest.raises(Exception, match="Public key not found"):
        async with stage.kurigram():
            pytest.fail("connected")


# Keys and addresses


@accepted("mtproto.keys-per-dc")
async def test_a_key_is_known_where_it_was_made_at_both_addresses(stage: Stage) -> None:
    session = StringSession()
    async with stage.telethon(session=session):
        saved = session.save()
    for media in (False, True):
        async with stage.telethon(session=StringSession(saved), login=False, media=media) as client:
            assert (await client.get_me()).id == stage.bot.id


@refused("mtproto.keys-per-dc")
async def test_a_key_is_unknown_at_another_data_centre(stage: Stage) -> None:
    session = MemorySession()
    async with stage.telethon(session=session):
        pass
    with pytest.raises(errors.AuthKeyNotFound):
        async with stage.telethon(session=session, login=False, dc_id=AWAY):
            pytest.fail("connected")
    assert stage.outcomes("disconnect")[-1] == "404"


@accepted("config.addresses")
async def test_every_address_that_the_configuration_names_answers(stage: Stage) -> None:
    async with stage.telethon(login=False) as client:
        config = await client(functions.help.GetConfigRequest())
    named = [(each.id, bool(each.media_only), each.port) for each in config.dc_options]
    assert [(dc_id, media) for dc_id, media, _ in named] == [(HOME, False), (HOME, True), (AWAY, False), (AWAY, True)]
    assert config.this_dc == HOME
    for dc_id, media, port in named:
        assert stage.server.port_of(dc_id, media=media) == port
        async with stage.telethon(login=False, dc_id=dc_id, media=media) as client:
            assert (await client(functions.help.GetConfigRequest())).this_dc == dc_id


@refused("config.addresses")
async def test_kurigram_finds_no_other_data_centre(stage: Stage) -> None:
    async with stage.kurigram() as client:
        assert (await client.get_dc_option(AWAY, is_media=True)).media_only
        with pytest.raises(ValueError, match="DC3 not found"):
            await client.get_dc_option(3)


@accepted("media.connections")
@refused("media.connections")
async def test_the_ninth_media_connection_of_an_account_is_closed(stage: Stage) -> None:
    session = StringSession()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.telethon(session=session))
        saved = session.save()

        def another() -> Any:
            return stage.telethon(session=StringSession(saved), login=False, media=True)

        clients = [await stack.enter_async_context(another()) for _ in range(8)]
        assert "too many" not in stage.outcomes("disconnect")
        ninth = asyncio.create_task(stack.enter_async_context(another()))
        await stage.world.changed.wait_for(lambda: "too many" in stage.outcomes("disconnect"), timeout=10)
        assert not ninth.done()
        ninth.cancel()
        await asyncio.gather(ninth, return_exceptions=True)
        for client in clients:
            await client(functions.help.GetConfigRequest())


# Salts and clocks


@refused("mtproto.salt")
@accepted("mtproto.salt")
async def test_a_wrong_salt_is_put_right_once(stage: Stage) -> None:
    async with stage.kurigram() as client:
        good = client.session.salt
        client.session.salt = good ^ 1
        await client.invoke(raw.functions.updates.GetState())
        assert client.session.salt == good
        await client.invoke(raw.functions.updates.GetState())
        assert client.session.salt == good


@accepted("mtproto.salt")
@refused("mtproto.salt")
async def test_salts_change_with_time(stage: Stage) -> None:
    """Each session of kurigram starts without a salt and takes the one it is told."""
    media = {"is_media": True, "temporary": True, "server_address": "127.0.0.1", "port": stage.server.media_port}
    async with stage.kurigram() as client:
        now = await client.get_session(HOME, **media)
        stage.clock.ahead += 2 * SALT_PERIOD
        later = await client.get_session(HOME, **media)
        assert client.session.salt == now.salt != later.salt
        await asyncio.gather(now.stop(), later.stop())


@accepted("mtproto.clock")
@pytest.mark.parametrize("skew", [-4000, 4000])
async def test_telethon_sets_its_clock_by_the_servers(stage: Stage, skew: float) -> None:
    stage.world.faults.mtproto.clock_skew = skew
    async with stage.telethon() as client:
        config = await client(functions.help.GetConfigRequest())
    assert abs(config.date.timestamp() - stage.clock() - skew) < 60


@accepted("mtproto.clock")
async def test_kurigram_sets_its_clock_by_the_servers(stage: Stage) -> None:
    """Ahead only: kurigram never lets its message ids fall, so it can't set its clock back."""
    stage.world.faults.mtproto.clock_skew = 4000
    async with stage.kurigram() as client:
        assert abs(client.server_time - stage.clock() - 4000) < 60
        assert (await client.get_me()).id == stage.bot.id


@refused("mtproto.clock")
async def test_a_clock_that_is_wrong_is_refused(stage: Stage) -> None:
    async with stage.kurigram() as client:
        stage.world.faults.mtproto.clock_skew = -100
        refusal = await client.invoke(raw.functions.updates.GetState())
    assert isinstance(refusal, raw.types.BadMsgNotification)
    assert refusal.error_code == 17


# Requests


class Damaged(raw.core.TLObject):  # type: ignore[misc]
    """A packed request whose content is no gzip."""

    QUALNAME = "functions.Damaged"

    def write(self) -> bytes:
        return (0x3072CFA1).to_bytes(4, "little") + b"\x07not zip"


@accepted("mtproto.gzip")
async def test_long_requests_and_answers_come_packed(stage: Stage) -> None:
    """Telethon packs requests of more than 512 bytes; a hundred empty messages are packed by the server."""
    async with stage.telethon() as client:
        ids = [types.InputMessageID(each) for each in range(1000, 1100)]
        answer = await client(functions.messages.GetMessagesRequest(ids))
    assert [each.id for each in answer.messages] == list(range(1000, 1100))
    async with stage.kurigram() as client:
        found = await client.get_messages(stage.person.id, range(1000, 1100))
    assert len(found) == 100


@refused("mtproto.gzip")
async def test_a_request_that_cannot_be_unpacked_is_refused(stage: Stage) -> None:
    async with stage.kurigram() as client:
        with pytest.raises(kurigram_errors.RPCError, match="INPUT_FETCH_ERROR"):
            await client.invoke(Damaged())


class NoSuchRequest(TLRequest):  # type: ignore[misc]
    CONSTRUCTOR_ID = 0x0BADF00D
    SUBCLASS_OF_ID = 0

    def _bytes(self) -> bytes:
        return self.CONSTRUCTOR_ID.to_bytes(4, "little")


@refused("mtproto.unknown-methods")
async def test_what_does_not_exist_is_refused_at_once_and_loudly(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.telethon() as client:
        with pytest.raises(errors.MethodInvalidError) as caught:
            await client(functions.help.GetInviteTextRequest())
        assert caught.value.code == 400  # a 500 would be asked again and again
        with pytest.raises(errors.BadRequestError, match=f"INPUT_METHOD_INVALID_{0x0BADF00D}"):
            await client(NoSuchRequest())
    assert stage.outcomes("help.getInviteText") == ["METHOD_INVALID"]
    assert "help.getInviteText is not simulated" in caplog.text


@accepted("mtproto.disconnect")
async def test_pings_keep_a_connection(stage: Stage) -> None:
    async with stage.kurigram() as client:
        for _ in range(2):
            pong = await client.session.send(raw.functions.PingDelayDisconnect(ping_id=7, disconnect_delay=60))
            assert pong.ping_id == 7
        assert "disconnect" not in [
            entry.method for entry in stage.world.journal.entries() if entry.bot_id == stage.bot.id
        ]


@refused("mtproto.disconnect")
async def test_a_connection_that_asked_to_be_closed_is_closed(stage: Stage) -> None:
    async with stage.kurigram() as client:
        await client.session.send(raw.functions.PingDelayDisconnect(ping_id=7, disconnect_delay=0))
        await stage.world.changed.wait_for(
            lambda: stage.world.journal.entries("disconnect", bot_id=stage.bot.id), timeout=10
        )
