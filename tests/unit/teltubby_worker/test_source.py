"""Which file of a message is the job's, and what is said when there is none."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl.types import (
    Document,
    DocumentEmpty,
    Message,
    MessageEmpty,
    MessageExtendedMedia,
    MessageExtendedMediaPreview,
    MessageMediaDocument,
    MessageMediaGeo,
    MessageMediaPaidMedia,
    MessageMediaPhoto,
    PeerUser,
    Photo,
    PhotoEmpty,
    PhotoSize,
    PhotoSizeProgressive,
    PhotoStrippedSize,
)
from telethon.tl.types.upload import File, FileCdnRedirect

from teltubby_core.domain.jobs import FileInfo, JobMessage, JobMetadata, TelegramContext
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import PermanentError, TransferMismatchError, TransientError
from teltubby_worker.mtproto.errors import ConnectionLostError, WrongDataCentreError
from teltubby_worker.mtproto.remote_file import file_of
from teltubby_worker.mtproto.source import MtprotoSource
from teltubby_worker.mtproto.transfer import PART_SIZE, ReferenceExpiredError, TransferLimits
from unit.teltubby_worker.test_file_id import file_id, size

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LIMITS = TransferLimits(window=2, patience=5, first_delay=0.001, longest_delay=0.002)


def job(size: int | None, file_id: str = "f") -> JobMessage:
    return JobMessage(
        job_id="j",
        user_id=7,
        chat_id=7,
        message_id=5,
        file_info=FileInfo(file_id=file_id, file_unique_id="u", file_size=size, file_type=MediaKind.VIDEO),
        telegram_context=TelegramContext(),
        job_metadata=JobMetadata(created_at=NOW),
        correlation_id="c",
        ordinal=1,
        date=NOW,
        base_path="b",
        key="b/mtproto/5/a.mp4",
        message_json_key="b/message.json",
    )


def document(size: int = 3, file_id: int = 50, reference: bytes = b"ref", dc_id: int = 2) -> Any:
    return MessageMediaDocument(document=Document(file_id, 9, reference, NOW, "video/mp4", size, dc_id, []))


def photo(*sizes: Any) -> Any:
    return MessageMediaPhoto(photo=Photo(60, 9, b"ref", NOW, list(sizes), 4))


def message(media: Any, message_id: int = 5, user_id: int = 7) -> Any:
    return Message(id=message_id, peer_id=PeerUser(user_id), date=NOW, message="", media=media)


class FakeCaller:
    """Answers getMessages with ``messages`` (the last one again) and getFile with ``files`` (likewise)."""

    def __init__(self, messages: list[Any], files: list[Any]) -> None:
        self.kind = SessionKind.BOT
        self.account: int | None = 777
        self.messages = messages
        self.files = files
        self.asked: list[tuple[str, int | None]] = []

    async def ready(self) -> None:
        self.asked.append(("ready", None))

    async def call(self, request: Any) -> Any:
        return self.answer(request, None)

    async def fetch(self, make: Callable[[], Any], dc_id: int) -> Any:
        return self.answer(make(), dc_id)

    def answer(self, request: Any, dc_id: int | None) -> Any:
        name = type(request).__name__
        self.asked.append((name, dc_id))
        answers = self.messages if name == "GetMessagesRequest" else self.files
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def anext_part(source: MtprotoSource) -> bytes:
    async with aclosing(source.chunks()) as chunks:
        async for part in chunks:
            if part:
                return part
    return b""


class Found:
    """What getMessages returns."""

    def __init__(self, *messages: Any) -> None:
        self.messages = messages


async def read(caller: FakeCaller, size: int | None = 3, file_id: str = "f") -> bytes:
    return b"".join([chunk async for chunk in MtprotoSource(caller, job(size, file_id), LIMITS).chunks()])


def test_a_document_is_found_with_its_place() -> None:
    file = file_of(message(document(3)), job(3))
    assert (file.file_id, file.size, file.dc_id) == (50, 3, 2)
    assert (file.location.id, file.location.file_reference, file.location.thumb_size) == (50, b"ref", "")


def test_of_a_photo_the_largest_size_counts() -> None:
    sizes = [
        PhotoStrippedSize("i", b"x"),
        PhotoSizeProgressive("y", 1280, 960, [10, 400, 900]),
        PhotoSize("m", 320, 240, 5000),
    ]
    file = file_of(message(photo(*sizes)), job(900))
    assert (file.size, file.location.thumb_size, file.dc_id) == (900, "y", 4)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "deleted"),
        (MessageEmpty(5, peer_id=None), "deleted"),
        (message(document(), message_id=6), "deleted"),
        (message(None), "no file"),
        (message(MessageMediaGeo(None)), "no file"),
        (message(MessageMediaDocument(document=DocumentEmpty(1))), "no file"),
        (message(MessageMediaDocument()), "no file"),
        (message(MessageMediaPhoto(photo=PhotoEmpty(1))), "no file"),
        (message(photo(PhotoStrippedSize("i", b"x"))), "no file"),
        (message(document(4)), "another file"),
        (message(document(), user_id=8), "another chat"),
    ],
)
def test_what_is_not_the_jobs_file_is_a_permanent_error(found: Any, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        file_of(found, job(3))


def test_the_file_that_the_job_names_is_taken_whatever_size_was_announced() -> None:
    assert file_of(message(document(12, file_id=50)), job(3, file_id(5, 50))).size == 12


def test_another_file_than_the_job_names_is_refused_even_in_the_same_size() -> None:
    with pytest.raises(PermanentError, match="another file"):
        file_of(message(document(3, file_id=51)), job(3, file_id(5, 50)))


def test_of_a_photo_the_size_that_the_job_names_is_taken() -> None:
    sizes = [PhotoSize("m", 320, 240, 5000), PhotoSize("x", 800, 600, 90000), PhotoSize("y", 1280, 960, 200000)]
    file = file_of(message(photo(*sizes)), job(1, file_id(2, 60, size("x"))))
    assert (file.size, file.location.thumb_size) == (90000, "x")


def test_a_photo_without_the_size_that_the_job_names_comes_in_its_largest() -> None:
    file = file_of(message(photo(PhotoSize("m", 320, 240, 5000))), job(5000, file_id(2, 60, size("w"))))
    assert file.location.thumb_size == "m"


@pytest.mark.parametrize(
    ("wanted", "found"), [(job(None, file_id(5, 51)), 51), (job(4), 51), (job(None), 50), (job(5, file_id(2, 60)), 60)]
)
def test_of_several_paid_files_the_one_is_taken_that_the_job_names(wanted: JobMessage, found: int) -> None:
    paid = [document(3), document(4, file_id=51), photo(PhotoSize("m", 320, 240, 5))]
    hidden = MessageExtendedMediaPreview()
    media = MessageMediaPaidMedia(1, [hidden, *map(MessageExtendedMedia, paid)])
    assert file_of(message(media), wanted).file_id == found


def test_an_unknown_size_takes_what_the_message_says() -> None:
    assert file_of(message(document(12)), job(None)).size == 12


async def test_a_file_elsewhere_is_asked_for_there() -> None:
    caller = FakeCaller([Found(message(document(dc_id=2)))], [WrongDataCentreError(4), File(None, 0, b"abc")])
    assert await read(caller) == b"abc"
    assert [dc for name, dc in caller.asked if name == "GetFileRequest"] == [2, 4]


async def test_a_file_that_moves_is_followed_without_a_pause() -> None:
    moves = [WrongDataCentreError(4), WrongDataCentreError(5), File(None, 0, b"abc")]
    caller = FakeCaller([Found(message(document(dc_id=2)))], moves)
    limits = TransferLimits(patience=0, first_delay=3600)
    assert b"".join([chunk async for chunk in MtprotoSource(caller, job(3), limits).chunks()]) == b"abc"
    assert [dc for name, dc in caller.asked if name == "GetFileRequest"] == [2, 4, 5]


async def test_a_file_that_is_sent_to_and_fro_ends_the_transfer() -> None:
    caller = FakeCaller([Found(message(document(dc_id=2)))], [WrongDataCentreError(4)])
    limits = TransferLimits(patience=0.02, first_delay=0.001, longest_delay=0.002)
    with pytest.raises(TransientError, match="data centre 4"):
        await anext_part(MtprotoSource(caller, job(3), limits))


async def test_the_size_is_told_with_an_empty_chunk_before_the_first_byte_is_asked_for() -> None:
    caller = FakeCaller([Found(message(document(12)))], [File(None, 0, bytes(12))])
    source = MtprotoSource(caller, job(None), LIMITS)
    assert source.told_size() is None
    async with aclosing(source.chunks()) as chunks:
        assert await anext(chunks) == b""
        assert source.told_size() == 12
        assert "GetFileRequest" not in [name for name, _ in caller.asked]


async def test_an_empty_file_has_no_bytes_and_is_a_success() -> None:
    caller = FakeCaller([Found(message(document(0)))], [PermanentError("nobody asks for parts of it")])
    assert await read(caller, size=0) == b""
    assert await read(caller, size=None) == b""


async def test_parts_that_wait_for_their_turn_during_a_flood_are_not_sent_into_it() -> None:
    # The session gives one slot at a time; when it comes to the second part, the flood is known.
    turn = asyncio.Lock()
    clock = asyncio.get_running_loop().time
    sent: list[float] = []

    class OneByOne(FakeCaller):
        async def fetch(self, make: Callable[[], Any], dc_id: int) -> Any:
            async with turn:
                await asyncio.sleep(0)
                request = make()
                sent.append(clock())
                return self.answer(request, dc_id)

    parts = [TransientError("flood", 0.2), File(None, 0, bytes(PART_SIZE))]
    caller = OneByOne([Found(message(document(8 * PART_SIZE)))], parts)
    source = MtprotoSource(caller, job(None), TransferLimits(window=8, first_delay=0.001))
    assert sum([len(chunk) async for chunk in source.chunks()]) == 8 * PART_SIZE
    assert len(sent) == 1 + 8
    assert min(sent[1:]) - sent[0] >= 0.19


async def test_a_new_reference_does_not_send_a_file_back_to_where_it_was() -> None:
    messages = [Found(message(document(dc_id=2))), Found(message(document(dc_id=2, reference=b"new")))]
    answers = [WrongDataCentreError(4), ReferenceExpiredError("expired"), File(None, 0, b"abc")]
    caller = FakeCaller(messages, answers)
    assert await read(caller) == b"abc"
    assert [dc for name, dc in caller.asked if name == "GetFileRequest"] == [2, 4, 4]


async def test_a_part_that_waited_while_the_reference_was_renewed_is_asked_for_with_the_new_one() -> None:
    seen: list[bytes] = []

    class Late(FakeCaller):
        async def fetch(self, make: Callable[[], Any], dc_id: int) -> Any:
            await source.refresh()  # somebody else's part found out meanwhile
            request = make()
            seen.append(request.location.file_reference)
            return self.answer(request, dc_id)

    messages = [Found(message(document())), Found(message(document(reference=b"new")))]
    source = MtprotoSource(Late(messages, [File(None, 0, b"abc")]), job(3), LIMITS)
    assert b"".join([chunk async for chunk in source.chunks()]) == b"abc"
    assert seen == [b"new"]


async def test_a_new_reference_of_the_same_file_is_used() -> None:
    messages = [Found(message(document())), Found(message(document(reference=b"new")))]
    caller = FakeCaller(messages, [ReferenceExpiredError("expired"), File(None, 0, b"abc")])
    assert await read(caller) == b"abc"


async def test_another_file_under_the_new_reference_is_refused() -> None:
    messages = [Found(message(document())), Found(message(document(file_id=51)))]
    caller = FakeCaller(messages, [ReferenceExpiredError("expired"), File(None, 0, b"abc")])
    with pytest.raises(TransferMismatchError):
        await read(caller)


async def test_a_connection_that_idled_away_is_opened_again_for_the_message() -> None:
    caller = FakeCaller([ConnectionLostError("idle"), Found(message(document()))], [File(None, 0, b"abc")])
    assert await read(caller) == b"abc"


async def test_a_message_is_asked_for_again_while_telegram_has_problems() -> None:
    troubles = [TransientError("a problem of its own") for _ in range(12)]
    caller = FakeCaller([*troubles, Found(message(document()))], [File(None, 0, b"abc")])
    assert await read(caller) == b"abc"


async def test_a_cdn_redirect_is_said_plainly() -> None:
    caller = FakeCaller([Found(message(document()))], [FileCdnRedirect(203, b"", b"", b"", [])])
    with pytest.raises(PermanentError, match="CDN"):
        await read(caller)


async def test_nothing_is_asked_before_the_first_chunk_is() -> None:
    caller = FakeCaller([Found(message(document()))], [File(None, 0, b"abc")])
    MtprotoSource(caller, job(3), LIMITS).chunks()
    assert caller.asked == []
