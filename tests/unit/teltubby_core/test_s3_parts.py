"""What of the store on S3 needs no server: bytes on their way, headers, options, pages of a sweep, attempts."""

import asyncio
import threading
import time
import zlib
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from teltubby_core.adapters.s3 import S3Options, headers
from teltubby_core.adapters.s3.body import Body, Part, crc32
from teltubby_core.adapters.s3.calls import ATTEMPTS, Calls
from teltubby_core.adapters.s3.sweep import sweep
from teltubby_core.errors import StorageUnavailableError, TransientError
from teltubby_core.settings import S3Settings, load_settings

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OPTIONS = S3Options(bucket="media", endpoint="http://127.0.0.1:9", io_timeout=5)


# Bytes


def test_a_part_takes_its_size_and_no_more():
    part = Part(10)

    assert (bytes(part.content), len(part), part.full) == (b"", 0, False)
    assert part.take(memoryview(b"abcdef")) == 6
    assert (bytes(part.content), len(part), part.full) == (b"abcdef", 6, False)
    assert part.take(memoryview(b"ghijkl")) == 4
    assert (bytes(part.content), len(part), part.full) == (b"abcdefghij", 10, True)
    assert part.take(memoryview(b"m")) == 0


def test_a_body_gives_all_its_bytes_and_again_after_a_seek():
    content = bytes(range(256)) * 4000
    body = Body(memoryview(content), threading.Event(), silence=60)

    for _ in range(2):
        assert b"".join(iter(lambda: bytes(body.read(16384)), b"")) == content
        assert body.tell() == len(body) == len(content)
        assert body.seek(0) == 0
    assert body.seek(-3, 2) == len(content) - 3
    assert bytes(body.read()) == content[-3:]
    assert body.seek(-3, 1) == len(content) - 3


def test_a_body_ends_in_the_middle_when_nobody_wants_it_any_more():
    stop = threading.Event()
    body = Body(memoryview(bytes(1024 * 1024)), stop, silence=60)
    body.read(16384)
    stop.set()

    with pytest.raises(InterruptedError):
        body.read(16384)


def test_a_body_ends_when_it_is_sent_too_slowly():
    body = Body(memoryview(b"x"), threading.Event(), silence=-1)

    with pytest.raises(TimeoutError, match="32 KiB/s"):
        body.read(1)


@pytest.mark.parametrize("content", [b"", b"x", memoryview(b"123456789")])
def test_the_checksum_is_the_one_of_s3(content: bytes | memoryview):
    assert int.from_bytes(b64decode(crc32(content)), "big") == zlib.crc32(content)


def test_the_checksum_of_the_nine_digits_is_the_published_one():
    assert b64decode(crc32(b"123456789")).hex() == "cbf43926"


# Headers


@pytest.mark.parametrize(
    "value", ["plain-Id_9", "Zoë 50 % ✓", "a\r\nx-amz-acl: public-read", "", " both ends ", "\x00"]
)
def test_metadata_is_plain_ascii_and_can_be_read_back(value: str):
    [(name, sent)] = headers.metadata({"chat_Title": value}).items()

    assert name == "chat-title"
    assert sent.isascii()
    assert sent == "" or (sent.isprintable() and " " not in sent)
    assert unquote(sent) == value


@pytest.mark.parametrize("given", ["video/mp4", "application/json; charset=utf-8", "image/svg+xml", "x-a/b.c-d"])
def test_a_media_type_stays(given: str):
    assert headers.content_type(given) == given


@pytest.mark.parametrize("given", ["", "video", "video/mp4\r\nx: y", "vidéo/mp4", "a/b c", "/", "a/b;"])
def test_what_is_no_media_type_becomes_the_unknown_one(given: str):
    assert headers.content_type(given) == "application/octet-stream"


# Options


def test_options_are_the_settings():
    environment: dict[str, Any] = {
        "s3_endpoint": "https://minio:9000/",
        "s3_bucket": "archive",
        "s3_access_key_id": "key",
        "s3_secret_access_key": "s3cret",
        "s3_part_mib": 16,
        "s3_create_bucket": False,
    }
    options = S3Options.of(load_settings(S3Settings, None, **environment), io_timeout=30)

    assert options == S3Options(
        bucket="archive",
        endpoint="https://minio:9000",
        access_key_id="key",
        secret_access_key="s3cret",
        create_bucket=False,
        part_size=16 * 1024 * 1024,
        io_timeout=30,
    )
    assert "s3cret" not in repr(options)


