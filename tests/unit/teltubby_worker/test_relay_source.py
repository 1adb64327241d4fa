"""A person's account finds the file in the relay channel, which it has to be a member of."""

from typing import Any

import pytest
from telethon.tl.functions.channels import GetMessagesRequest
from telethon.tl.functions.messages import GetDialogsRequest
from telethon.tl.types import Channel, ChatPhotoEmpty, Dialog, Message, PeerChannel, PeerNotifySettings
from telethon.tl.types.messages import Dialogs, DialogsSlice
from telethon.tl.types.upload import File

from teltubby_core.domain.jobs import JobMessage, RelayCopy
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import InfrastructureError, PermanentError
from teltubby_worker.mtproto.errors import SessionChangedError
from teltubby_worker.mtproto.source import MtprotoSource
from unit.teltubby_worker.test_source import LIMITS, NOW, FakeCaller, Found, document, job

CHANNEL = 1234567890
COPY = RelayCopy(chat_id=-1_000_000_000_000 - CHANNEL, message_id=42)
ADA, BOB = 1001, 1002
HASHES = {ADA: 11, BOB: 22}


def channel(number: int, access_hash: int) -> Channel:
    return Channel(id=number, title=f"channel {number}", photo=ChatPhotoEmpty(), date=NOW, access_hash=access_hash)


def post(number: int, message_id: int = 42, **fields: Any) -> Message:
    return Message(id=message_id, peer_id=PeerChannel(number), date=NOW, message="", **fields)


class Person(FakeCaller):
    """An account that is in ``others`` further channels, and in the relay channel unless it is ``away``."""

    def __init__(self, others: int = 0, messages: list[Any] | None = None) -> None:
        super().__init__(messages or [Found(post(CHANNEL, media=document()))], [File(None, 0, b"abc")])
        self.kind = SessionKind.USER
        self.account = ADA
        self.away = False
        self.others = others
        self.used: list[int] = []
        """Access hashes that it used."""

    async def call(self, request: Any) -> Any:
        if isinstance(request, GetDialogsRequest):
            self.asked.append(("GetDialogsRequest", None))
            return self._dialogs(request)
        assert isinstance(request, GetMessagesRequest), "a person's own messages are others'"
        assert (request.channel.channel_id, request.id[0].id) == (CHANNEL, 42)
        self.used.append(request.channel.access_hash)
        return self.answer(request, None)

    def _dialogs(self, request: Any) -> Any:
        assert self.account is not None
        all_of_them = [channel(number, 5) for number in range(1, self.others + 1)]
        if not self.away:
            all_of_them.append(channel(CHANNEL, HASHES[self.account]))
        start = getattr(request.offset_peer, "channel_id", 0)
        page = [each for each in all_of_them if each.id > start][: request.limit]
        settings = PeerNotifySettings()
        dialogs = [Dialog(PeerChannel(each.id), 1, 0, 0, 0, 0, 0, 0, settings) for each in page]
        messages = [post(each.id, 1) for each in page]
        if len(all_of_them) <= request.limit:
            return Dialogs(dialogs, messages, page, [])
        return DialogsSlice(len(all_of_them), dialogs, messages, page, [])


def relayed() -> JobMessage:
    return job(3).model_copy(update={"relay": COPY})


async def read(caller: Person, message: JobMessage | None = None) -> bytes:
    source = MtprotoSource(caller, message or relayed(), LIMITS)
    return b"".join([chunk async for chunk in source.chunks()])


async def test_the_file_is_read_from_the_copy() -> None:
    caller = Person()
    assert await read(caller) == b"abc"
    assert caller.used == [HASHES[ADA]]


async def test_the_channel_is_found_among_many() -> None:
    caller = Person(others=250)
    assert await read(caller) == b"abc"
    assert caller.asked.count(("GetDialogsRequest", None)) == 3


async def test_how_to_get_there_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Person()
    source = MtprotoSource(caller, relayed(), LIMITS)
    assert b"".join([chunk async for chunk in source.chunks()]) == b"abc"
    await source.refresh()
    assert caller.asked.count(("GetDialogsRequest", None)) == 1
    assert len(caller.used) == 2


async def test_an_account_that_is_no_member_says_what_to_do() -> None:
    caller = Person(others=130)
    caller.away = True
    with pytest.raises(InfrastructureError, match=r"RELAY_CHANNEL_ID.*make it a member"):
        await read(caller)


async def test_one_that_was_removed_from_the_channel_says_so_and_looks_anew_later() -> None:
    caller = Person(messages=[PermanentError("CHANNEL_PRIVATE"), Found(post(CHANNEL, media=document()))])
    with pytest.raises(InfrastructureError, match="make it a member"):
        await read(caller)
    assert await read(caller) == b"abc"
    assert caller.asked.count(("GetDialogsRequest", None)) == 2


async def test_a_copy_that_is_gone_ends_the_job() -> None:
    with pytest.raises(PermanentError, match="deleted"):
        await read(Person(messages=[Found()]))


async def test_without_a_copy_no_message_of_the_persons_own_is_read() -> None:
    with pytest.raises(InfrastructureError, match="MTPROTO_SESSION_KIND"):
        await read(Person(), job(3))


async def test_the_bots_own_session_reads_the_chat_itself_copy_or_not() -> None:
    caller = FakeCaller(
        [Found(Message(id=5, peer_id=None, date=NOW, message="", media=document()))], [File(None, 0, b"abc")]
    )
    source = MtprotoSource(caller, relayed(), LIMITS)
    assert b"".join([chunk async for chunk in source.chunks()]) == b"abc"


async def test_what_one_account_was_told_of_a_file_is_not_used_by_another() -> None:
    caller = Person()
    source = MtprotoSource(caller, relayed(), LIMITS)
    async for _ in source.chunks():
        break
    caller.account = BOB
    with pytest.raises(SessionChangedError):
        await source.fetch(0, 3)
    await source.refresh()
    assert await source.fetch(0, 3) == b"abc"
    assert caller.used == [HASHES[ADA], HASHES[BOB]]
