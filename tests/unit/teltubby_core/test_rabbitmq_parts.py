"""The parts of the broker's adapters that need no broker."""

import asyncio
import struct
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from pamqp import commands, decode, frame, header
from pydantic import ValidationError

from teltubby_core.adapters._unreadable import unreadable_reason
from teltubby_core.adapters.rabbitmq.backoff import Backoff
from teltubby_core.adapters.rabbitmq.finishing import to_the_end
from teltubby_core.adapters.rabbitmq.tolerance import tolerate_foreign_properties
from teltubby_core.adapters.rabbitmq.topology import DELAYS, REPORT_KEYS, Topology
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings


@pytest.fixture
def topology() -> Topology:
    return Topology(RabbitSettings())


@pytest.mark.parametrize(
    ("delay", "key"),
    [
        (-1, "teltubby.large_files"),
        (0, "teltubby.large_files"),
        (0.001, "teltubby.large_files.delay.1s"),
        (1, "teltubby.large_files.delay.1s"),
        (1.001, "teltubby.large_files.delay.2s"),
        (16, "teltubby.large_files.delay.20s"),
        (3600, "teltubby.large_files.delay.3600s"),
        (1e9, "teltubby.large_files.delay.3600s"),
    ],
)
def test_a_delay_is_rounded_up_to_a_step(topology: Topology, delay: float, key: str) -> None:
    assert topology.key_for(delay) == key


def test_no_delay_is_lengthened_by_more_than_it_was() -> None:
    assert all(shorter < longer <= 2.5 * shorter for shorter, longer in pairwise(DELAYS))


def test_names_are_those_of_the_settings(topology: Topology) -> None:
    assert [exchange.name for exchange in topology.exchanges] == [
        "teltubby.exchange",
        "teltubby.dlx",
        "teltubby.events",
        "teltubby.large_files.control",
    ]
    assert (topology.job_queue.name, topology.dead_queue.name) == ("teltubby.large_files", "teltubby.failed_jobs")
    assert [queue.name for queue in topology.event_queues] == ["teltubby.events.bot", "teltubby.events.progress"]


def test_the_longest_names_that_the_settings_take_fit_the_protocol() -> None:
    longest = "q" * 200
    topology = Topology(RabbitSettings(job_queue_name=longest, event_exchange=longest))

    names = [spec.name for spec in (*topology.delay_queues, *topology.event_queues)]

    assert max(len(name.encode()) for name in [*names, topology.orders]) <= 255


def test_every_queue_is_bound_and_reports_leave_out_progress(topology: Topology) -> None:
    bound = {queue for queue, _, _ in topology.bindings}

    assert bound == {
        spec.name for spec in (topology.job_queue, topology.dead_queue, *topology.delay_queues, *topology.event_queues)
    }
    assert set(REPORT_KEYS) == {
        "job.started",
        "job.retrying",
        "job.completed",
        "job.failed",
        "job.cancelled",
        "job.replayed",
        "session.*",
    }


def test_what_waits_for_its_time_goes_back_to_the_jobs(topology: Topology) -> None:
    for seconds, spec in zip(DELAYS, topology.delay_queues, strict=True):
        assert dict(spec.arguments) == {
            "x-message-ttl": seconds * 1000,
            "x-dead-letter-exchange": "teltubby.exchange",
            "x-dead-letter-routing-key": "teltubby.large_files",
        }


class TestBackoff:
    async def test_it_repeats_the_sentence_until_the_pause_is_over_and_then_longer(self) -> None:
        backoff = Backoff()
        backoff.check()
        pauses = []
        loop = asyncio.get_running_loop()
        for number in range(6):
            backoff.failed(BrokerUnavailableError(f"failure {number}"))
            pauses.append(backoff._until - loop.time())
            with pytest.raises(BrokerUnavailableError, match=f"failure {number}"):
                backoff.check()

        assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 10], abs=0.1)

    async def test_a_connection_that_worked_may_be_made_again_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        backoff = Backoff()
        backoff.connected()
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + 11)
        backoff.lost(BrokerUnavailableError("lost"))

        backoff.check()

    async def test_one_that_broke_at_once_counts_as_a_failure(self) -> None:
        backoff = Backoff()
        backoff.connected()
        backoff.lost(BrokerUnavailableError("lost"))

        with pytest.raises(BrokerUnavailableError, match="lost"):
            backoff.check()


