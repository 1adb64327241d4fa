"""A file behind a circuit breaker: its opening is watched, the rest of the transfer is not."""

import pytest

from teltubby_core.breaker import Breaker, BreakerLimits, CircuitState
from teltubby_core.errors import TransientError
from teltubby_core.guarded_source import GuardedSource
from teltubby_core.testing import MemorySource

LOST = TransientError("the connection was lost")
BODY = b"film" * 100_000


def breaker() -> Breaker:
    return Breaker("telegram", limits=BreakerLimits(in_a_row=2))


async def fetched(source: GuardedSource) -> bytes:
    return b"".join([chunk async for chunk in source.chunks()])


async def test_a_file_comes_as_it_is_and_tells_its_size() -> None:
    source = GuardedSource(MemorySource(BODY, told=len(BODY)), breaker())
    assert source.told_size() is None
    assert await fetched(source) == BODY
    assert source.told_size() == len(BODY)


async def test_an_empty_file_is_a_file() -> None:
    assert await fetched(GuardedSource(MemorySource(b""), breaker())) == b""


async def test_files_that_can_not_be_opened_open_the_circuit_and_the_next_is_not_even_tried() -> None:
    circuit = breaker()
    for _ in range(2):
        with pytest.raises(TransientError, match="the connection was lost"):
            await fetched(GuardedSource(MemorySource(BODY, LOST), circuit))
    untouched = MemorySource(BODY)
    with pytest.raises(TransientError, match="failed 2 times in a row"):
        await fetched(GuardedSource(untouched, circuit))
    assert untouched.opened == 0


async def test_what_happens_in_the_middle_says_nothing_about_the_circuit() -> None:
    circuit = breaker()
    for _ in range(5):
        with pytest.raises(TransientError):
            await fetched(GuardedSource(MemorySource(BODY, LOST, at=100_000), circuit))
    assert circuit.state is CircuitState.CLOSED


async def test_a_transfer_that_is_left_closes_its_source() -> None:
    source = MemorySource(BODY)
    chunks = GuardedSource(source, breaker()).chunks()
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
    assert source.closed == 1
