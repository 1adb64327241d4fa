"""Reaching files at home and at other data centres with one login, on connections that follow a script."""

import asyncio

import pytest
from telethon.tl.functions.auth import (
    ExportAuthorizationRequest,
    ImportAuthorizationRequest,
    ImportBotAuthorizationRequest,
)

from support import eventually
from teltubby_core.domain.keyring import DataCentre
from teltubby_core.errors import DatabaseUnavailableError, InfrastructureError, PermanentError, TransientError
from teltubby_core.testing import MemorySessionStore
from teltubby_worker.mtproto import pool as pool_module
from teltubby_worker.mtproto import session as session_module
from teltubby_worker.mtproto.errors import ConnectionLostError, SessionLostError
from teltubby_worker.mtproto.session import Eagerness, Session
from unit.teltubby_worker.scripted import (
    ENTRY,
    FAR,
    FAR_MEDIA,
    FAR_OPTIONS,
    HOME_MEDIA,
    HOME_OPTIONS,
    LOGIN,
    FakeTelegram,
    GreedyPace,
    Part,
    parts,
    session_of,
)


@pytest.fixture
def telegram() -> FakeTelegram:
    return FakeTelegram()


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


@pytest.fixture
def greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many connections as allowed at once: where one is the most, a second is seen."""
    monkeypatch.setattr(session_module, "Pace", GreedyPace)
    monkeypatch.setattr(pool_module, "_STAGGER", 0.0)


async def test_files_at_home_come_over_the_media_address_with_the_homes_key(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await parts(session, 2)
    assert telegram.asked_at(Part) == {HOME_MEDIA: 8}
    home, media = telegram.made
    assert (home.centre, media.centre, media.key) == (ENTRY, HOME_MEDIA, home.key)
    assert telegram.count(ExportAuthorizationRequest) == 0
    await session.close()
    assert telegram.open_links() == []


@pytest.mark.usefixtures("greedy")
async def test_without_a_media_address_at_home_files_come_over_the_one_home_connection(
    telegram: FakeTelegram, store: MemorySessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    telegram.options = HOME_OPTIONS[:1]
    session = session_of(telegram, store)
    await parts(session, 2, 500)
    assert telegram.asked_at(Part) == {ENTRY: 500}
    assert len(telegram.made) == 1
    monkeypatch.setattr(session_module, "_IDLE_SECONDS", 0.0)
    await session._close_idle()
    assert telegram.open_links() == telegram.made
    await telegram.made[0].close()
    await parts(session, 2)
    assert len(telegram.made) == 2
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()
    assert telegram.open_links() == []


async def test_a_key_for_another_data_centre_is_made_at_its_main_address_and_used_at_its_media_address(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await parts(session, 4)
    assert telegram.asked_at(Part) == {FAR_MEDIA: 8}
    assert telegram.asked_at(ImportAuthorizationRequest) == {FAR: 1}
    main, media = telegram.made[1:]
    assert main.key == media.key != telegram.made[0].key
    assert not main.is_open
    assert [link.centre for link in telegram.open_links()] == [ENTRY, FAR_MEDIA]
    await session.close()
    assert telegram.open_links() == []


@pytest.mark.usefixtures("greedy")
async def test_without_a_media_address_another_data_centre_gets_one_connection(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.options = HOME_OPTIONS + [option for option in FAR_OPTIONS if not option.media_only]
    session = session_of(telegram, store)
    await parts(session, 4, 500)
    assert telegram.asked_at(Part) == {FAR: 500}
    assert len(telegram.made) == 2
    await telegram.made[1].close()  # as data centres do now and then
    await parts(session, 4)
    assert telegram.count(ExportAuthorizationRequest) == 1
    await session.close()


async def test_a_media_address_of_ipv6_is_used_when_there_is_no_other(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    telegram.options = HOME_OPTIONS + [each for each in FAR_OPTIONS if each.ip_address != FAR_MEDIA.host]
    session = session_of(telegram, store)
    await parts(session, 4)
    assert telegram.asked_at(Part) == {DataCentre(4, "2001:db8::94", 443): 8}
    await session.close()


@pytest.mark.usefixtures("greedy")
async def test_many_files_at_a_time_share_the_bounds_of_a_data_centre(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = Session(store, LOGIN, ENTRY, telegram.connect, Eagerness(connections=2, requests=3))
    await asyncio.gather(*(parts(session, 4, 200) for _ in range(4)))
    lanes = [link for link in telegram.made if link.centre == FAR_MEDIA]
    assert max(link.most_in_flight for link in lanes) <= 3
    assert len(telegram.open_links(FAR_MEDIA)) == len(lanes) == 2
    await session.close()


async def test_another_data_centre_gets_one_exported_login_for_good_over_restarts_too(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    for _ in range(3):
        session = session_of(telegram, store)
        await parts(session, 4)
        await telegram.open_links(FAR_MEDIA)[0].close()
        await parts(session, 4)
        await session.close()
    assert telegram.count(ExportAuthorizationRequest) == 1
    assert telegram.count(ImportAuthorizationRequest) == 1
    assert telegram.count(ImportBotAuthorizationRequest) == 1


async def test_an_export_that_can_not_be_kept_serves_until_the_restart(
    telegram: FakeTelegram, store: MemorySessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    store.fail_with = DatabaseUnavailableError("the database is locked")
    await parts(session, 4)
    assert "is not kept" in caplog.text
    store.fail_with = None
    await session.close()


async def test_keys_of_other_data_centres_are_kept_with_the_login(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    for _ in range(2):
        session = session_of(telegram, store)
        await parts(session, 4)
        await session.close()
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    assert telegram.count(ExportAuthorizationRequest) == 1


async def test_a_key_that_another_data_centre_forgot_is_exported_anew(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await parts(session, 4)
    telegram.forget_keys(4)
    with pytest.raises(SessionLostError):
        await session.fetch(Part, 4)
    await parts(session, 4)
    assert telegram.count(ExportAuthorizationRequest) == 2
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()


@pytest.mark.parametrize(("dc_id", "logins", "exports"), [(2, 2, 0), (4, 1, 2)])
async def test_one_who_learns_late_that_a_key_is_gone_does_not_take_the_new_one_away(
    telegram: FakeTelegram, store: MemorySessionStore, dc_id: int, logins: int, exports: int
) -> None:
    session = session_of(telegram, store)
    await parts(session, dc_id)
    old = session._pools[dc_id]
    telegram.forget_keys(dc_id)
    with pytest.raises(SessionLostError):
        await session.fetch(Part, dc_id)
    await parts(session, dc_id)
    open_links = telegram.open_links()
    await session._forget(dc_id, old)
    await parts(session, dc_id)
    assert telegram.open_links() == open_links
    assert telegram.count(ImportBotAuthorizationRequest) == logins
    assert telegram.count(ExportAuthorizationRequest) == exports
    await session.close()


async def test_a_data_centre_that_forgets_every_key_is_not_given_them_for_ever(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    for _ in range(3):
        await parts(session, 4)
        telegram.forget_keys(4)
        with pytest.raises(SessionLostError):
            await session.fetch(Part, 4)
    for _ in range(20):
        with pytest.raises(InfrastructureError, match="forgot"):
            await session.fetch(Part, 4)
    assert telegram.count(ExportAuthorizationRequest) == 3
    await session.close()


async def test_a_home_key_that_telegram_killed_is_replaced_by_a_new_login_and_nothing_of_it_stays_open(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await parts(session, 2)
    await parts(session, 4)
    old = list(telegram.made)
    telegram.forget_keys(2)
    results = await asyncio.gather(*(session.fetch(Part, 2) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(result, SessionLostError | ConnectionLostError) for result in results), results
    await parts(session, 2)
    await parts(session, 4)
    assert telegram.count(ImportBotAuthorizationRequest) == 2
    assert not [link for link in old if link.is_open]
    assert len({link.key for link in telegram.open_links() if link.centre.dc_id == 2}) == 1
    await session.close()


async def test_a_home_key_that_is_killed_again_and_again_is_not_replaced_for_ever(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    for _ in range(3):
        await parts(session, 2)
        telegram.forget_keys(2)
        with pytest.raises(SessionLostError):
            await session.fetch(Part, 2)
    for _ in range(20):
        with pytest.raises(InfrastructureError, match="two places"):
            await session.ready()
    assert telegram.count(ImportBotAuthorizationRequest) == 3
    await session.close()


@pytest.mark.parametrize(("dc_id", "media", "main"), [(2, HOME_MEDIA, ENTRY), (4, FAR_MEDIA, FAR)])
@pytest.mark.parametrize("how", ["unreachable", "strangers", "deaf"])
@pytest.mark.usefixtures("greedy")
async def test_media_addresses_that_can_not_be_used_leave_one_connection_to_the_main_one(
    telegram: FakeTelegram, store: MemorySessionStore, how: str, dc_id: int, media: DataCentre, main: DataCentre
) -> None:
    getattr(telegram, how).add(media.host)
    session = session_of(telegram, store)
    for _ in range(3):
        results = await asyncio.gather(*(session.fetch(Part, dc_id) for _ in range(8)), return_exceptions=True)
        assert all(isinstance(result, ConnectionLostError | SessionLostError) for result in results), results
    served = telegram.asked_at(Part)[main]
    await parts(session, dc_id, 500)
    assert telegram.asked_at(Part)[main] == served + 500
    assert len(telegram.open_links(main)) == 1
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()
    assert telegram.open_links() == []


@pytest.mark.parametrize(("dc_id", "media"), [(2, HOME_MEDIA), (4, FAR_MEDIA)])
async def test_media_addresses_are_tried_again_when_no_file_has_come_for_a_while(
    telegram: FakeTelegram, store: MemorySessionStore, monkeypatch: pytest.MonkeyPatch, dc_id: int, media: DataCentre
) -> None:
    telegram.unreachable.add(media.host)
    session = session_of(telegram, store)
    with pytest.raises(ConnectionLostError):
        await session.fetch(Part, dc_id)
    given_up = session._pools[dc_id]
    for _ in range(2):
        with pytest.raises(ConnectionLostError):
            await session.fetch(Part, dc_id)
    with pytest.raises(ConnectionLostError):  # one who still waits there opens no second connection
        await given_up.fetch(Part)
    await parts(session, dc_id)
    assert telegram.asked_at(Part)[media] == 0
    telegram.unreachable.clear()
    monkeypatch.setattr(session_module, "_IDLE_SECONDS", 0.0)
    await session._close_idle()
    await parts(session, dc_id)
    assert telegram.asked_at(Part)[media] == 8
    await session.close()
    assert telegram.open_links() == []


async def test_an_outage_of_all_of_telegram_does_not_count_against_its_media_addresses(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    hosts = {each.ip_address for each in telegram.options}
    for _ in range(10):
        telegram.unreachable.clear()
        await session.ready()
        telegram.unreachable |= hosts
        with pytest.raises(ConnectionLostError):
            await session.fetch(Part, 2)
    telegram.unreachable.clear()
    await parts(session, 2)
    assert telegram.asked_at(Part) == {HOME_MEDIA: 8}
    await session.close()


async def test_a_flood_on_an_export_is_told_and_does_not_use_it_up(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    telegram.troubles[ExportAuthorizationRequest] = [TransientError("flood", 2061.0)]
    for _ in range(5):
        with pytest.raises(TransientError) as caught:
            await session.fetch(Part, 4)
        assert caught.value.retry_after is not None
        assert 2000 < caught.value.retry_after <= 2061
    assert telegram.count(ExportAuthorizationRequest) == 1, "who asks again during a flood only lengthens it"
    session._exports._barred.clear()  # the flood is over
    await parts(session, 4)
    await session.close()


async def test_files_go_on_while_the_home_connection_is_down(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    session = session_of(telegram, store)
    await parts(session, 4)
    await telegram.made[0].close()
    telegram.unreachable.add(ENTRY.host)
    await parts(session, 4)
    await session.close()


async def test_every_connection_is_pinged_and_those_for_files_are_closed_when_no_file_comes(
    telegram: FakeTelegram, store: MemorySessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_PING_EVERY", 0.005)
    session = session_of(telegram, store)
    await parts(session, 4)
    open_links = telegram.open_links()
    assert [link.centre for link in open_links] == [ENTRY, FAR_MEDIA]
    await eventually(lambda: all(link.pings > 1 for link in open_links))
    monkeypatch.setattr(session_module, "_IDLE_SECONDS", 0.0)
    await eventually(lambda: telegram.open_links() == [telegram.made[0]])
    await parts(session, 4)
    assert telegram.count(ExportAuthorizationRequest) == 1
    await session.close()


async def test_a_data_centre_without_an_address_is_a_permanent_error(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    with pytest.raises(PermanentError, match="data centre 9"):
        await session.fetch(Part, 9)
    await session.close()


async def test_closing_ends_fetches_that_are_under_way(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    session = session_of(telegram, store)
    await parts(session, 4)
    telegram.gate.clear()
    fetching = [asyncio.create_task(session.fetch(Part, 4)) for _ in range(8)]
    await eventually(lambda: any(link.in_flight for link in telegram.made))
    await session.close()
    results = await asyncio.gather(*fetching, return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionLostError}
    assert telegram.open_links() == []


@pytest.mark.usefixtures("greedy")
async def test_media_addresses_that_refuse_the_key_are_not_tried_again_at_the_cost_of_exports(
    telegram: FakeTelegram, store: MemorySessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    telegram.strangers.add(FAR_MEDIA.host)
    session = session_of(telegram, store)
    for _ in range(3):
        with pytest.raises((ConnectionLostError, SessionLostError)):
            await session.fetch(Part, 4)
    await parts(session, 4)
    monkeypatch.setattr(session_module, "_IDLE_SECONDS", 0.0)
    for _ in range(3):
        await session._close_idle()
        await parts(session, 4)
    assert telegram.count(ExportAuthorizationRequest) <= 3
    await session.close()


async def test_what_telegram_refuses_at_the_door_fails_no_file(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    telegram.troubles[ImportBotAuthorizationRequest] = [PermanentError("a refusal that no table has")]
    with pytest.raises(InfrastructureError, match="let the worker in"):
        await session.fetch(Part, 2)
    telegram.troubles[ExportAuthorizationRequest] = [PermanentError("a refusal that no table has")]
    with pytest.raises(InfrastructureError, match="let the worker in"):
        await session.fetch(Part, 4)
    await parts(session, 4)
    await session.close()
