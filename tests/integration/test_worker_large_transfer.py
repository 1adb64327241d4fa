"""A large file whose way is full of trouble: nothing of it is fetched twice but what was on its way at a break."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partialmethod
from pathlib import Path

import pytest

from integration.worker_rig import MIB, Rig, running_rig
from support import eventually
from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.domain.jobs import JobCompleted, JobRetrying
from teltubby_simulator.content import Content, SeededContent, sha256_of
from teltubby_simulator.faults import Rule, Step
from teltubby_simulator.journal import JournalEntry
from teltubby_worker.mtproto.transfer import TransferLimits

GIB = 1024 * MIB
WINDOW = 8  # WORKER_WINDOW's default: the most requests in flight
GET_FILE = "upload.getFile"


@dataclass(frozen=True)
class EventfulContent:
    """A file during whose transfer things happen: each once, when the part with its byte is read first."""

    inner: Content
    events: dict[int, Callable[[], object]] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        return self.inner.size

    def read(self, offset: int, length: int) -> bytes:
        for at in [at for at in self.events if offset <= at < offset + length]:
            self.events.pop(at)()
        return self.inner.read(offset, length)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running_rig(tmp_path) as rig:
        rig.large_store = LocalFolderStore(tmp_path / "archive")
        yield rig


def parts(rig: Rig) -> list[JournalEntry]:
    return rig.world.journal.entries(GET_FILE, door="mtproto")


def offset_of(entry: JournalEntry) -> int:
    offset = entry.via["first_byte"]
    assert isinstance(offset, int)
    return offset


def served(entries: list[JournalEntry]) -> Counter[int]:
    """How often each part was served, by offset; one whose answer was cut off counts: its bytes were on their way."""
    return Counter(offset_of(entry) for entry in entries if entry.outcome in {"ok", "cut"})


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.timeout(280)
async def test_1_gb_with_a_flood_an_expired_reference_a_break_and_a_migration_in_its_middle(
    rig: Rig, tmp_path: Path
) -> None:
    seeded = SeededContent("1 GB", GIB + 4321)
    content = EventfulContent(seeded)
    message = rig.send(content)
    assert message.media
    document = message.media.file.id
    flood, expiry, cut, move = (share * GIB // 5 // MIB * MIB + 77 for share in (1, 2, 3, 4))
    content.events[flood] = lambda: rig.world.faults.flood(1)
    content.events[expiry] = rig.world.expire_file_references
    content.events[move] = lambda: rig.world.files.move(document, 4)
    rig.world.faults.cut(cut)
    job = await rig.publish(message)
    async with rig.worker():
        done = await rig.wait_for(JobCompleted, 240)

    entries = parts(rig)
    outcomes = Counter(entry.outcome for entry in entries)
    # it all happened
    assert content.events == {}
    assert (outcomes["FLOOD_WAIT_1"], outcomes["cut"]) == (1, 1)
    assert 1 <= outcomes["FILE_REFERENCE_EXPIRED"] <= WINDOW
    assert 1 <= outcomes["FILE_MIGRATE_4"] <= WINDOW
    # and the file is whole
    expected = await asyncio.to_thread(sha256_of, seeded)
    assert (done.size_bytes, done.sha256) == (seeded.size, expected)
    assert await asyncio.to_thread(sha256_of_file, tmp_path / "archive" / job.key) == expected
    # every part once, but for those that were in flight when the connection broke
    times = served(entries)
    assert sorted(times) == list(range(0, seeded.size, MIB))
    again = {offset for offset, count in times.items() if count > 1}
    assert set(times.values()) <= {1, 2}
    assert 1 <= len(again) <= WINDOW
    assert all(abs(offset - cut) <= 2 * WINDOW * MIB for offset in again)
    # nothing was begun anew: one login, one export, one look at the message more
    assert rig.calls("auth.importBotAuthorization") == ["ok"]
    assert rig.calls("auth.exportAuthorization") == ["ok"]
    assert rig.calls("auth.importAuthorization") == ["ok"]
    assert rig.calls("messages.getMessages") == ["ok", "ok"]
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]
    # parts came over media addresses only, first from the old data centre, then from the new one
    assert {entry.via["media"] for entry in entries} == {True}
    homes = [str(entry.via["dc_id"]) for entry in entries if entry.outcome == "ok"]
    assert set(homes) == {"2", "4"}
    assert homes == sorted(homes)


async def test_the_flooded_part_is_asked_for_again_at_the_same_byte_and_not_before_its_time(rig: Rig) -> None:
    content = EventfulContent(SeededContent("flooded", 40 * MIB))
    content.events[20 * MIB] = lambda: rig.world.faults.flood(1, premium=True)
    await rig.publish(rig.send(content))
    async with rig.worker():
        await rig.wait_for(JobCompleted)
    entries = parts(rig)
    (refused,) = (entry for entry in entries if entry.outcome == "FLOOD_PREMIUM_WAIT_1")
    later = [entry for entry in entries if entry.time > refused.time and offset_of(entry) == offset_of(refused)]
    assert [entry.outcome for entry in later] == ["ok"]
    assert later[0].time - refused.time >= 1
    assert set(served(entries).values()) == {1}


async def test_what_one_connection_is_too_slow_for_comes_over_more_but_never_more_than_allowed(rig: Rig) -> None:
    content = SeededContent("throttled", 60 * MIB)
    await rig.publish(rig.send(content))
    rig.world.faults.mtproto.connection_bandwidth = 4e6
    async with rig.worker(worker_connections=3):
        await rig.wait_for(JobCompleted, 60)
    entries = parts(rig)
    assert len({entry.via["connection"] for entry in entries}) == 3
    assert {entry.via["media"] for entry in entries} == {True}
    assert set(served(entries).values()) == {1}


async def test_media_connections_that_close_all_the_time_are_replaced_and_nothing_of_the_job_fails(rig: Rig) -> None:
    content = SeededContent("restless", 80 * MIB)
    await rig.publish(rig.send(content))
    rig.world.faults.mtproto.media_connection_bytes = 10 * MIB
    async with rig.worker():
        await rig.wait_for(JobCompleted, 60)
    entries = parts(rig)
    assert len({entry.via["connection"] for entry in entries}) >= 8
    assert sorted(served(entries)) == list(range(0, content.size, MIB))
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]
    assert rig.calls("auth.importBotAuthorization") == ["ok"]


async def test_four_files_at_a_time_share_the_connections(rig: Rig) -> None:
    files = [SeededContent(f"shared {number}", 15 * MIB) for number in range(4)]
    for content in files:
        await rig.publish(rig.send(content))
    rig.world.faults.mtproto.connection_bandwidth = 4e6
    async with rig.worker(worker_concurrency=4, worker_connections=2):
        for _ in files:
            await rig.wait_for(JobCompleted, 60)
    entries = parts(rig)
    assert len({entry.via["connection"] for entry in entries}) == 2
    assert len(entries) == 60


async def test_a_session_used_from_two_places_is_given_up_for_a_new_login_and_the_file_goes_on(rig: Rig) -> None:
    content = SeededContent("killed key", 60 * MIB)
    await rig.publish(rig.send(content))
    rig.world.faults.mtproto.latency = 0.02
    async with rig.worker():
        await eventually(lambda: len(parts(rig)) > 20)
        rig.world.faults.fail(406, "AUTH_KEY_DUPLICATED", 1, method=GET_FILE)
        rig.server.forget_keys(2)
        await rig.wait_for(JobCompleted, 60)
    assert rig.calls("auth.importBotAuthorization") == ["ok", "ok"]
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]
    assert sum(count - 1 for count in served(parts(rig)).values()) <= WINDOW


@pytest.mark.parametrize("skew", [-4000, -200, 60, 250, 4000])
async def test_a_clock_that_differs_from_telegrams_stops_nothing(rig: Rig, skew: float) -> None:
    for seconds in (0.0, skew):  # the second time with keys that were made at another time
        rig.world.faults.mtproto.clock_skew = seconds
        message = rig.send(SeededContent(f"skewed by {seconds}", 3 * MIB), dc_id=4)
        await rig.publish(message)
        async with rig.worker(io_timeout_seconds=5):
            await rig.wait_for(JobCompleted)
    assert rig.calls("auth.importBotAuthorization") == ["ok"]
    assert rig.calls("auth.importAuthorization") == ["ok"]
    assert not [event for event in rig.seen if isinstance(event, JobRetrying)]


@pytest.mark.parametrize("trouble", ["nothing comes", "too little comes"])
async def test_a_transfer_that_stalls_ends_by_its_limit(
    rig: Rig, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partialmethod(TransferLimits.__init__, patience=2.0, first_delay=0.05, longest_delay=0.1)
    monkeypatch.setattr(TransferLimits, "__init__", impatient)
    await rig.publish(rig.send(SeededContent("stalled", 40 * MIB)))
    if trouble == "nothing comes":
        rig.world.faults.add(Rule((Step(delay=600),), "mtproto", GET_FILE, repeat=True))
    else:
        rig.world.faults.mtproto.connection_bandwidth = 50e3  # one part in 20 s
    async with rig.worker(io_timeout_seconds=2):
        waiting = await rig.wait_for(JobRetrying, 30)
    assert "could not be had" in waiting.error
    assert (waiting.category, waiting.retry_count) == ("transient", 1)
