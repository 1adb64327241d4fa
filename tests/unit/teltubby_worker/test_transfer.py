"""The streaming engine on a file that misbehaves on request."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

import pytest

from teltubby_core.errors import PermanentError, TransferMismatchError, TransientError
from teltubby_worker.mtproto.transfer import (
    PART_SIZE,
    FloodGate,
    Patience,
    ReferenceExpiredError,
    Transfer,
    TransferLimits,
)

LIMITS = TransferLimits(window=4, patience=5, first_delay=0.001, longest_delay=0.002, flood_limit=10)
HASTY = replace(LIMITS, patience=0.02)
OFTEN = 12  # more failures than any fixed number of tries would bear
SIZE = 9 * PART_SIZE + 1234

Trouble = Callable[[int, int], Awaitable[bytes | None]]


def content(size: int) -> bytes:
    block = bytes(range(251))
    return (block * (size // len(block) + 1))[:size]


class FakeFile:
    """Parts of ``payload``; ``trouble(offset, nth call for it)`` may raise, wait, or return other bytes."""

    def __init__(self, payload: bytes, trouble: Trouble | None = None) -> None:
        self.payload = payload
        self.trouble = trouble
        self.calls: Counter[int] = Counter()
        self.order: list[int] = []
        self.refreshes = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.fail_refresh: Exception | None = None

    async def fetch(self, offset: int, limit: int) -> bytes:
        assert limit == PART_SIZE
        assert offset % PART_SIZE == 0
        self.calls[offset] += 1
        self.order.append(offset)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            other = await self.trouble(offset, self.calls[offset]) if self.trouble else None
        finally:
            self.in_flight -= 1
        return self.payload[offset : offset + limit] if other is None else other

    async def refresh(self) -> None:
        self.refreshes += 1
        await asyncio.sleep(0)
        if self.fail_refresh:
            raise self.fail_refresh


class FakeTime:
    """The event loop's time, which only sleeping moves."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        patch.setattr(asyncio, "sleep", self._sleep)
        patch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def failing(troubles: list[TransientError]) -> Callable[[], Awaitable[str]]:
    left = iter(troubles)

    async def ask() -> str:
        if trouble := next(left, None):
            raise trouble
        return "got it"

    return ask


