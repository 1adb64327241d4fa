"""``teltubby queue`` on a real broker, and on the database of a stopped ``teltubby run``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aio_pika
import pytest

from integration.cli_rig import CommandLine, Ended, rabbit_environment, teltubby
from teltubby_core.adapters.rabbitmq import Broker, RabbitEvents, RabbitJobQueue
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.clock import SystemClock
from teltubby_core.domain.jobs import JobReplayed
from teltubby_core.ports import Events, JobQueue
from teltubby_core.settings import RabbitSettings
from teltubby_core.testing import sample_job
from testbed.brokers import rabbit_settings
from testbed.processes import free_port
from testbed.rabbitmq import AmqpAddress

SOON = 10.0


async def bury(queue: JobQueue, *job_ids: str) -> None:
    for number, job_id in enumerate(job_ids, 1):
        await queue.publish(sample_job(job_id, message_id=number))
    for _ in job_ids:
        delivery = await queue.fetch(SOON)
        assert delivery is not None
        await queue.dead_letter(delivery, "the message was deleted")


async def told(events: Events, count: int) -> list[str]:
    """The jobs that the bot is to have tried again."""
    found = []
    for _ in range(count):
        delivery = await events.next(SOON)
        assert delivery is not None
        assert isinstance(delivery.event, JobReplayed)
        found.append(delivery.event.job_id)
        await events.ack(delivery)
    assert await events.next(0.2) is None
    return found


@pytest.fixture
def names(rabbitmq: AmqpAddress) -> RabbitSettings:
    return rabbit_settings(rabbitmq)


@pytest.fixture
async def broker(names: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(names, "test")
    yield broker
    await broker.close()


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path)


@pytest.fixture
def queue(names: RabbitSettings, command_line: CommandLine) -> Callable[..., Awaitable[Ended]]:
    """The command, at the broker."""

    async def queue(*arguments: str) -> Ended:
        return await command_line("queue", *arguments, settings=rabbit_environment(names))

    return queue


async def bury_junk(broker: Broker, names: RabbitSettings) -> None:
    await broker.publish(names.job_dlx_exchange, names.job_dead_letter_queue, aio_pika.Message(b"junk"))


async def test_dead_letters_at_the_broker_are_listed_and_stay(broker: Broker, names: RabbitSettings, queue):
    await bury(RabbitJobQueue(broker), "job-1", "job-2")
    await bury_junk(broker, names)
    for _ in range(2):
        ended = await queue("dead", "--json")
        assert ended.status == 0, ended
        assert [each["job_id"] for each in ended.json()] == ["job-1", "job-2", None]
        assert ended.json()[0]["reason"] == "the message was deleted"
        assert ended.json()[0]["at"] is not None
    assert (await queue("dead", "--limit", "1")).out.splitlines()[-1] == "3 dead letters, 1 of them shown (--limit)"


async def test_a_replayed_job_waits_for_the_bot_and_its_letter_is_gone(broker: Broker, queue):
    await bury(RabbitJobQueue(broker), "job-1", "job-2")
    ended = await queue("replay", "job-2")
    assert ended.status == 0, ended
    assert await told(RabbitEvents(broker), 1) == ["job-2"]
    assert [each["job_id"] for each in (await queue("dead", "--json")).json()] == ["job-1"]


async def test_all_are_replayed_but_what_is_no_job(broker: Broker, names: RabbitSettings, queue):
    await bury(RabbitJobQueue(broker), "job-1", "job-2")
    await bury_junk(broker, names)
    ended = await queue("replay", "--all")
    assert ended.status == 0, ended
    assert await told(RabbitEvents(broker), 2) == ["job-1", "job-2"]
    assert [each["job_id"] for each in (await queue("dead", "--json")).json()] == [None]


async def test_purging_leaves_jobs_alone(broker: Broker, names: RabbitSettings, queue):
    jobs = RabbitJobQueue(broker)
    await bury(jobs, "job-1")
    await bury_junk(broker, names)
    await jobs.close()
    await jobs.publish(sample_job("job-2"))
    assert (await queue("purge")).status == 2
    ended = await queue("purge", "--yes")
    assert (ended.status, ended.out) == (0, "2 dead letters removed\n")
    depth = await jobs.depth()
    assert (depth.ready, depth.dead) == (1, 0)


async def test_a_broker_that_is_away_is_status_1_with_the_setting(command_line: CommandLine):
    settings = {"RABBITMQ_HOST": "127.0.0.1", "RABBITMQ_PORT": str(free_port())}
    ended = await command_line("queue", "dead", settings=settings)
    assert ended.status == 1
    assert "Check RABBITMQ_HOST and RABBITMQ_PORT" in ended.err


@pytest.fixture
async def database(tmp_path: Path) -> Database:
    """Where a ``teltubby run`` in that folder would have it, closed."""
    database = Database(tmp_path / "teltubby-data" / "teltubby.db")
    await database.open()
    await bury(SqliteJobQueue(database, SystemClock(), "run"), "job-1", "job-2", "job-3")
    await database.close()
    return Database(tmp_path / "teltubby-data" / "teltubby.db")


async def test_the_same_on_the_database_of_a_run(database: Database, command_line: CommandLine):
    listed = await command_line("queue", "dead", "--json", settings={})
    assert [each["job_id"] for each in listed.json()] == ["job-1", "job-2", "job-3"]
    replayed = await command_line("queue", "replay", "job-3", "job-1", settings={})
    assert replayed.status == 0, replayed
    purged = await command_line("queue", "purge", "--yes", settings={})
    assert purged.out == "1 dead letter removed\n"
    await database.open()
    try:
        assert await told(SqliteEvents(database), 2) == ["job-1", "job-3"]
    finally:
        await database.close()


async def test_a_database_that_is_being_served_is_left_alone(database: Database, tmp_path: Path):
    await database.open()
    try:
        ended = await teltubby("queue", "purge", "--yes", settings={}, folder=tmp_path)
    finally:
        await database.close()
    assert ended.status == 2
    assert "is in use by another teltubby" in ended.err
