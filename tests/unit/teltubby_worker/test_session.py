"""Logging in and keeping the login, on connections that follow a script."""

import asyncio

import pytest
from telethon.tl.functions.auth import (
    ImportBotAuthorizationRequest,
)
from telethon.tl.functions.help import GetConfigRequest

from support import eventually
from teltubby_core.domain.keyring import DataCentre
from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_core.testing import MemorySessionStore
from teltubby_worker.mtproto.errors import ConnectionLostError, SessionLostError, WrongDataCentreError
from unit.teltubby_worker.scripted import (
    FAR,
    LOGIN,
    Ask,
    FakeTelegram,
    session_of,
)


@pytest.fixture
def telegram() -> FakeTelegram:
    return FakeTelegram()


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


async def test_many_callers_share_one_login_and_one_connection(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    answers = await asyncio.gather(*(session.call(Ask()) for _ in range(20)))
    assert answers == ["answer"] * 20
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    assert len(telegram.made) == 1
    await session.close()


async def test_a_kept_session_is_used_again_without_a_login(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    for _ in range(3):
        session = session_of(telegram, store)
        await session.ready()
        await session.close()
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    assert {link.key for link in telegram.made} == {telegram.made[0].key}
    assert telegram.open_links() == []


async def test_a_kept_session_follows_the_entry_when_its_address_moves(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    first = session_of(telegram, store)
    await first.ready()
    await first.close()
    moved = DataCentre(2, "localhost", 8443)
    second = session_of(telegram, store, moved)
    await second.ready()
    assert telegram.made[-1].centre == moved
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await second.close()


@pytest.mark.parametrize("content", ["", "nonsense", "1abc", "2" + "A" * 352])
async def test_a_session_that_cannot_be_read_is_replaced(
    telegram: FakeTelegram, store: MemorySessionStore, content: str
) -> None:
    store.put("bot-0", content)
    session = session_of(telegram, store)
    await session.ready()
    assert store.contents["bot-0"] != content
    await session.close()


async def test_a_session_of_another_bot_is_replaced(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    first = session_of(telegram, store)
    await first.ready()
    await first.close()
    telegram.known_keys = {(2, telegram.made[0].key): 999}
    second = session_of(telegram, store)
    await second.ready()
    assert telegram.count(ImportBotAuthorizationRequest) == 2
    assert telegram.made[0].key != telegram.made[-1].key
    await second.close()


async def test_a_revoked_session_is_replaced_at_the_next_call(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    before = store.contents["bot-0"]
    telegram.known_keys.clear()
    telegram.troubles[Ask] = [SessionLostError("revoked")]
    with pytest.raises(SessionLostError):
        await session.call(Ask())
    assert await session.call(Ask()) == "answer"
    assert store.contents["bot-0"] != before
    await session.close()


async def test_a_login_is_sent_on_to_the_bots_own_data_centre(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.home_dc = 4
    session = session_of(telegram, store)
    await session.ready()
    (open_link,) = telegram.open_links()
    assert open_link.centre == FAR  # neither the media-only nor the IPv6 address
    await session.close()


async def test_a_login_sent_round_in_circles_ends(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    telegram.troubles[ImportBotAuthorizationRequest] = [WrongDataCentreError(4) for _ in range(50)]
    with pytest.raises(InfrastructureError, match="from one data centre to another"):
        await session_of(telegram, store).ready()
    assert telegram.open_links() == []


async def test_a_flood_on_login_is_not_answered_with_more_logins(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.troubles[ImportBotAuthorizationRequest] = [TransientError("flood", 2838.0)]
    session = session_of(telegram, store)
    for _ in range(5):
        with pytest.raises(InfrastructureError, match="wait"):
            await session.ready()
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()


async def test_an_unreachable_telegram_is_no_fault_of_the_job(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.troubles[GetConfigRequest] = [ConnectionLostError("refused")]
    session = session_of(telegram, store)
    with pytest.raises(InfrastructureError, match="refused"):
        await session.ready()
    await session.ready()
    await session.close()


async def test_a_failed_opening_fails_for_all_who_wait_and_is_not_repeated_for_each(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.troubles[GetConfigRequest] = [ConnectionLostError("refused")]
    session = session_of(telegram, store)
    results = await asyncio.gather(*(session.call(Ask()) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(result, ConnectionLostError) for result in results)
    assert len(telegram.made) == 1
    await session.close()


async def test_a_home_connection_that_makes_no_sense_any_more_is_closed_and_replaced(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    telegram.troubles[Ask] = [ConnectionLostError("unreadable")]
    with pytest.raises(ConnectionLostError):
        await session.call(Ask())
    assert telegram.open_links() == []
    assert await session.call(Ask()) == "answer"
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()


async def test_closing_releases_the_lease_even_while_connecting(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    ready = asyncio.create_task(session.ready())
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(asyncio.CancelledError):
        await ready
    assert telegram.open_links() == []
    lease = await store.acquire(1)
    await lease.release()


async def test_no_free_session_lets_the_job_wait(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    store.fail_with = TransientError("no session became free")
    with pytest.raises(InfrastructureError, match="no session"):
        await session_of(telegram, store).ready()


def test_secrets_are_not_shown() -> None:
    assert LOGIN.token not in repr(LOGIN)
    assert "'hash'" not in repr(LOGIN)


async def test_a_session_that_is_taken_away_is_left_at_once_and_another_one_asked_for(telegram: FakeTelegram) -> None:
    store = MemorySessionStore(["media-session-0", "media-session-1"])
    session = session_of(telegram, store)
    await session.call(Ask())
    permit = session.permit()
    assert permit()
    store.take_away("media-session-0")
    assert [permit()] == [False]
    await eventually(lambda: not telegram.open_links())
    other = await store.acquire(0)
    assert other.name == "media-session-0"
    assert await session.call(Ask()) == "answer"
    assert session.permit()()
    assert [permit()] == [False], "what is left of the first one may send no more"
    assert set(store.contents) == {"media-session-0", "media-session-1"}, "each has a login of its own"
    assert len({link.key for link in telegram.made}) == 2
    await session.close()
    assert [session.permit()()] == [False]
