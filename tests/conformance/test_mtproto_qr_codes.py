"""People log in by a QR code that they scan with an app where they are logged in, as an unmodified Telethon does it."""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from conformance.mtproto_stage import API_HASH, API_ID, AWAY, HOME, Stage, running
from conformance.rules import accepted, refused
from teltubby_simulator.login_tokens import TOKEN_LIFETIME, LoginTokenError
from teltubby_simulator.model import User

PATIENCE = 5.0  # seconds for an update to come
EXPORT = functions.auth.ExportLoginTokenRequest(API_ID, API_HASH, [])


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


@pytest.fixture
def grace(stage: Stage) -> User:
    return stage.world.add_user("Grace", phone="491705550101")


@pytest.fixture
def careful(stage: Stage) -> User:
    return stage.world.add_user("Careful", phone="491705550102", password="correct horse")


def in_link(url: str) -> str:
    """Return the token of the link that a QR code holds."""
    prefix, _, token = url.partition("=")
    assert prefix == "tg://login?token"
    return token


async def logged_in_by_qr(client: Any, stage: Stage, user: User) -> Any:
    """Show a QR code, let a user scan it once the client waits for that, and return who is logged in then."""
    shown = await client.qr_login()
    waiting = asyncio.create_task(shown.wait(PATIENCE))
    await asyncio.sleep(0)  # wait has put its handler in place
    stage.world.scan_login(user, in_link(shown.url))
    return await waiting


@accepted("login.qr", "login.qr-once", "login.qr-update", "login.qr-home", "login.qr-password")
async def test_a_person_scans_a_qr_code_and_is_logged_in(stage: Stage, grace: User) -> None:
    async with stage.telethon(login=False, receive_updates=True) as client:
        assert (await logged_in_by_qr(client, stage, grace)).id == grace.id
        assert (await client.get_me()).phone == grace.phone
    assert stage.outcomes("auth.exportLoginToken") == ["ok", "ok"]
    assert len(stage.world.logins.of(grace)) == 1


@accepted("login.qr", "login.qr-once")
async def test_another_app_that_is_logged_in_accepts_the_token(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        shown = await client.qr_login()
        left = shown.expires.timestamp() - stage.clock()
        assert TOKEN_LIFETIME - 3 < left <= TOKEN_LIFETIME
        accepted = await phone(functions.auth.AcceptLoginTokenRequest(shown.token))
        assert isinstance(accepted, types.Authorization)
        success = await client(EXPORT)
        assert isinstance(success, types.auth.LoginTokenSuccess)
        assert success.authorization.user.id == grace.id
        assert await client.is_user_authorized()
    assert len(stage.world.logins.of(grace)) == 2


@accepted("login.qr-password")
@refused("login.qr-password")
@pytest.mark.parametrize("dc_id", [HOME, AWAY])
async def test_who_has_a_password_owes_it_after_the_scan(stage: Stage, careful: User, dc_id: int) -> None:
    careful.dc_id = dc_id
    async with stage.telethon(login=False, receive_updates=True) as client:
        with pytest.raises(errors.SessionPasswordNeededError):
            await logged_in_by_qr(client, stage, careful)
        assert not await client.is_user_authorized()
        await client.sign_in(password="correct horse")
        assert (await client.get_me()).id == careful.id
        assert client.session.dc_id == dc_id


@refused("login.qr-home")
async def test_who_is_at_home_elsewhere_is_logged_in_there(stage: Stage, grace: User) -> None:
    grace.dc_id = AWAY
    async with stage.telethon(login=False, receive_updates=True) as client:
        assert (await logged_in_by_qr(client, stage, grace)).id == grace.id
        assert client.session.dc_id == AWAY
    assert stage.places("auth.importLoginToken") == [(AWAY, False)]


@refused("login.qr")
async def test_what_is_no_token_is_refused(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        for request in (functions.auth.AcceptLoginTokenRequest, functions.auth.ImportLoginTokenRequest):
            with pytest.raises(errors.AuthTokenInvalidError):
                await phone(request(b"no token"))
        shown = await client.qr_login()
        with pytest.raises(errors.AuthTokenInvalidError):
            await client(functions.auth.ImportLoginTokenRequest(shown.token))
        assert not await client.is_user_authorized()
    for written in ("?", "AAAA"):
        with pytest.raises(LoginTokenError, match="AUTH_TOKEN_INVALID"):
            stage.world.scan_login(grace, written)


@refused("login.qr")
async def test_only_who_is_logged_in_accepts_tokens(stage: Stage) -> None:
    async with stage.telethon(login=False) as client:
        shown = await client.qr_login()
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.auth.AcceptLoginTokenRequest(shown.token))


@refused("login.qr-once")
async def test_a_token_is_accepted_once_and_used_once(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        shown = await client.qr_login()
        accept = functions.auth.AcceptLoginTokenRequest(shown.token)
        await phone(accept)
        with pytest.raises(errors.AuthTokenAlreadyAcceptedError):
            await phone(accept)
        await client(EXPORT)
        with pytest.raises(errors.AuthTokenAlreadyAcceptedError):
            await phone(functions.auth.ImportLoginTokenRequest(shown.token))


@refused("login.qr-once")
async def test_a_token_is_not_good_for_long(stage: Stage, grace: User) -> None:
    async with stage.telethon(login=False) as client:
        shown = await client.qr_login()
    stage.clock.ahead += TOKEN_LIFETIME + 1
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        with pytest.raises(errors.AuthTokenExpiredError):
            await phone(functions.auth.AcceptLoginTokenRequest(shown.token))
        shown = await client.qr_login()
        await phone(functions.auth.AcceptLoginTokenRequest(shown.token))


@refused("login.qr-once")
async def test_who_is_excepted_does_not_log_in_twice(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        shown = await client.qr_login([grace.id])
        with pytest.raises(errors.AuthTokenExceptionError):
            await phone(functions.auth.AcceptLoginTokenRequest(shown.token))


@refused("login.qr-update")
async def test_who_calls_without_updates_is_told_nothing_and_sees_when_asking(stage: Stage, grace: User) -> None:
    async with stage.telethon(login=False, receive_updates=False) as client:
        shown = await client.qr_login()
        waiting = asyncio.create_task(shown.wait(0.2))
        await asyncio.sleep(0)
        stage.world.scan_login(grace, in_link(shown.url))
        with pytest.raises(TimeoutError):
            await waiting
        assert isinstance(await client(EXPORT), types.auth.LoginTokenSuccess)


async def test_the_journal_holds_no_tokens(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as phone, stage.telethon(login=False) as client:
        shown = await client.qr_login()
        await phone(functions.auth.AcceptLoginTokenRequest(shown.token))
        seen = str(stage.world.journal.entries(door="mtproto"))
    assert urlsafe_b64decode(in_link(shown.url) + "=") == shown.token
    assert str(shown.token) not in seen
    assert API_HASH not in seen
