"""People log in by a code and a password, as an unmodified Telethon does it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telethon import errors
from telethon.password import compute_check
from telethon.tl import functions, types

from conformance.mtproto_stage import API_HASH, API_ID, AWAY, HOME, Stage, kurigram_errors, running
from conformance.rules import accepted, refused
from teltubby_simulator.content import SeededContent
from teltubby_simulator.login_codes import CODE_LIFETIME
from teltubby_simulator.model import User
from teltubby_simulator.passwords import Password

PHONE = "+49 170 555-0100"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


@pytest.fixture
def grace(stage: Stage) -> User:
    return stage.world.add_user("Grace", "Hopper", "grace", phone="491705550101")


@pytest.fixture
def careful(stage: Stage) -> User:
    return stage.world.add_user("Careful", phone="491705550102", password="correct horse", password_hint="a horse")


@asynccontextmanager
async def asked(stage: Stage, user: User) -> AsyncIterator[tuple[Any, str]]:
    """Yield a client that has asked for a code, and the code."""
    async with stage.telethon(login=False) as client:
        yield client, await stage.code_for(client, user)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 100_000:05}"


async def refused_as_expired(client: Any, user: User, code: str) -> None:
    with pytest.raises(errors.PhoneCodeExpiredError):
        await client.sign_in(user.phone, code)
    assert not await client.is_user_authorized()


# Numbers


@accepted("login.phone", "login.home", "login.code", "login.code-once")
async def test_a_person_logs_in_with_the_code_that_was_sent(stage: Stage, grace: User) -> None:
    async with stage.telethon(login=False) as client:
        sent = await client.send_code_request("+49 170 555-0101")
        assert (type(sent.type), sent.type.length) == (types.auth.SentCodeTypeApp, 5)
        (code,) = stage.world.codes_sent_to(grace)
        await client.sign_in("+491705550101", code)
        me = await client.get_me()
    assert (me.id, me.phone, me.bot) == (grace.id, "491705550101", False)
    assert len(stage.world.logins.of(grace)) == 1


@refused("login.phone")
@pytest.mark.parametrize("number", ["12", "call me", "4" * 16])
async def test_what_is_no_number_is_refused(stage: Stage, number: str) -> None:
    request = functions.auth.SendCodeRequest(number, API_ID, API_HASH, types.CodeSettings())
    async with stage.telethon(login=False) as client:
        with pytest.raises(errors.PhoneNumberInvalidError):
            await client(request)


@refused("login.phone")
async def test_a_banned_number_gets_no_code(stage: Stage) -> None:
    banned = stage.world.add_user("Mallory", phone="491705550103", banned=True)
    async with stage.telethon(login=False) as client:
        with pytest.raises(errors.PhoneNumberBannedError):
            await client.send_code_request(banned.phone)
    assert stage.world.codes_sent_to(banned) == []


@refused("auth.api-id")
async def test_no_code_is_sent_for_another_api_hash(stage: Stage, grace: User) -> None:
    async with stage.telethon(login=False, api_hash="f" * 32) as client:
        with pytest.raises(errors.ApiIdInvalidError):
            await client.send_code_request(grace.phone)


@refused("login.home")
async def test_telethon_is_sent_to_the_numbers_data_centre_and_follows(stage: Stage) -> None:
    away = stage.world.add_user("Ava", phone="491705550104", dc_id=AWAY)
    async with stage.logged_in(away) as client:
        assert (await client.get_me()).id == away.id
        assert client.session.dc_id == AWAY
    assert stage.outcomes("auth.sendCode") == ["PHONE_MIGRATE_4", "ok"]
    assert stage.places("auth.sendCode") == [(HOME, False), (AWAY, False)]


@refused("login.flood")
async def test_codes_asked_for_too_often_have_to_wait(stage: Stage, grace: User) -> None:
    stage.world.faults.flood(600, method="auth.sendCode")
    async with stage.telethon(login=False) as client:
        with pytest.raises(errors.FloodWaitError) as caught:
            await client.send_code_request(grace.phone)
    assert caught.value.seconds == 600


@accepted("login.flood")
async def test_after_the_wait_a_code_is_sent(stage: Stage, grace: User) -> None:
    stage.world.faults.flood(1, method="auth.sendCode")
    async with stage.logged_in(grace, flood_sleep_threshold=5):
        assert stage.outcomes("auth.sendCode") == ["FLOOD_WAIT_1", "ok"]


@accepted("login.sign-up")
async def test_a_number_that_nobody_has_gets_a_code_by_sms(stage: Stage) -> None:
    async with stage.telethon(login=False) as client:
        sent = await client.send_code_request(PHONE)
    assert isinstance(sent.type, types.auth.SentCodeTypeSms)
    assert len(stage.world.logins.codes.to_phone(PHONE)) == 1


@refused("login.sign-up")
async def test_who_has_no_account_is_not_logged_in(stage: Stage) -> None:
    async with stage.telethon(login=False) as client:
        await client.send_code_request(PHONE)
        with pytest.raises(errors.PhoneNumberUnoccupiedError):
            await client.sign_in(PHONE, stage.world.logins.codes.to_phone(PHONE)[0])
        assert not await client.is_user_authorized()


# Codes


@refused("login.code")
async def test_another_code_is_refused_and_the_right_one_stays_good(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code):
        with pytest.raises(errors.PhoneCodeInvalidError):
            await client.sign_in(grace.phone, other_than(code))
        with pytest.raises(errors.PhoneCodeEmptyError):
            await client(functions.auth.SignInRequest(grace.phone, client._phone_code_hash[grace.phone], ""))
        await client.sign_in(grace.phone, code)
        assert await client.is_user_authorized()


@refused("login.code-once")
async def test_a_used_code_is_not_good_again(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code), stage.telethon(login=False) as other:
        other._phone_code_hash = dict(client._phone_code_hash)
        await client.sign_in(grace.phone, code)
        await refused_as_expired(other, grace, code)


@refused("login.code-once")
async def test_a_code_is_not_good_for_long(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code):
        hashes = dict(client._phone_code_hash)
    stage.clock.ahead += CODE_LIFETIME + 1
    async with stage.telethon(login=False) as client:
        client._phone_code_hash = hashes
        await refused_as_expired(client, grace, code)


@refused("login.code-once")
async def test_a_code_is_good_with_its_own_hash_only(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code):
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client.sign_in(grace.phone, code, phone_code_hash="0" * 18)


@refused("login.code-once")
async def test_a_cancelled_code_is_not_good(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code):
        cancel = functions.auth.CancelCodeRequest(grace.phone, client._phone_code_hash[grace.phone])
        assert await client(cancel)
        await refused_as_expired(client, grace, code)
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client(cancel)


@refused("login.code-once")
async def test_a_newer_code_ends_the_older_one(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code), stage.telethon(login=False) as other:
        await stage.code_for(other, grace)
        await refused_as_expired(client, grace, code)


@accepted("login.resend")
async def test_a_code_is_sent_again_by_sms(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, first):
        again = await client(functions.auth.ResendCodeRequest(grace.phone, client._phone_code_hash[grace.phone]))
        assert isinstance(again.type, types.auth.SentCodeTypeSms)
        assert stage.world.codes_sent_to(grace)[0] == first
        second = stage.world.codes_sent_to(grace)[1]
        await client.sign_in(grace.phone, second, phone_code_hash=again.phone_code_hash)
        assert await client.is_user_authorized()


@refused("login.resend")
async def test_after_the_last_way_none_is_left(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, _):
        again = await client(functions.auth.ResendCodeRequest(grace.phone, client._phone_code_hash[grace.phone]))
        with pytest.raises(errors.SendCodeUnavailableError):
            await client(functions.auth.ResendCodeRequest(grace.phone, again.phone_code_hash))


@refused("login.code-passed-on")
@pytest.mark.parametrize("sentence", ["{}", "my code is {}, please hurry", "code{}"])
async def test_a_code_told_to_the_bot_is_not_good_any_more(stage: Stage, grace: User, sentence: str) -> None:
    async with asked(stage, grace) as (client, code):
        stage.world.send(grace, stage.bot, text=sentence.format(code))
        await refused_as_expired(client, grace, code)


@refused("login.code-passed-on")
async def test_a_code_told_in_a_group_or_a_caption_is_not_good_any_more(stage: Stage, grace: User) -> None:
    club = stage.world.add_chat("supergroup", "Club", members=[grace, stage.bot])
    async with asked(stage, grace) as (client, code):
        stage.world.post_in_group(club, grace, text=code)
        await refused_as_expired(client, grace, code)
    async with asked(stage, grace) as (client, code):
        media = stage.world.make_media("document", SeededContent("a scan", 10))
        stage.world.send(grace, stage.bot, media=media, caption=code)
        await refused_as_expired(client, grace, code)


@accepted("login.code-passed-on")
@pytest.mark.parametrize("between", [" ", "-", "."])
async def test_a_code_told_with_something_in_between_stays_good(stage: Stage, grace: User, between: str) -> None:
    async with asked(stage, grace) as (client, code):
        stage.world.send(grace, stage.bot, text=between.join(code))
        await client.sign_in(grace.phone, code)
        assert await client.is_user_authorized()


@accepted("login.code-passed-on")
async def test_others_may_say_the_same_number(stage: Stage, grace: User) -> None:
    async with asked(stage, grace) as (client, code):
        stage.send(text=code)
        await client.sign_in(grace.phone, code)
        assert await client.is_user_authorized()


# Passwords


@accepted("login.password", "login.password-exchange", "login.password-order")
async def test_who_has_a_password_gives_it_after_the_code(stage: Stage, careful: User) -> None:
    async with asked(stage, careful) as (client, code):
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(careful.phone, code)
        assert not await client.is_user_authorized()
        assert (await client(functions.account.GetPasswordRequest())).hint == "a horse"
        await client.sign_in(password="correct horse")
        assert (await client.get_me()).id == careful.id


@accepted("login.code", "login.password", "login.password-exchange")
@refused("login.code", "login.password")
async def test_kurigram_logs_a_person_in_by_code_and_password(stage: Stage, careful: User) -> None:
    async with stage.kurigram(login=False) as client:
        sent = await client.send_code(careful.phone)
        (code,) = stage.world.codes_sent_to(careful)
        with pytest.raises(kurigram_errors.PhoneCodeInvalid):
            await client.sign_in(careful.phone, sent.phone_code_hash, other_than(code))
        with pytest.raises(kurigram_errors.SessionPasswordNeeded):
            await client.sign_in(careful.phone, sent.phone_code_hash, code)
        with pytest.raises(kurigram_errors.PasswordHashInvalid):
            await client.check_password("wrong horse")
        assert (await client.check_password("correct horse")).id == careful.id


@refused("login.password")
async def test_a_wrong_password_is_refused_and_the_right_one_still_taken(stage: Stage, careful: User) -> None:
    async with asked(stage, careful) as (client, code):
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(careful.phone, code)
        with pytest.raises(errors.PasswordHashInvalidError):
            await client.sign_in(password="wrong horse")
        with pytest.raises(errors.PasswordHashInvalidError):
            await client(functions.auth.CheckPasswordRequest(types.InputCheckPasswordEmpty()))
        assert not await client.is_user_authorized()
        await client.sign_in(password="correct horse")
        assert await client.is_user_authorized()


@refused("login.password-exchange")
async def test_an_exchange_is_good_for_one_try(stage: Stage, careful: User) -> None:
    async with asked(stage, careful) as (client, code):
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(careful.phone, code)
        exchange = await client(functions.account.GetPasswordRequest())
        with pytest.raises(errors.PasswordHashInvalidError):
            await client(functions.auth.CheckPasswordRequest(compute_check(exchange, "wrong horse")))
        with pytest.raises(errors.SrpIdInvalidError):
            await client(functions.auth.CheckPasswordRequest(compute_check(exchange, "correct horse")))


@refused("login.password-exchange")
async def test_a_password_that_changes_meanwhile_has_to_be_asked_for_again(stage: Stage, careful: User) -> None:
    async with asked(stage, careful) as (client, code):
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(careful.phone, code)
        exchange = await client(functions.account.GetPasswordRequest())
        stage.world.passwords[careful.id] = Password.of("new horse")
        with pytest.raises(errors.SrpPasswordChangedError):
            await client(functions.auth.CheckPasswordRequest(compute_check(exchange, "correct horse")))
        await client.sign_in(password="new horse")


@refused("login.password-order")
async def test_without_the_code_nobody_is_asked_for_the_password(stage: Stage, careful: User) -> None:
    async with asked(stage, careful) as (client, _):
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.account.GetPasswordRequest())
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.auth.CheckPasswordRequest(types.InputCheckPasswordSRP(1, b"1" * 256, b"1" * 32)))


async def test_the_journal_holds_no_secrets(stage: Stage, careful: User) -> None:
    async with stage.logged_in(careful, password="correct horse") as client:
        seen = str([(entry.method, entry.params) for entry in stage.world.journal.entries(door="mtproto")])
        hidden = [*stage.world.codes_sent_to(careful), *client._phone_code_hash.values(), "M1", "srp", careful.phone]
    assert [each for each in hidden if each in seen] == []
