"""Logging in, and carrying a login to another data centre."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors
from telethon.sessions import StringSession
from telethon.tl import functions, types

from conformance.mtproto_stage import AWAY, HOME, Stage, kurigram_errors, raw, running
from conformance.rules import accepted, refused
from teltubby_simulator.mtproto.authorizations import EXPORT_LIFETIME

NO_FILE = functions.upload.GetFileRequest(types.InputPhotoFileLocation(1, 1, b"", "x"), 0, 4096)
"""Something that is answered at any data centre, once one is logged in."""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


# Tokens and applications


@accepted("auth.token", "auth.api-id", "auth.home", "mtproto.unknown-methods", "mtproto.server-key")
async def test_telethon_logs_a_bot_in(stage: Stage) -> None:
    async with stage.telethon() as client:
        me = await client.get_me()
    assert (me.id, me.username, me.bot) == (stage.bot.id, "archivist_bot", True)
    assert stage.outcomes("auth.importBotAuthorization") == ["ok"]


@accepted("auth.token", "auth.api-id", "auth.home", "mtproto.unknown-methods", "mtproto.server-key")
async def test_kurigram_logs_a_bot_in(stage: Stage) -> None:
    async with stage.kurigram() as client:
        me = await client.get_me()
    assert (me.id, me.username, me.is_bot) == (stage.bot.id, "archivist_bot", True)
    assert stage.outcomes("auth.importBotAuthorization") == ["ok"]


@refused("auth.token")
async def test_neither_gets_in_with_another_token(stage: Stage) -> None:
    wrong = f"{stage.bot.id}:AA{'x' * 33}"
    with pytest.raises(errors.AccessTokenInvalidError):
        async with stage.telethon(token=wrong):
            pytest.fail("logged in")
    with pytest.raises(kurigram_errors.AccessTokenInvalid):
        async with stage.kurigram(token=wrong):
            pytest.fail("logged in")


@refused("auth.api-id")
async def test_neither_gets_in_with_another_api_hash(stage: Stage) -> None:
    with pytest.raises(errors.ApiIdInvalidError):
        async with stage.telethon(api_hash="f" * 32):
            pytest.fail("logged in")
    with pytest.raises(kurigram_errors.ApiIdInvalid):
        async with stage.kurigram(api_hash="f" * 32):
            pytest.fail("logged in")


@refused("auth.api-id")
async def test_an_unknown_api_id_is_refused_at_the_first_call(stage: Stage) -> None:
    with pytest.raises(errors.ApiIdInvalidError):
        async with stage.telethon(login=False, api_id=99):
            pytest.fail("connected")


@accepted("auth.needed")
async def test_who_is_logged_in_is_answered_again_with_a_saved_session(stage: Stage) -> None:
    session = StringSession()
    async with stage.telethon(session=session) as client:
        await client(functions.updates.GetStateRequest())
    async with stage.telethon(session=StringSession(session.save()), login=False) as client:
        await client(functions.updates.GetStateRequest())
    assert stage.outcomes("auth.importBotAuthorization") == ["ok"]


@refused("auth.needed")
async def test_who_is_not_logged_in_is_told_so(stage: Stage) -> None:
    async with stage.telethon(login=False) as client:
        assert await client.get_me() is None
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.updates.GetStateRequest())


# The account's own data centre


@refused("auth.home")
async def test_telethon_is_sent_to_the_bots_own_data_centre_and_follows(stage: Stage) -> None:
    stage.bot.dc_id = AWAY
    async with stage.telethon() as client:
        assert (await client.get_me()).id == stage.bot.id
        assert client.session.dc_id == AWAY
    assert stage.outcomes("auth.importBotAuthorization") == ["USER_MIGRATE_4", "ok"]
    assert stage.places("auth.importBotAuthorization") == [(HOME, False), (AWAY, False)]


@refused("auth.home")
async def test_kurigram_is_sent_to_the_bots_own_data_centre_and_follows(stage: Stage) -> None:
    stage.bot.dc_id = AWAY
    async with stage.kurigram() as client:
        assert (await client.get_me()).id == stage.bot.id
        assert await client.storage.dc_id() == AWAY
    assert stage.places("auth.importBotAuthorization") == [(HOME, False), (AWAY, False)]


@accepted("auth.home-queries")
async def test_an_account_is_answered_at_home(stage: Stage) -> None:
    async with stage.kurigram() as client:
        state = await client.invoke(raw.functions.updates.GetState())
    assert isinstance(state, raw.types.updates.State)


@refused("auth.home-queries")
async def test_an_account_is_sent_home_from_elsewhere(stage: Stage) -> None:
    async with stage.kurigram() as client:
        away = await client.get_session(AWAY)
        with pytest.raises(kurigram_errors.UserMigrate) as caught:
            await away.invoke(raw.functions.updates.GetState())
    assert (caught.value.CODE, caught.value.dc_id) == (303, HOME)


# From one data centre to another


@accepted("auth.export", "auth.import")
async def test_a_login_is_carried_to_another_data_centre(stage: Stage) -> None:
    async with stage.telethon() as home, stage.telethon(login=False, dc_id=AWAY) as away:
        exported = await home(functions.auth.ExportAuthorizationRequest(AWAY))
        assert exported.id == stage.bot.id
        carried = await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
    assert carried.user.id == stage.bot.id


@refused("auth.export")
@pytest.mark.parametrize("dc_id", [HOME, 3, 0, -AWAY])
async def test_a_login_is_not_carried_to_where_it_is_nor_to_nowhere(stage: Stage, dc_id: int) -> None:
    async with stage.telethon() as client:
        with pytest.raises(errors.DcIdInvalidError):
            await client(functions.auth.ExportAuthorizationRequest(dc_id))


@refused("auth.import")
async def test_what_was_exported_is_good_once(stage: Stage) -> None:
    async with stage.telethon() as home, stage.telethon(login=False, dc_id=AWAY) as away:
        exported = await home(functions.auth.ExportAuthorizationRequest(AWAY))
        await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        with pytest.raises(errors.AuthBytesInvalidError):
            await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))


@refused("auth.import")
async def test_what_was_exported_is_good_there_only_and_for_that_account(stage: Stage) -> None:
    async with stage.telethon() as home, stage.telethon(login=False, dc_id=AWAY) as away:
        exported = await home(functions.auth.ExportAuthorizationRequest(AWAY))
        with pytest.raises(errors.AuthBytesInvalidError):
            await home(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        with pytest.raises(errors.AuthBytesInvalidError):
            await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes[:-1] + b"?"))
        with pytest.raises(errors.UserIdInvalidError):
            await away(functions.auth.ImportAuthorizationRequest(stage.person.id, exported.bytes))
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await away(NO_FILE)


@refused("auth.import")
async def test_what_was_exported_is_not_good_for_long(stage: Stage) -> None:
    async with stage.telethon() as home:
        exported = await home(functions.auth.ExportAuthorizationRequest(AWAY))
    stage.clock.ahead += EXPORT_LIFETIME + 1
    async with stage.telethon(login=False, dc_id=AWAY) as away:
        with pytest.raises(errors.AuthBytesInvalidError):
            await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))


@accepted("auth.logout")
async def test_a_login_ends_when_asked_to(stage: Stage) -> None:
    async with stage.telethon() as client:
        assert isinstance(await client(functions.auth.LogOutRequest()), types.auth.LoggedOut)


@refused("auth.logout")
async def test_after_logging_out_nobody_is_logged_in_anywhere(stage: Stage) -> None:
    async with stage.telethon() as home, stage.telethon(login=False, dc_id=AWAY) as away:
        exported = await home(functions.auth.ExportAuthorizationRequest(AWAY))
        await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        await home(functions.auth.LogOutRequest())
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await home(functions.updates.GetStateRequest())
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await away(NO_FILE)


# Floods of logins


@refused("auth.flood")
async def test_repeated_logins_and_exports_have_to_wait(stage: Stage) -> None:
    stage.world.faults.flood(2838, method="auth.importBotAuthorization")
    with pytest.raises(errors.FloodWaitError) as caught:
        async with stage.telethon():
            pytest.fail("logged in")
    assert caught.value.seconds == 2838
    stage.world.faults.flood(2061, method="auth.exportAuthorization")
    async with stage.kurigram() as client:
        with pytest.raises(kurigram_errors.FloodWait) as waiting:
            await client.get_session(AWAY)
    assert waiting.value.seconds == 2061


@accepted("auth.flood")
async def test_after_the_wait_a_login_and_an_export_succeed(stage: Stage) -> None:
    stage.world.faults.flood(1, method="auth.importBotAuthorization")
    stage.world.faults.flood(1, method="auth.exportAuthorization")
    async with stage.telethon(flood_sleep_threshold=5) as client:
        await client(functions.auth.ExportAuthorizationRequest(AWAY))
    assert stage.outcomes("auth.importBotAuthorization") == ["FLOOD_WAIT_1", "ok"]
    assert stage.outcomes("auth.exportAuthorization") == ["FLOOD_WAIT_1", "ok"]


# One login on two connections


async def state(client: Any) -> Any:
    return await client(functions.updates.GetStateRequest())


@accepted("auth.duplicated")
async def test_a_session_goes_on_over_one_connection_after_another(stage: Stage) -> None:
    session = StringSession()
    async with stage.telethon(session=session) as client:
        await state(client)
    for _ in range(3):
        async with stage.telethon(session=StringSession(session.save()), login=False) as client:
            await state(client)


@accepted("auth.duplicated")
async def test_media_connections_may_be_parallel(stage: Stage) -> None:
    session = StringSession()
    async with stage.telethon(session=session) as main:
        saved = session.save()
        async with (
            stage.telethon(session=StringSession(saved), login=False, media=True) as first,
            stage.telethon(session=StringSession(saved), login=False, media=True) as second,
        ):
            for client in (first, second, main, first, second, main):
                await state(client)


@accepted("auth.duplicated")
async def test_one_connection_to_each_data_centre_may_be_parallel(stage: Stage) -> None:
    async with stage.kurigram() as client:
        away = await client.get_session(AWAY)
        for _ in range(3):
            await client.invoke(raw.functions.updates.GetState())
            await away.invoke(raw.functions.help.GetConfig())


@refused("auth.duplicated")
async def test_two_main_connections_in_parallel_kill_the_login_everywhere(stage: Stage) -> None:
    session = StringSession()
    async with (
        stage.telethon(session=session) as first,
        stage.telethon(login=False, dc_id=AWAY) as away,
        stage.telethon(session=StringSession(session.save()), login=False, media=True) as media,
    ):
        exported = await first(functions.auth.ExportAuthorizationRequest(AWAY))
        await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        async with stage.telethon(session=StringSession(session.save()), login=False) as second:
            await state(second)
            for client in (first, second, media, away):
                with pytest.raises(errors.AuthKeyDuplicatedError) as caught:
                    await state(client)
                assert caught.value.code == 406
    for dead in (session, away.session):
        with pytest.raises(errors.AuthKeyNotFound):
            async with stage.telethon(session=dead, dc_id=dead.dc_id, login=False):
                pytest.fail("connected with a dead key")


@refused("auth.duplicated")
async def test_kurigram_is_told_that_its_login_is_dead(stage: Stage) -> None:
    async with stage.kurigram() as client:
        storage, home = client.storage, client.session
        second = await client.get_session(HOME, temporary=True)
        await second.invoke(raw.functions.updates.GetState())
        with pytest.raises(kurigram_errors.AuthKeyDuplicated):
            await home.invoke(raw.functions.updates.GetState())
        await asyncio.gather(second.stop(), home.stop())
        assert await storage.auth_key()