class TestToTheEnd:
    async def test_it_returns_and_raises_what_the_work_does(self) -> None:
        async def returns() -> int:
            return 7

        async def raises() -> None:
            raise LookupError

        assert await to_the_end(returns()) == 7
        with pytest.raises(LookupError):
            await to_the_end(raises())

    @pytest.mark.parametrize("error", [None, LookupError])
    async def test_a_cancel_waits_for_the_end(self, error: type[Exception] | None) -> None:
        go_on, done = asyncio.Event(), False

        async def work() -> None:
            nonlocal done
            await go_on.wait()
            done = True
            if error:
                raise error

        task = asyncio.ensure_future(to_the_end(work()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert done


def _header_frame(flags: int, properties: bytes) -> bytes:
    payload = struct.pack(">HHQ", commands.Basic.frame_id, 0, 4) + struct.pack(">H", flags) + properties
    return struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _table(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


FLAGS = commands.Basic.Properties.flags
UNREADABLE = {
    "a time beyond the calendar": ("timestamp", struct.pack(">Q", 2**62), None),
    "the last time of all": ("timestamp", struct.pack(">Q", 2**64 - 1), None),
    "text that is none": ("message_id", _short(b"\xff\xfe"), "\ufffd\ufffd"),
    "a header of an unknown type": ("headers", _table(_short(b"odd") + b"Z123"), {}),
    "a header's name that is no text": ("headers", _table(_short(b"\xff") + b"t\x01"), {}),
    "a header that ends too early": ("headers", _table(_short(b"odd") + b"S\x00\x00\x00\x09a"), None),
    "a time in a header": ("headers", _table(_short(b"sent") + b"T" + struct.pack(">Q", 2**62)), {"sent": None}),
    "a table of an unknown type in a header": (
        "headers",
        _table(_short(b"in") + b"F" + _table(_short(b"odd") + b"Z") + _short(b"next") + b"t\x01"),
        {"in": {}, "next": True},
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_properties_that_cannot_be_read_do_not_cost_the_message(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, encoded, expected = UNREADABLE[case]
    monkeypatch.setattr(decode, "METHODS", dict(decode.METHODS))
    monkeypatch.setattr(decode, "TABLE_MAPPING", dict(decode.TABLE_MAPPING))
    tolerate_foreign_properties()
    tolerate_foreign_properties()
    # a further property behind it shows that reading goes on at the right byte
    data = _header_frame(FLAGS[name] | FLAGS["app_id"], encoded + _short(b"behind"))

    _, _, read = frame.unmarshal(data)

    assert isinstance(read, header.ContentHeader)
    if expected is not None or name == "timestamp":
        assert getattr(read.properties, name) == expected
    assert read.properties.app_id == "behind"


def test_what_can_be_read_is_read_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "METHODS", dict(decode.METHODS))
    monkeypatch.setattr(decode, "TABLE_MAPPING", dict(decode.TABLE_MAPPING))
    tolerate_foreign_properties()
    sent = commands.Basic.Properties(
        message_id="ä", timestamp=datetime(2025, 3, 1, tzinfo=UTC), headers={"a": 1, "b": {"c": ["d", None, True]}}
    )

    properties = commands.Basic.Properties()
    flags, encoded = struct.unpack(">H", sent.marshal()[:2])[0], sent.marshal()[2:]
    properties.unmarshal(flags, encoded)

    assert properties == sent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("private", "can't be read: it is no JSON"),
        ('{"version": 9, "private": 1}', "can't be read: it is of a version that this teltubby does not know"),
        ('{"job_id": ""}', "can't be read: 13 wrong fields, the first: job_id"),
    ],
)
def test_why_a_job_cannot_be_read_is_told_without_its_content(text: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JobMessage.model_validate_json(text)

    assert unreadable_reason(caught.value) == reason


def test_a_field_of_an_unknown_name_is_not_named() -> None:
    values: dict[str, Any] = {"private": 1}

    with pytest.raises(ValidationError) as caught:
        JobMessage.model_validate(values)

    only = [problem for problem in caught.value.errors() if problem["type"] == "extra_forbidden"]
    error = ValidationError.from_exception_data("job", [{"type": "extra_forbidden", "loc": only[0]["loc"], "input": 1}])
    assert unreadable_reason(error) == "can't be read: 1 wrong fields, the first: a field of an unknown name"
