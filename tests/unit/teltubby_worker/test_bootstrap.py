"""Settings, and the worker that is built of them."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.clock import SystemClock
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import host_and_port, load_settings
from teltubby_core.testing import MemoryEvents, MemoryJobQueue, MemoryObjectStore, MemorySessionStore
from teltubby_worker.bootstrap import build_worker
from teltubby_worker.consumer import Worker
from teltubby_worker.settings import WorkerServiceSettings, WorkerSettings

TOKEN = "77777:" + "A" * 35
HASH = "0123456789abcdef0123456789abcdef"


def settings(**fields: Any) -> WorkerSettings:
    complete = {"telegram_bot_token": TOKEN, "mtproto_api_id": 12, "mtproto_api_hash": HASH}
    return load_settings(WorkerSettings, None, **(complete | fields))


def build(values: WorkerSettings) -> Worker:
    clock = SystemClock()
    return build_worker(
        values,
        MemoryJobQueue(clock),
        MemoryEvents(),
        LocalControl(),
        MemoryObjectStore(),
        MemorySessionStore(),
        clock,
        ensure_bucket=_ours,
    )


async def _ours() -> None:
    """The bucket is this bot's."""


def test_a_worker_is_built_without_opening_anything() -> None:
    assert isinstance(build(settings()), Worker)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"mtproto_api_id": None}, ["MTPROTO_API_ID"]),
        ({"mtproto_api_hash": None}, ["MTPROTO_API_HASH"]),
        ({"mtproto_api_id": None, "mtproto_api_hash": None}, ["MTPROTO_API_ID", "MTPROTO_API_HASH"]),
    ],
)
def test_missing_mtproto_settings_are_named_all_at_once(missing: dict[str, None], named: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(settings(**missing))
    assert [name for name in ("MTPROTO_API_ID", "MTPROTO_API_HASH") if name in str(caught.value)] == named


def test_complete_settings_are_enough() -> None:
    assert settings().mtproto_missing is None


@pytest.mark.parametrize(
    ("field", "value"), [("worker_concurrency", 0), ("worker_concurrency", 5), ("worker_window", 17)]
)
def test_a_setting_out_of_bounds_is_named(field: str, value: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**{field: value})
    assert caught.value.problems[0].startswith(field.upper())


@pytest.mark.parametrize("content", [None, "no key at all"])
def test_a_bad_key_file_is_named(tmp_path: Path, content: str | None) -> None:
    key_file = tmp_path / "server.pem"
    if content is not None:
        key_file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        build(settings(mtproto_public_key_file=key_file))
    assert caught.value.problems[0].startswith("MTPROTO_PUBLIC_KEY_FILE")


def test_a_worker_is_named_after_its_machine_and_process_unless_it_is_given_a_name() -> None:
    assert settings().worker_name == f"{socket.gethostname()}-{os.getpid()}"
    assert settings(worker_name="one").worker_name == "one"


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("dc.example.org:443", ("dc.example.org", 443)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[2001:DB8:0::4]:443", ("2001:db8::4", 443)),
    ],
)
def test_a_server_is_a_host_and_a_port(server: str, place: tuple[str, int]) -> None:
    told = settings(mtproto_server=server).mtproto_server
    assert told
    assert host_and_port(told) == place


@pytest.mark.parametrize(
    "server",
    ["dc:0", "dc:65536", "dc:99999", "dc:123456", "dc", "dc:", ":443", "::1:443", "[::1]", "[]:443", "[1:2]:443"],
)
def test_a_server_that_can_not_be_is_refused_at_the_start_by_name(server: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(mtproto_server=server)
    (problem,) = caught.value.problems
    assert problem.startswith("MTPROTO_SERVER: ")


def test_a_stop_waits_ten_seconds_for_running_jobs_unless_told_otherwise() -> None:
    assert settings().worker_shutdown_seconds == 10


def test_a_worker_of_its_own_names_all_that_it_misses_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(WorkerServiceSettings, None)
    problems = sorted(caught.value.problems)
    names = [problem.partition(":")[0] for problem in problems]
    assert names == ["MTPROTO_API_HASH", "MTPROTO_API_ID", "TELEGRAM_BOT_TOKEN"]
    assert problems[1] == "MTPROTO_API_ID: missing (api_id from my.telegram.org)"