async def read(file: FakeFile, size: int | None, limits: TransferLimits = LIMITS) -> bytes:
    received = bytearray()
    async with asyncio.timeout(10):
        async for part in Transfer(file, size, limits).parts():
            received += part
    return bytes(received)


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 4 * PART_SIZE, SIZE])
async def test_bytes_come_whole_and_in_order(size: int) -> None:
    file = FakeFile(content(size))
    assert await read(file, size) == content(size)
    assert all(count == 1 for count in file.calls.values())
    assert len(file.calls) == -(-size // PART_SIZE)


async def test_parts_that_overtake_each_other_are_put_in_order() -> None:
    first_may_go = asyncio.Event()

    async def trouble(offset: int, _nth: int) -> None:
        if offset == 0:
            await first_may_go.wait()
        elif offset == 3 * PART_SIZE:
            first_may_go.set()

    assert await read(FakeFile(content(SIZE), trouble), SIZE) == content(SIZE)


async def test_requests_run_side_by_side_but_never_more_than_the_window() -> None:
    file = FakeFile(content(SIZE))
    await read(file, SIZE)
    assert file.most_in_flight == LIMITS.window


async def test_no_part_is_asked_for_before_the_window_has_room() -> None:
    file = FakeFile(content(SIZE))
    async with aclosing(Transfer(file, SIZE, LIMITS).parts()) as parts:
        await anext(parts)
        for _ in range(100):
            await asyncio.sleep(0)
        # one in the reader's hands, a window full of others
        assert max(file.order) == LIMITS.window * PART_SIZE
        await anext(parts)
        for _ in range(100):
            await asyncio.sleep(0)
        assert max(file.order) == (LIMITS.window + 1) * PART_SIZE


@pytest.mark.parametrize("size", [0, 5, PART_SIZE, 3 * PART_SIZE, SIZE])
async def test_unknown_size_ends_at_the_first_short_part(size: int) -> None:
    assert await read(FakeFile(content(size)), None) == content(size)


async def test_a_failed_part_is_asked_for_again_at_its_own_offset() -> None:
    async def trouble(offset: int, nth: int) -> None:
        if offset == 2 * PART_SIZE and nth <= OFTEN:
            raise TransientError("closed")

    file = FakeFile(content(SIZE), trouble)
    assert await read(file, SIZE) == content(SIZE)
    assert file.calls[2 * PART_SIZE] == OFTEN + 1
    assert sum(file.calls.values()) == 10 + OFTEN


async def test_a_part_that_keeps_failing_ends_the_transfer() -> None:
    async def trouble(offset: int, _nth: int) -> None:
        if offset == PART_SIZE:
            raise TransientError("closed")

    file = FakeFile(content(SIZE), trouble)
    with pytest.raises(
        TransientError, match=f"the part at byte {PART_SIZE} could not be had for 0 s: closed"
    ) as caught:
        await read(file, SIZE, HASTY)
    assert caught.value.retry_after is None
    assert file.calls[PART_SIZE] > 2


async def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    troubles = [TransientError("closed") for _ in range(9)]
    patience = Patience(TransferLimits())
    assert await patience.persist(failing(troubles), "it") == "got it"
    assert clock.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_request_is_repeated_for_ten_minutes_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    with pytest.raises(TransientError, match=r"it could not be had for 6\d\d s: closed"):
        await Patience(TransferLimits()).persist(failing([TransientError("closed")] * 100), "it")
    assert 600 <= clock.now < 600 + 30


async def test_any_progress_makes_patience_whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    patience = Patience(TransferLimits())
    for _ in range(5):
        assert await patience.persist(failing([TransientError("closed")] * 20), "it") == "got it"
    assert clock.now > 4 * 400


async def test_progress_of_one_part_gives_the_others_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    patience = Patience(TransferLimits())
    failures = 0

    async def other_parts_come() -> str:
        nonlocal failures
        failures += 1
        if failures == 40:
            return "got it"
        await patience.persist(failing([]), "another part")
        raise TransientError("closed")

    assert await patience.persist(other_parts_come, "it") == "got it"
    assert clock.now > 600


async def test_a_reader_that_was_slow_has_not_used_patience_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    patience = Patience(TransferLimits())
    await patience.persist(failing([]), "it")
    clock.now += 3000
    assert await patience.persist(failing([TransientError("closed")] * 5), "it") == "got it"


async def test_floods_between_failures_use_up_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime(monkeypatch)
    troubles = [TransientError("closed"), TransientError("flood", 1000), *[TransientError("closed")] * 5]
    assert await Patience(TransferLimits()).persist(failing(troubles), "it") == "got it"
    assert clock.now > 1000


async def test_a_permanent_error_is_not_tried_again() -> None:
    async def trouble(offset: int, _nth: int) -> None:
        if offset == PART_SIZE:
            raise PermanentError("gone")

    file = FakeFile(content(SIZE), trouble)
    with pytest.raises(PermanentError, match="gone"):
        await read(file, SIZE)
    assert file.calls[PART_SIZE] == 1


async def test_a_flood_holds_back_every_request_and_goes_on_at_the_same_byte() -> None:
    loop = asyncio.get_running_loop()
    asked: list[float] = []

    async def trouble(offset: int, nth: int) -> None:
        asked.append(loop.time())
        if offset == 5 * PART_SIZE and nth == 1:
            raise TransientError("flood", 0.3)

    file = FakeFile(content(SIZE), trouble)
    assert await read(file, SIZE) == content(SIZE)
    assert all(count == 1 for offset, count in file.calls.items() if offset != 5 * PART_SIZE)
    gap = max(after - before for before, after in pairwise(asked))
    assert 0.25 < gap < 3


async def test_floods_do_not_count_as_failures() -> None:
    async def trouble(offset: int, nth: int) -> None:
        if offset == 0 and nth <= OFTEN:
            raise TransientError("flood", 0.001)

    impatient = replace(LIMITS, patience=0)
    assert await read(FakeFile(content(SIZE), trouble), SIZE, impatient) == content(SIZE)


async def test_a_flood_beyond_the_limit_ends_the_transfer_and_tells_how_long() -> None:
    async def trouble(offset: int, _nth: int) -> None:
        if offset == PART_SIZE:
            raise TransientError("flood", 11)

    with pytest.raises(TransientError) as caught:
        await read(FakeFile(content(SIZE), trouble), SIZE)
    assert caught.value.retry_after == 11


async def test_floods_side_by_side_count_once_and_one_after_another_add_up() -> None:
    gate = FloodGate(limit=10)
    for _ in range(50):
        gate.close(6)
    gate.close(9.9)
    with pytest.raises(TransientError):
        gate.close(10.5)


async def test_an_expired_reference_is_renewed_once_for_all_parts_in_flight() -> None:
    async def trouble(_offset: int, _nth: int) -> None:
        if file.refreshes == 0:
            raise ReferenceExpiredError("expired")

    file = FakeFile(content(SIZE), trouble)
    assert await read(file, SIZE) == content(SIZE)
    assert file.refreshes == 1
    assert all(count <= 2 for count in file.calls.values())


async def test_a_reference_that_expires_again_and_again_ends_the_transfer() -> None:
    async def trouble(_offset: int, _nth: int) -> None:
        raise ReferenceExpiredError("expired")

    file = FakeFile(content(PART_SIZE), trouble)
    with pytest.raises(TransientError):
        await read(file, PART_SIZE, HASTY)
    assert file.refreshes > 1


async def test_another_file_behind_the_new_reference_ends_the_transfer() -> None:
    async def trouble(_offset: int, _nth: int) -> None:
        raise ReferenceExpiredError("expired")

    file = FakeFile(content(SIZE), trouble)
    file.fail_refresh = TransferMismatchError("another file")
    with pytest.raises(TransferMismatchError, match="another file"):
        await read(file, SIZE)


@pytest.mark.parametrize(
    ("offset", "wrong"),
    [
        (3 * PART_SIZE, content(PART_SIZE - 1)),
        (3 * PART_SIZE, b""),
        (3 * PART_SIZE, content(PART_SIZE + 1)),
        (9 * PART_SIZE, content(1233)),
        (9 * PART_SIZE, content(1235)),
    ],
)
async def test_a_part_of_the_wrong_length_is_a_mismatch_and_is_not_asked_for_again(offset: int, wrong: bytes) -> None:
    async def trouble(at: int, _nth: int) -> bytes | None:
        return wrong if at == offset else None

    file = FakeFile(content(SIZE), trouble)
    with pytest.raises(TransferMismatchError):
        await read(file, SIZE)
    assert file.calls[offset] == 1


async def test_cancellation_leaves_no_task_behind() -> None:
    async def trouble(offset: int, _nth: int) -> None:
        if offset >= 2 * PART_SIZE:
            await asyncio.get_running_loop().create_future()

    file = FakeFile(content(SIZE), trouble)
    before = asyncio.all_tasks()
    reading = asyncio.create_task(read(file, SIZE))
    async with asyncio.timeout(5):
        while len(file.calls) < 6:  # noqa: ASYNC110  # the engine has no event for it
            await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == before
    assert file.in_flight == 0


async def test_a_reader_that_stops_early_leaves_no_task_behind() -> None:
    file = FakeFile(content(SIZE))
    before = asyncio.all_tasks()
    async with aclosing(Transfer(file, SIZE, LIMITS).parts()) as parts:
        await anext(parts)
    assert asyncio.all_tasks() == before
