"""A person's login with an unmodified Telethon client, against the simulator: how it begins, and that it ends."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from telethon.tl.custom.qrlogin import QRLogin

from teltubby_bot.accounts import Access, TelethonLogin
from teltubby_bot.login_dialogue import AskedAgainError, LoginFailedError
from teltubby_core.domain.keyring import DataCentre
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from teltubby_simulator.model import User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

PHONE, PASSWORD = "+4915735985610", "correct horse battery"


@dataclass
class Place:
    """A Telegram, and ways to log in there."""

    world: World
    access: Access

    def person(self, **how: object) -> User:
        return self.world.add_user("Grace", phone=PHONE, **how)  # type: ignore[arg-type]

    def login(self) -> TelethonLogin:
        return TelethonLogin(self.access)

    def code(self, person: User) -> str:
        return self.world.codes_sent_to(person)[-1]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    world = World()
    world.add_bot("Archive", "archive_bot", None, DEFAULT_API_ID, DEFAULT_API_HASH)
    async with TelegramSimulator(world) as simulator:
        door = simulator.mtproto
        entry = DataCentre(door.dc_id, door.advertised_host, door.port)
        yield Place(world, Access(DEFAULT_API_ID, DEFAULT_API_HASH, entry, door.public_key_pem.encode()))


async def test_a_code_and_a_password_log_in_and_the_keys_tell_who_and_where(place: Place) -> None:
    person, login = place.person(password=PASSWORD, dc_id=4), place.login()
    await login.ask_code(PHONE)
    assert await login.give_code(place.code(person)) is False
    with pytest.raises(AskedAgainError):
        await login.give_password("wrong")
    await login.give_password(PASSWORD)
    keys = login.keyring()
    assert (keys.account, keys.home.dc_id, len(keys.key)) == (person.id, 4, 256)
    await login.close(log_out=False)
    assert len(place.world.logins.of(person)) == 1


async def test_a_wrong_code_may_be_given_again_and_an_old_one_may_not(place: Place) -> None:
    person, login = place.person(), place.login()
    await login.ask_code(PHONE)
    right = place.code(person)
    wrong = "".join(str((int(digit) + 1) % 10) for digit in right)
    with pytest.raises(AskedAgainError, match="not the code"):
        await login.give_code(wrong)
    assert await login.give_code(right) is True
    await login.close(log_out=True)


async def test_a_code_that_its_owner_gave_away_is_over(place: Place) -> None:
    person, login = place.person(), place.login()
    bot = place.world.add_bot("Other", "other_bot")
    await login.ask_code(PHONE)
    place.world.send(person, bot, text=f"it is {place.code(person)}")
    with pytest.raises(LoginFailedError, match="not good any more"):
        await login.give_code(place.code(person))
    await login.close(log_out=True)


async def test_a_login_that_nobody_will_use_is_logged_out_also_when_it_was_closed_before(place: Place) -> None:
    person, login = place.person(), place.login()
    await login.ask_code(PHONE)
    assert await login.give_code(place.code(person))
    await login.close(log_out=False)
    assert len(place.world.logins.of(person)) == 1
    await login.close(log_out=True)
    assert place.world.logins.of(person) == []


async def test_closing_what_was_never_opened_ends_at_once(place: Place) -> None:
    async with asyncio.timeout(10):
        await place.login().close(log_out=True)


async def test_a_picture_is_good_once_it_is_scanned(place: Place) -> None:
    person, login = place.person(), place.login()
    link = await login.qr()
    waiting = asyncio.create_task(login.scanned())
    place.world.scan_login(person, link.partition("token=")[2])
    async with asyncio.timeout(20):
        assert await waiting is True
    assert login.keyring().account == person.id
    await login.close(log_out=True)


async def test_a_restart_that_telegram_asks_for_is_made(place: Place) -> None:
    person, login = place.person(), place.login()
    place.world.faults.fail(500, "AUTH_RESTART", method="auth.sendCode")
    await login.ask_code(PHONE)
    assert await login.give_code(place.code(person)) is True
    await login.close(log_out=True)


async def test_another_code_can_be_asked_for_again_and_again(place: Place) -> None:
    person, login = place.person(), place.login()
    for count in range(1, 5):
        await login.ask_code(PHONE)
        assert len(place.world.codes_sent_to(person)) == count
    assert await login.give_code(place.code(person)) is True
    await login.close(log_out=True)


async def test_after_a_picture_the_password_may_be_needed_too_also_at_another_data_centre(place: Place) -> None:
    person, login = place.person(password=PASSWORD, dc_id=4), place.login()
    link = await login.qr()
    waiting = asyncio.create_task(login.scanned())
    place.world.scan_login(person, link.partition("token=")[2])
    async with asyncio.timeout(20):
        assert await waiting is False
    await login.give_password(PASSWORD)
    assert (login.keyring().account, login.keyring().home.dc_id) == (person.id, 4)
    await login.close(log_out=True)
    assert place.world.logins.of(person) == []


@pytest.mark.parametrize("ahead", [-86400.0, 86400.0])
async def test_a_clock_that_is_wrong_neither_hurries_nor_holds_up_a_picture(
    place: Place, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=ahead)

    waited: list[float] = []

    async def wait(_: object, timeout: float | None = None) -> None:
        assert timeout is not None
        waited.append(timeout)
        raise TimeoutError

    login = place.login()
    await login.qr()
    monkeypatch.setattr("teltubby_bot.accounts.login.datetime", Wrong)
    monkeypatch.setattr(QRLogin, "wait", wait)
    assert await login.scanned() is None
    assert 15 <= waited[0] <= 60
    await login.close(log_out=True)


async def test_what_a_code_needs_comes_without_updates_and_what_a_picture_needs_with_them(place: Place) -> None:
    place.person()
    by_code, by_picture = place.login(), place.login()
    await by_code.ask_code(PHONE)
    await by_picture.qr()
    assert (by_code._client._no_updates, by_picture._client._no_updates) == (True, False)
    await by_code.close(log_out=True)
    await by_picture.close(log_out=True)


@pytest.mark.parametrize("member", [True, False])
async def test_whether_the_account_is_in_the_channel(place: Place, member: bool) -> None:
    person, login = place.person(), place.login()
    channel = place.world.add_chat("channel", "relay", None, [person] if member else [])
    await login.ask_code(PHONE)
    await login.give_code(place.code(person))
    assert await login.sees(channel.id) is member
    await login.close(log_out=True)


async def test_a_server_that_is_away_is_told_in_time(place: Place) -> None:
    away = Access(DEFAULT_API_ID, DEFAULT_API_HASH, DataCentre(2, "127.0.0.1", 1), None)
    login = TelethonLogin(away)
    async with asyncio.timeout(60):
        with pytest.raises(LoginFailedError, match="reached"):
            await login.ask_code(PHONE)
        await login.close(log_out=True)


def test_secrets_are_not_shown(place: Place) -> None:
    assert DEFAULT_API_HASH not in repr(place.access)
