"""Accounts of a world in another process, with an unmodified Telethon that logs in there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telethon import TelegramClient, crypto, errors
from telethon.sessions import MemorySession
from telethon.tl import functions

from teltubby_simulator.content import SeededContent
from teltubby_simulator.far_world import FarWorld, FarWorldError
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
PHONE = "+491705550101"


@pytest.fixture
async def there() -> AsyncIterator[TelegramSimulator]:
    world = World()
    world.add_bot("Archive", "archive_bot")
    async with TelegramSimulator(world) as simulator:
        crypto.rsa.add_key(simulator.mtproto_public_key, old=False)
        yield simulator
        TelegramClient._config = None  # class-level: it would name this server to the next test


@pytest.fixture
async def far(there: TelegramSimulator) -> FarWorld:
    return await asyncio.to_thread(FarWorld, there.control_url, patience=1)


@asynccontextmanager
async def client_of(there: TelegramSimulator, **options: Any) -> AsyncIterator[Any]:
    session = MemorySession()
    session.set_dc(2, *there.mtproto_address)
    client = TelegramClient(session, API_ID, API_HASH, flood_sleep_threshold=0, **options)
    try:
        await client.connect()
        yield client
    finally:
        await client.disconnect()


async def is_refused(client: Any, error: type[Exception]) -> bool:
    with pytest.raises(error):
        await client(functions.updates.GetStateRequest())
    return True


async def test_a_person_made_there_logs_in_with_code_and_password_until_it_is_ended(
    far: FarWorld, there: TelegramSimulator
) -> None:
    grace = await asyncio.to_thread(far.add_user, "Grace", phone=PHONE, password="pass", password_hint="word")
    assert grace.id in there.world.users
    async with client_of(there, receive_updates=False) as client:
        reading = asyncio.create_task(asyncio.to_thread(far.login_codes, grace.id, timeout=10))
        await client.send_code_request(PHONE)
        (code,) = await reading
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(PHONE, code)
        assert await asyncio.to_thread(far.authorizations, grace.id) == 0
        await client.sign_in(password="pass")
        assert (await client.get_me()).id == grace.id
        assert await asyncio.to_thread(far.authorizations, grace.id) == 1
        assert await asyncio.to_thread(far.end_authorizations, grace.id) == 1
        assert await is_refused(client, errors.SessionRevokedError)


async def test_a_person_scans_a_qr_code_there_and_is_banned(far: FarWorld, there: TelegramSimulator) -> None:
    grace = await asyncio.to_thread(far.add_user, "Grace", phone=PHONE)
    async with client_of(there) as client:
        shown = await client.qr_login()
        waiting = asyncio.create_task(shown.wait(10))
        token = shown.url.partition("=")[2]
        await asyncio.to_thread(far.accept_login, grace.id, token)
        assert (await waiting).id == grace.id
        with pytest.raises(FarWorldError, match="AUTH_TOKEN_ALREADY_ACCEPTED"):
            await asyncio.to_thread(far.accept_login, grace.id, token)
        await asyncio.to_thread(far.ban_user, grace.id)
        assert await is_refused(client, errors.UserDeactivatedBanError)


async def test_a_member_reads_what_the_bot_copied_into_a_channel_there(far: FarWorld, there: TelegramSimulator) -> None:
    ada = await asyncio.to_thread(far.person, "Ada", "ada")
    grace = await asyncio.to_thread(far.add_user, "Grace", phone=PHONE)
    relay = await asyncio.to_thread(far.add_channel, "Relay", members=[grace.id], administrators=[far.bot.id])
    content = SeededContent("large", 300_000)
    sent = await asyncio.to_thread(far.send, ada, far.bot, media=far.make_media("document", content))
    world = there.world
    original = world.message(far.bot.id, ada.id, sent.id)
    assert original is not None
    post = world.bot_send(world.users[far.bot.id], world.chats[relay], media=original.media)
    (told,) = await asyncio.to_thread(far.channel_messages, relay)
    async with client_of(there, receive_updates=False) as client:
        await client.send_code_request(PHONE)
        await client.sign_in(PHONE, (await asyncio.to_thread(far.login_codes, grace.id))[-1])
        (dialog,) = await client.get_dialogs()
        found = await client.get_messages(relay, ids=post.id)
        assert (dialog.id, found.document.id) == (relay, told["media"]["id"])
        assert await client.download_media(found, bytes) == content.read(0, content.size)
        await asyncio.to_thread(far.remove_member, relay, grace.id)
        with pytest.raises(errors.ChannelPrivateError):
            await client.get_messages(relay, ids=post.id)


async def test_rights_are_taken_and_given_there(far: FarWorld, there: TelegramSimulator) -> None:
    relay = await asyncio.to_thread(far.add_channel, "Relay", administrators=[far.bot.id])
    chat, bot = there.world.chats[relay], there.world.users[far.bot.id]
    await asyncio.to_thread(far.set_rights, relay, far.bot.id, ["can_delete_messages"])
    assert there.world.rights(chat, bot) == {"can_delete_messages"}
    await asyncio.to_thread(far.set_rights, relay, far.bot.id)
    assert "can_post_messages" in there.world.rights(chat, bot)


async def test_codes_that_do_not_come_are_waited_for_no_longer_than_told(far: FarWorld) -> None:
    grace = await asyncio.to_thread(far.add_user, "Grace", phone=PHONE)
    with pytest.raises(TimeoutError, match="0 codes"):
        await asyncio.to_thread(far.login_codes, grace.id, timeout=0.05)
    with pytest.raises(FarWorldError, match="no such thing"):
        await asyncio.to_thread(far.login_codes, 5, timeout=0)
