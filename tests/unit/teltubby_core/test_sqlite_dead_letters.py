"""What the embedded queue put aside can be looked at and taken away, one by one."""

import pytest

from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.dead_letters import SqliteDeadLetters
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import DeadLetter
from teltubby_core.testing import SteppedClock, sample_job


class Queue:
    """A queue whose jobs can be killed, and its dead letters."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.jobs = SqliteJobQueue(database, SteppedClock(), "test")
        self.letters = SqliteDeadLetters(database)

    async def kill(self, job_id: str, reason: str) -> JobMessage:
        job = sample_job(job_id)
        await self.jobs.publish(job)
        delivery = await self.jobs.fetch(0)
        assert delivery is not None
        await self.jobs.dead_letter(delivery, reason)
        return job


@pytest.fixture
async def queue(either_database: Database) -> Queue:
    return Queue(either_database)


async def test_they_are_shown_oldest_first_and_stay(queue: Queue) -> None:
    jobs = [await queue.kill(f"j{number}", f"reason {number}") for number in range(3)]
    await queue.jobs.publish(sample_job("alive"))
    expected = [DeadLetter(f"reason {number}", job) for number, job in enumerate(jobs)]
    for _ in range(2):
        assert await queue.letters.browse(10) == expected
    assert await queue.letters.browse(2) == expected[:2]
    assert (await queue.jobs.depth()).dead == 3


async def test_what_is_no_job_is_shown_as_that(queue: Queue) -> None:
    await queue.kill("j", "reason")
    await queue.database.run(lambda c: c.execute("UPDATE queued_jobs SET payload = '{'").rowcount)
    assert await queue.letters.browse(10) == [DeadLetter("reason", None)]


async def test_those_that_are_accepted_go_and_are_counted(queue: Queue) -> None:
    for number in range(4):
        await queue.kill(f"j{number}", f"reason {number}")
    seen = []

    async def every_other(letter: DeadLetter) -> bool:
        seen.append(letter.reason)
        return len(seen) % 2 == 0

    assert await queue.letters.drain(every_other) == 2
    assert seen == [f"reason {number}" for number in range(4)]
    assert [letter.reason for letter in await queue.letters.browse(10)] == ["reason 0", "reason 2"]


async def test_what_goes_wrong_ends_it_and_the_rest_stays(queue: Queue) -> None:
    for number in range(3):
        await queue.kill(f"j{number}", f"reason {number}")

    async def until_the_second(letter: DeadLetter) -> bool:
        if letter.reason == "reason 1":
            raise KeyError("on purpose")
        return True

    with pytest.raises(KeyError):
        await queue.letters.drain(until_the_second)
    assert [letter.reason for letter in await queue.letters.browse(10)] == ["reason 1", "reason 2"]


async def test_one_that_was_queued_again_meanwhile_is_not_removed(queue: Queue) -> None:
    job = await queue.kill("j", "reason")

    async def replay(_: DeadLetter) -> bool:
        await queue.jobs.publish(job)
        return True

    assert await queue.letters.drain(replay) == 0
    assert (await queue.jobs.depth()).ready == 1
