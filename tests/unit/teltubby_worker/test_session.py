"""Logging in, keeping the login, and reaching other data centres, on connections that follow a script."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from telethon.tl.functions.auth import (
    ExportAuthorizationRequest,
    ImportAuthorizationRequest,
    ImportBotAuthorizationRequest,
)
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types import DcOption, User
from telethon.tl.types.auth import ExportedAuthorization

from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from teltubby_core.testing import MemorySessionStore
from teltubby_worker.mtproto.errors import ConnectionLostError, SessionLostError, WrongDataCentreError
from teltubby_worker.mtproto.link import DataCentre
from teltubby_worker.mtproto.session import BotLogin, Session

LOGIN = BotLogin(1, "hash", "77777:" + "A" * 35)
ENTRY = DataCentre(2, "127.0.0.1", 443)


@dataclass
class Config:
    dc_options: list[DcOption]


@dataclass
class FakeTelegram:
    """The data centres behind the connections. ``troubles``: errors to raise, by request, used up in order."""

    home_dc: int = 2
    known_keys: dict[bytes, int] = field(default_factory=dict)  # logged-in key → user id
    troubles: dict[type[Any], list[Exception]] = field(default_factory=dict)
    made: list["FakeLink"] = field(default_factory=list)
    requests: list[tuple[int, type[Any]]] = field(default_factory=list)

    def connect(self, centre: DataCentre, key: bytes | None) -> "FakeLink":
        link = FakeLink(self, centre, key or (len(self.made) + 1).to_bytes(256, "big"))
        self.made.append(link)
        return link

    def count(self, request: type[Any]) -> int:
        return sum(kind is request for _, kind in self.requests)

    def open_links(self) -> list["FakeLink"]:
        return [link for link in self.made if link.is_open]

    def answer(self, link: "FakeLink", request: Any) -> Any:
        kind = type(request)
        self.requests.append((link.centre.dc_id, kind))
        if self.troubles.get(kind):
            raise self.troubles[kind].pop(0)
        match request:
            case GetConfigRequest():
                return Config(
                    [
                        DcOption(4, "10.0.0.99", 443, media_only=True),
                        DcOption(4, "2001:db8::4", 443, ipv6=True),
                        DcOption(4, "10.0.0.4", 443),
                    ]
                )
            case GetUsersRequest():
                if link.key not in self.known_keys:
                    raise SessionLostError("not logged in")
                return [User(self.known_keys[link.key])]
            case ImportBotAuthorizationRequest():
                if link.centre.dc_id != self.home_dc:
                    raise WrongDataCentreError(self.home_dc)
                self.known_keys[link.key] = 77777
            case ExportAuthorizationRequest():
                return ExportedAuthorization(77777, b"proof")
            case ImportAuthorizationRequest():
                assert request.bytes == b"proof"
                self.known_keys[link.key] = 77777
        return "answer"


@dataclass(eq=False)
class FakeLink:
    telegram: FakeTelegram
    centre: DataCentre
    key: bytes
    is_open: bool = False

    async def open(self, query: Any) -> Any:
        assert not [link for link in self.telegram.open_links() if link.key == self.key]
        await asyncio.sleep(0)
        self.is_open = True
        try:
            return self.telegram.answer(self, query)
        except Exception:
            self.is_open = False
            raise

    async def call(self, request: Any) -> Any:
        if not self.is_open:
            raise ConnectionLostError("closed")
        await asyncio.sleep(0)
        return self.telegram.answer(self, request)

    async def ping(self) -> None:
        """Nothing to keep alive."""

    async def close(self) -> None:
        self.is_open = False


class Ask:
    """Some request."""


@pytest.fixture
def telegram() -> FakeTelegram:
    return FakeTelegram()


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


def session_of(telegram: FakeTelegram, store: MemorySessionStore, entry: DataCentre = ENTRY) -> Session:
    return Session(store, LOGIN, entry, telegram.connect)


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
    store.contents["bot-0"] = content
    session = session_of(telegram, store)
    await session.ready()
    assert store.contents["bot-0"] != content
    await session.close()


async def test_a_session_of_another_bot_is_replaced(telegram: FakeTelegram, store: MemorySessionStore) -> None:
    first = session_of(telegram, store)
    await first.ready()
    await first.close()
    telegram.known_keys = {telegram.made[0].key: 999}
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
    assert open_link.centre == DataCentre(4, "10.0.0.4", 443)  # neither the media-only nor the IPv6 address
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


async def test_another_data_centre_gets_one_exported_login_for_good(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    await asyncio.gather(*(session.call(Ask(), 4) for _ in range(8)))
    assert telegram.requests.count((4, Ask)) == 8
    await telegram.made[-1].close()  # as data centres do now and then
    await session.call(Ask(), 4)
    assert telegram.count(ExportAuthorizationRequest) == 1
    assert telegram.count(ImportAuthorizationRequest) == 1
    await session.close()
    assert telegram.open_links() == []


async def test_the_home_data_centre_by_number_is_the_home_connection(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    await session.call(Ask(), 2)
    assert len(telegram.made) == 1
    await session.close()


async def test_a_foreign_key_that_was_forgotten_is_exported_anew(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    await session.call(Ask(), 4)
    telegram.troubles[Ask] = [SessionLostError("forgotten")]
    with pytest.raises(SessionLostError):
        await session.call(Ask(), 4)
    assert await session.call(Ask(), 4) == "answer"
    assert telegram.count(ExportAuthorizationRequest) == 2
    assert telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()


async def test_a_data_centre_without_an_address_is_a_permanent_error(
    telegram: FakeTelegram, store: MemorySessionStore
) -> None:
    session = session_of(telegram, store)
    await session.ready()
    with pytest.raises(PermanentError, match="data centre 9"):
        await session.call(Ask(), 9)
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