# Sweeps


class PagedClient:
    """Uploads in pages, as the larger S3 servers list them."""

    def __init__(self, ages: dict[str, timedelta], date: str = format_datetime(NOW)) -> None:
        self.uploads = [{"Key": key, "UploadId": f"id {key}", "Initiated": NOW - age} for key, age in ages.items()]
        self.date = date
        self.aborted: list[str] = []

    def list_multipart_uploads(self, *, Bucket: str, KeyMarker: str, UploadIdMarker: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "media"
        places = [(entry["Key"], entry["UploadId"]) for entry in self.uploads]
        start = places.index((KeyMarker, UploadIdMarker)) + 1 if KeyMarker else 0
        page = self.uploads[start : start + 2]
        told: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {"date": self.date}}, "Uploads": page}
        if start + 2 < len(self.uploads):
            told |= {"IsTruncated": True, "NextKeyMarker": page[-1]["Key"], "NextUploadIdMarker": page[-1]["UploadId"]}
        return told

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> None:  # noqa: N803
        assert (Bucket, UploadId) == ("media", f"id {Key}")
        self.aborted.append(Key)


def test_a_sweep_looks_at_all_pages_and_takes_what_is_old_and_ours():
    old, young = DAY + timedelta(seconds=1), DAY - timedelta(seconds=1)
    ages = {"others/1": old, "teltubby/1": old, "teltubby/2": young, "teltubby/3": old, "teltubby/4": old}
    client: Any = PagedClient(ages)

    assert sweep(client, "media", DAY) == 3
    assert client.aborted == ["teltubby/1", "teltubby/3", "teltubby/4"]


def test_a_sweep_without_the_servers_time_uses_ours():
    client: Any = PagedClient({"teltubby/1": timedelta(days=2) - (datetime.now(UTC) - NOW)}, date="")

    assert sweep(client, "media", DAY) == 1
    assert sweep(client, "media", 3 * DAY) == 0


# Attempts


@pytest.fixture
def failing() -> list[float]:
    return []


async def test_what_may_pass_is_tried_again_a_bounded_number_of_times(failing: list[float]):
    calls = Calls(OPTIONS)

    def call(_: object) -> None:
        failing.append(time.monotonic())
        raise EndpointConnectionError(endpoint_url="x")

    with pytest.raises(StorageUnavailableError):
        await calls.run(call)
    await calls.close()

    assert len(failing) == ATTEMPTS
    assert failing[-1] - failing[0] < 3


async def test_nothing_is_tried_again_once_the_servers_time_is_up(failing: list[float]):
    calls = Calls(S3Options(bucket="media", endpoint="http://127.0.0.1:9", io_timeout=0.001))

    def call(_: object) -> None:
        time.sleep(0.002)
        failing.append(time.monotonic())
        raise ReadTimeoutError(endpoint_url="x")

    with pytest.raises(StorageUnavailableError):
        await calls.run(call)
    await calls.close()

    assert len(failing) == 1


async def test_a_cancelled_caller_waits_for_the_call_that_runs_and_for_no_further_one(failing: list[float]):
    calls = Calls(OPTIONS)
    running, go_on = threading.Event(), threading.Event()

    def call(_: object) -> None:
        failing.append(time.monotonic())
        running.set()
        go_on.wait(5)
        raise EndpointConnectionError(endpoint_url="x")

    task = asyncio.create_task(calls.run(call))
    await asyncio.to_thread(running.wait, 5)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    await calls.close()

    assert len(failing) == 1


async def test_a_call_that_still_waits_for_a_thread_is_never_made_when_its_caller_leaves():
    calls = Calls(OPTIONS, threads=1)
    running, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def hold(_: object) -> None:
        running.set()
        go_on.wait(5)

    holder = asyncio.create_task(calls.run(hold))
    await asyncio.to_thread(running.wait, 5)
    waiting = asyncio.create_task(calls.run(lambda _: made.append("made")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 5)
    go_on.set()
    await holder
    await calls.close()

    assert made == []


async def test_who_is_told_to_stop_learns_it_as_something_that_may_be_tried_anew():
    calls = Calls(OPTIONS)
    stop = threading.Event()

    def call(_: object) -> None:
        stop.set()
        raise EndpointConnectionError(endpoint_url="x")

    with pytest.raises(TransientError, match="ended by"):
        await calls.run(call, stop)
    await calls.close()
