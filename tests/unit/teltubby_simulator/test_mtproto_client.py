"""An unmodified Telethon client against the MTProto door."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from telethon import TelegramClient, crypto, errors
from telethon.network.connection import (
    ConnectionTcpAbridged,
    ConnectionTcpFull,
    ConnectionTcpIntermediate,
    ConnectionTcpObfuscated,
)
from telethon.sessions import MemorySession, StringSession
from telethon.tl import functions, types

from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import Media, OriginHiddenUser, User
from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.world import World

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"


@dataclass
class Telegram:
    """A running server, and what tests need of its world."""

    world: World
    server: MtprotoServer
    bot: User
    person: User

    def send(self, media: Media, **fields: Any) -> int:
        return self.world.send(self.person, self.bot, media=media, **fields).id

    @asynccontextmanager
    async def client(
        self, *, login: bool = True, session: Any = None, media: bool = False, **options: Any
    ) -> AsyncIterator[Any]:
        session = session or MemorySession()
        session.set_dc(2, "127.0.0.1", self.server.media_port if media else self.server.port)
        options = {
            "api_id": API_ID,
            "api_hash": API_HASH,
            "receive_updates": False,
            "flood_sleep_threshold": 0,
        } | options
        client = TelegramClient(session, **options)
        try:
            await client.connect()
            if login:
                await client.sign_in(bot_token=self.bot.token)
            yield client
        finally:
            await client.disconnect()

    def journal(self, method: str) -> list[str]:
        return [entry.outcome for entry in self.world.journal.entries(method, door="mtproto")]


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    world = World()
    bot = world.add_bot("Archivist", "archivist_bot")
    person = world.add_user("Ada", "Lovelace", "ada")
    world.send(person, bot, text="/start")
    server = MtprotoServer(world)
    await server.start()
    crypto.rsa.add_key(server.public_key_pem, old=False)
    TelegramClient._config = None  # class-level: it would name the last test's server
    try:
        yield Telegram(world, server, bot, person)
    finally:
        await server.stop()
        TelegramClient._config = None


# Logging in


@pytest.mark.parametrize(
    "transport",
    [ConnectionTcpFull, ConnectionTcpAbridged, ConnectionTcpIntermediate, ConnectionTcpObfuscated],
)
async def test_bot_logs_in_over_every_transport(telegram: Telegram, transport: Any) -> None:
    async with telegram.client(connection=transport) as client:
        me = await client.get_me()
        assert (me.id, me.username, me.bot) == (telegram.bot.id, "archivist_bot", True)


async def test_strangers_are_told_that_they_are_not_logged_in(telegram: Telegram) -> None:
    async with telegram.client(login=False) as client:
        assert await client.get_me() is None
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.updates.GetStateRequest())


async def test_wrong_token_is_refused(telegram: Telegram) -> None:
    async with telegram.client(login=False) as client:
        with pytest.raises(errors.AccessTokenInvalidError):
            await client.sign_in(bot_token=f"{telegram.bot.id}:AA{'x' * 33}")


async def test_wrong_api_hash_is_refused_at_login(telegram: Telegram) -> None:
    async with telegram.client(login=False, api_hash="f" * 32) as client:
        with pytest.raises(errors.ApiIdInvalidError):
            await client.sign_in(bot_token=telegram.bot.token)


async def test_wrong_api_id_is_refused_at_the_first_call(telegram: Telegram) -> None:
    with pytest.raises(errors.ApiIdInvalidError):
        async with telegram.client(login=False, api_id=99):
            pytest.fail("connected")


async def test_saved_session_comes_back_without_a_new_login(telegram: Telegram) -> None:
    session = StringSession()
    async with telegram.client(session=session):
        saved = session.save()
    async with telegram.client(session=StringSession(saved), login=False) as client:
        assert (await client.get_me()).id == telegram.bot.id
    assert telegram.journal("auth.importBotAuthorization") == ["ok"]


async def test_session_survives_a_restart_of_the_server(telegram: Telegram) -> None:
    session = MemorySession()
    async with telegram.client(session=session):
        port = telegram.server.port
    await telegram.server.stop()
    await telegram.server.start()
    assert telegram.server.port == port
    async with telegram.client(session=session, login=False) as client:
        assert (await client.get_me()).id == telegram.bot.id


async def test_logging_out_ends_the_authorization(telegram: Telegram) -> None:
    async with telegram.client() as client:
        assert await client(functions.auth.LogOutRequest())
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.updates.GetStateRequest())


async def test_config_names_the_main_and_the_media_address(telegram: Telegram) -> None:
    async with telegram.client() as client:
        config = await client(functions.help.GetConfigRequest())
    assert {(each.id, each.port, bool(each.media_only)) for each in config.dc_options} == {
        (dc_id, telegram.server.port_of(dc_id, media=media), media) for dc_id in (2, 4) for media in (False, True)
    }


async def test_what_is_not_simulated_fails_at_once_and_is_journalled(telegram: Telegram) -> None:
    async with telegram.client() as client:
        started = time.monotonic()
        with pytest.raises(errors.MethodInvalidError) as caught:
            await client(functions.help.GetInviteTextRequest())
    assert caught.value.code == 400
    assert time.monotonic() - started < 1
    assert telegram.journal("help.getInviteText") == ["METHOD_INVALID"]


async def test_profile_and_pings(telegram: Telegram) -> None:
    async with telegram.client() as client:
        full = await client(functions.users.GetFullUserRequest(types.InputUserSelf()))
        assert full.full_user.id == telegram.bot.id
        pong = await client._sender.send(functions.PingRequest(77))
        assert pong.ping_id == 77


# One key on two connections


async def test_key_used_by_turns_on_two_connections_dies(telegram: Telegram) -> None:
    session = StringSession()
    async with (
        telegram.client(session=session) as first,
        telegram.client(session=StringSession(session.save()), login=False) as second,
    ):
        await second.get_me()
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await first(functions.updates.GetStateRequest())
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await second(functions.updates.GetStateRequest())
    with pytest.raises(errors.AuthKeyNotFound):
        async with telegram.client(session=StringSession(session.save()), login=False):
            pytest.fail("connected with a dead key")


async def test_media_connections_may_be_parallel(telegram: Telegram) -> None:
    session = StringSession()
    async with telegram.client(session=session) as main:
        copies = [StringSession(session.save()) for _ in range(2)]
        async with (
            telegram.client(session=copies[0], login=False, media=True) as first,
            telegram.client(session=copies[1], login=False, media=True) as second,
        ):
            for client in (first, second, main, first, second, main):
                await client(functions.updates.GetStateRequest())


async def test_a_dropped_connection_may_be_replaced(telegram: Telegram) -> None:
    async with telegram.client(retry_delay=0) as client:
        telegram.world.journal.clear()
        for _ in range(3):
            telegram.server.close_connections()
            await client(functions.updates.GetStateRequest())
    assert telegram.journal("updates.getState") == ["ok"] * 3


# Messages


async def test_messages_carry_media_caption_origin_and_album(telegram: Telegram) -> None:
    video = telegram.world.make_media(
        "video", BytesContent(b"v" * 100), mime_type="video/mp4", file_name="é.mp4", width=640, height=480, duration=7
    )
    message_id = telegram.send(
        video,
        caption="see /this",
        media_group_id="1234567",
        forward_origin=OriginHiddenUser("Nobody", 1_700_000_000),
        date=1_700_000_100,
    )
    async with telegram.client() as client:
        message = await client.get_messages(None, ids=message_id)
    assert (message.message, message.grouped_id, message.peer_id.user_id) == ("see /this", 1234567, telegram.person.id)
    assert message.fwd_from.from_name == "Nobody"
    assert message.date.timestamp() == 1_700_000_100
    assert (message.file.name, message.file.width, message.file.duration) == ("é.mp4", 640, 7)
    assert (message.document.size, message.document.mime_type, message.document.dc_id) == (100, "video/mp4", 2)
    assert message.out is False


async def test_unknown_and_foreign_messages_are_empty(telegram: Telegram) -> None:
    other = telegram.world.add_bot("Other", "other_bot")
    telegram.world.send(telegram.person, other, text="/start")
    foreign = telegram.world.send(telegram.person, other, text="not yours").id
    async with telegram.client() as client:
        assert await client.get_messages(None, ids=[foreign, 999]) == [None, None]


async def test_photo_is_downloaded_by_its_sizes(telegram: Telegram) -> None:
    small, large = BytesContent(b"s" * 900), BytesContent(b"l" * 9000)
    message_id = telegram.send(telegram.world.make_photo([("m", 320, 200, small), ("y", 1280, 800, large)]))
    async with telegram.client() as client:
        message = await client.get_messages(None, ids=message_id)
        assert await client.download_media(message, bytes) == large.payload
        assert await client.download_media(message, bytes, thumb=0) == small.payload


# Trouble


async def test_client_comes_back_after_a_transport_flood(telegram: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    async with telegram.client(retry_delay=0) as client:
        telegram.world.faults.refuse_packets()
        await client(functions.updates.GetStateRequest())
    assert "HTTP code 429" in caplog.text


async def test_wrong_salt_and_wrong_clock_are_put_right(telegram: Telegram) -> None:
    async with telegram.client() as client:
        client._sender._state.salt = 42
        await client(functions.updates.GetStateRequest())
        assert client._sender._state.salt != 42
        client._sender._state.time_offset = -4000
        client._sender._state._last_msg_id = 0
        await client(functions.updates.GetStateRequest())
        assert abs(client._sender._state.time_offset) <= 1


async def test_stop_closes_clients_that_hold_on(telegram: Telegram) -> None:
    async with telegram.client(auto_reconnect=False):
        assert telegram.server.connections == 1
        await telegram.server.stop()
        assert telegram.server.connections == 0
