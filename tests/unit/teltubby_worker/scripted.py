"""A Telegram of several data centres behind connections that follow a script, and watch the rules on keys."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from telethon.tl.functions.auth import (
    ExportAuthorizationRequest,
    ImportAuthorizationRequest,
    ImportBotAuthorizationRequest,
)
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types import DcOption, User
from telethon.tl.types.auth import ExportedAuthorization

from teltubby_core.domain.keyring import DataCentre
from teltubby_core.testing import MemorySessionStore
from teltubby_worker.mtproto.errors import (
    ConnectionLostError,
    SessionLostError,
    UnauthorizedKeyError,
    WrongDataCentreError,
)
from teltubby_worker.mtproto.pace import Level, Pace
from teltubby_worker.mtproto.session import BotLogin, Session

BOT_ID = 77777
LOGIN = BotLogin(1, "hash", f"{BOT_ID}:" + "A" * 35)
ENTRY = DataCentre(2, "127.0.0.1", 443)
HOME_MEDIA = DataCentre(2, "10.0.0.92", 443)
FAR = DataCentre(4, "10.0.0.4", 443)
FAR_MEDIA = DataCentre(4, "10.0.0.94", 443)
HOME_OPTIONS = [DcOption(2, "127.0.0.1", 443), DcOption(2, "10.0.0.92", 443, media_only=True)]
FAR_OPTIONS = [
    DcOption(4, "2001:db8::4", 443, ipv6=True),
    DcOption(4, "10.0.0.40", 443, cdn=True),
    DcOption(4, "10.0.0.41", 443, tcpo_only=True),
    DcOption(4, "10.0.0.4", 443),
    DcOption(4, "2001:db8::94", 443, ipv6=True, media_only=True),
    DcOption(4, "10.0.0.42", 443, tcpo_only=True, media_only=True),
    DcOption(4, "10.0.0.94", 443, media_only=True),
]


class Ask:
    """A request for a message, or whatever."""


class Part:
    """A request for a part of a file."""


@dataclass
class Bytes:
    """The answer to Part."""

    bytes: bytes


@dataclass
class Config:
    dc_options: list[DcOption]


@dataclass
class FakeTelegram:
    """The data centres behind the connections.

    ``troubles``: errors to raise, by request, used up in order; ``unreachable``: hosts that refuse connections;
    ``strangers``: hosts that know no key; ``deaf``: hosts where nobody is logged in for files;
    ``gate``: while it is shut, parts wait.
    """

    home_dc: int = 2
    options: list[DcOption] = field(default_factory=lambda: HOME_OPTIONS + FAR_OPTIONS)
    known_keys: dict[tuple[int, bytes], int] = field(default_factory=dict)  # data centre and key → user id
    troubles: dict[type[Any], list[Exception]] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    made: list["FakeLink"] = field(default_factory=list)
    requests: list[tuple[DataCentre, type[Any]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    proofs: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gate.set()

    def connect(self, centre: DataCentre, key: bytes | None) -> "FakeLink":
        link = FakeLink(self, centre, key or (len(self.made) + 1).to_bytes(256, "big"), fresh=key is None)
        self.made.append(link)
        return link

    def count(self, request: type[Any]) -> int:
        return sum(kind is request for _, kind in self.requests)

    def asked_at(self, request: type[Any]) -> Counter[DataCentre]:
        return Counter(centre for centre, kind in self.requests if kind is request)

    def open_links(self, centre: DataCentre | None = None) -> list["FakeLink"]:
        return [link for link in self.made if link.is_open and centre in (None, link.centre)]

    def is_media(self, centre: DataCentre) -> bool:
        return any(each.media_only and each.ip_address == centre.host for each in self.options)

    def forget_keys(self, dc_id: int) -> None:
        self.known_keys = {known: user for known, user in self.known_keys.items() if known[0] != dc_id}

    def answer(self, link: "FakeLink", request: Any) -> Any:
        kind = request if isinstance(request, type) else type(request)
        self.requests.append((link.centre, kind))
        if self.troubles.get(kind):
            raise self.troubles[kind].pop(0)
        match request:
            case GetConfigRequest():
                return Config(self.options)
            case ExportAuthorizationRequest():
                self.proofs.add(proof := f"proof {len(self.requests)}".encode())
                return ExportedAuthorization(BOT_ID, proof)
            case ImportBotAuthorizationRequest() | ImportAuthorizationRequest():
                self._log_in(link, request)
            case GetUsersRequest():
                return [User(self._user(link))]
            case Part():
                if link.centre.host in self.deaf:
                    raise UnauthorizedKeyError("not logged in")
                self._user(link)
                return Bytes(bytes(1 << 20))
        return "answer"

    def _log_in(self, link: "FakeLink", request: Any) -> None:
        assert not self.is_media(link.centre), "media addresses take no logins"
        if isinstance(request, ImportAuthorizationRequest):
            self.proofs.remove(request.bytes)  # good once
        elif link.centre.dc_id != self.home_dc:
            raise WrongDataCentreError(self.home_dc)
        self.known_keys[link.centre.dc_id, link.key] = BOT_ID

    def _user(self, link: "FakeLink") -> int:
        if (user := self.known_keys.get((link.centre.dc_id, link.key))) is None:
            raise UnauthorizedKeyError("not logged in")
        return user


class GreedyPace(Pace):
    """Allows the most from the beginning."""

    @property
    def level(self) -> Level:
        return self._most


@dataclass(eq=False)
class FakeLink:
    telegram: FakeTelegram
    centre: DataCentre
    key: bytes
    fresh: bool = False
    is_open: bool = False
    pings: int = 0
    calls: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, query: Any) -> Any:
        telegram = self.telegram
        if not telegram.is_media(self.centre):
            twins = [link for link in telegram.open_links(self.centre) if link.key == self.key]
            assert not twins, "a second connection to a main address with one key kills the key"
        await asyncio.sleep(0)
        if self.centre.host in telegram.unreachable:
            raise ConnectionLostError("refused")
        if self.centre.host in telegram.strangers and not self.fresh:
            raise SessionLostError("unknown key")
        self.is_open = True
        try:
            return telegram.answer(self, query)
        except Exception:
            self.is_open = False
            raise

    async def call(self, request: Any) -> Any:
        if self.centre.host in self.telegram.unreachable:
            await self.close()
        if not self.is_open:
            raise ConnectionLostError("closed")
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if isinstance(request, Part):
                await self._gate()
            if not self.is_open:
                raise ConnectionLostError("closed")
            return self.telegram.answer(self, request)
        finally:
            self.in_flight -= 1

    async def _gate(self) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (self.telegram.gate, self.lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def ping(self) -> None:
        self.pings += 1

    async def close(self) -> None:
        self.is_open = False
        self.lost.set()


def session_of(telegram: FakeTelegram, store: MemorySessionStore, entry: DataCentre = ENTRY) -> Session:
    return Session(store, LOGIN, entry, telegram.connect)


async def parts(session: Session, dc_id: int, count: int = 8) -> None:
    answers = await asyncio.gather(*(session.fetch(Part, dc_id) for _ in range(count)))
    assert len(answers) == count
