"""What every place of dead letters does. A further adapter is a further maker in ``MAKERS``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teltubby_core.adapters.rabbitmq import Broker, RabbitDeadLetters, RabbitJobQueue
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.dead_letters import SqliteDeadLetters
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.domain.jobs import JobMessage, Priority
from teltubby_core.ports import DeadLetter, DeadLetters, JobQueue
from teltubby_core.testing import MemoryDeadLetters, SteppedClock, sample_job
from testbed.brokers import rabbit_settings

SOON = 10.0


@dataclass
class Harness:
    """Dead letters, and how a job becomes one."""

    letters: DeadLetters
    bury: Callable[[JobMessage, str], Awaitable[None]]
    tells_when: bool = False


def _bury_from(queue: JobQueue) -> Callable[[JobMessage, str], Awaitable[None]]:
    async def bury(job: JobMessage, reason: str) -> None:
        await queue.publish(job)
        delivery = await queue.fetch(SOON)
        assert delivery is not None
        await queue.dead_letter(delivery, reason)

    return bury


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    letters = MemoryDeadLetters()

    async def bury(job: JobMessage, reason: str) -> None:
        letters.letters.append(DeadLetter(reason, job))

    yield Harness(letters, bury)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    path: Path = request.getfixturevalue("tmp_path")
    database = Database(path / "teltubby.db")
    await database.open()
    yield Harness(SqliteDeadLetters(database), _bury_from(SqliteJobQueue(database, SteppedClock(), "worker-0")))
    await database.close()


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    broker = Broker(rabbit_settings(request.getfixturevalue("rabbitmq")), "contract test")
    yield Harness(RabbitDeadLetters(broker), _bury_from(RabbitJobQueue(broker)), tells_when=True)
    await broker.close()


@pytest.fixture(params=[memory, sqlite, rabbitmq], ids=lambda maker: maker.__name__)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with request.param(request) as made:
        yield made


async def bury_three(harness: Harness) -> None:
    for number in range(3):
        await harness.bury(sample_job(f"job-{number}"), f"reason {number}")


async def found(harness: Harness) -> list[tuple[str | None, str]]:
    return [(letter.job.job_id if letter.job else None, letter.reason) for letter in await harness.letters.browse(100)]


ALL = [("job-0", "reason 0"), ("job-1", "reason 1"), ("job-2", "reason 2")]


async def test_where_none_lies_none_is_found(harness: Harness) -> None:
    async def never(_: DeadLetter) -> bool:
        raise AssertionError

    assert await harness.letters.browse(10) == []
    assert await harness.letters.drain(never) == 0


async def test_browsing_shows_the_oldest_and_leaves_them(harness: Harness) -> None:
    await bury_three(harness)

    first = await harness.letters.browse(2)

    assert [letter.job for letter in first] == [sample_job("job-0"), sample_job("job-1")]
    assert await found(harness) == ALL
    assert await found(harness) == ALL
    assert await harness.letters.browse(0) == []


async def test_the_order_is_that_of_their_deaths(harness: Harness) -> None:
    await harness.bury(sample_job("normal"), "first")
    await harness.bury(sample_job("urgent", priority=Priority.URGENT), "second")

    assert await found(harness) == [("normal", "first"), ("urgent", "second")]


async def test_draining_takes_what_is_accepted_and_leaves_the_rest_in_place(harness: Harness) -> None:
    await bury_three(harness)
    shown = []

    async def decide(letter: DeadLetter) -> bool:
        assert letter.job is not None
        shown.append((letter.job.job_id, letter.reason))
        return letter.job.job_id == "job-1"

    assert await harness.letters.drain(decide) == 1

    assert shown == ALL
    assert await found(harness) == [ALL[0], ALL[2]]


async def test_what_comes_while_draining_is_not_shown(harness: Harness) -> None:
    await bury_three(harness)
    shown = []

    async def decide(letter: DeadLetter) -> bool:
        assert letter.job is not None
        shown.append(letter.job.job_id)
        await harness.bury(sample_job(f"again-{letter.job.job_id}"), "again")
        return True

    assert await harness.letters.drain(decide) == 3

    assert shown == ["job-0", "job-1", "job-2"]
    assert await found(harness) == [(f"again-job-{number}", "again") for number in range(3)]


async def test_an_error_ends_the_draining_and_the_rest_stays(harness: Harness) -> None:
    await bury_three(harness)

    async def decide(letter: DeadLetter) -> bool:
        if letter.reason == "reason 1":
            raise LookupError
        return True

    with pytest.raises(LookupError):
        await harness.letters.drain(decide)

    assert await found(harness) == ALL[1:]


async def test_a_letter_tells_when_it_was_put_aside_where_that_is_kept(harness: Harness) -> None:
    await harness.bury(sample_job(), "reason")

    (letter,) = await harness.letters.browse(1)

    if harness.tells_when:
        assert letter.at is not None
        assert abs(datetime.now(UTC) - letter.at) < timedelta(minutes=1)
    else:
        assert letter.at is None
