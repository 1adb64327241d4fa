"""The broker stopped, killed and robbed of its queue, while bot and workers are at work. On a broker of its own."""

import asyncio
import time
from functools import partial

import pytest
from aiormq.exceptions import ChannelNotFoundEntity

from distributed import impatient_bot
from distributed.acts import SMALL_LIMIT, at_full_speed, in_mid_file, slowly
from distributed.service import Service
from distributed.stage import DistributedStage
from integration.harness import MIB
from integration.rabbitmq_stage import restart
from testbed.rabbitmq import RabbitMq

AWAY = 30.0  # seconds that the broker is stopped
JOBS, SENDERS = 50, 10


def where(stage: DistributedStage) -> str:
    return f"RabbitMQ at {stage.broker.address.host}:{stage.broker.address.port}"


@pytest.mark.timeout(240)
async def test_without_its_broker_the_bot_takes_messages_in_and_publishes_later_and_a_worker_goes_on(
    on_own_broker: DistributedStage, own_rabbitmq: RabbitMq
):
    stage = on_own_broker
    await stage.start()
    slowly(stage)
    running = stage.cast.sends(stage.document("running", 40 * MIB))
    await in_mid_file(stage, running)
    holder = stage.holder(running)
    (idle,) = [worker for worker in stage.workers if worker is not holder]

    await asyncio.to_thread(own_rabbitmq.stop)
    stopped = time.monotonic()
    small = stage.cast.sends(stage.photo(b"small"))
    large = stage.cast.sends(stage.document("large", 21 * MIB))
    await stage.until_ended(small)
    await stage.until(lambda: "Job Queued" in stage.said_to(large), what="the large file accepted as a job")
    for service in (stage.bot, idle):
        await stage.eventually(partial(down, service), what=f"{service.name} not ready")
        assert where(stage) in (await service.ready())[1]["dependencies"]["broker"]["sentence"]
    status, told = await holder.ready()
    assert (status, told["busy"]) == (200, True)
    assert stage.trail("job.published", stage.job_of(large)) == []
    at_full_speed(stage)
    await stage.until(lambda: stage.bucket.documents("metadata.json"), what="the file that a worker was at")
    await stage.until(lambda: time.monotonic() - stopped >= AWAY, what="an outage of some seconds")
    await restart(own_rabbitmq)
    await stage.until_ended(running, large)

    stage.assert_well([running, small, large], jobs=2)
    assert stage.trail("job.retrying") == []
    for service in (stage.bot, *stage.workers):
        await stage.eventually(service.is_up, what=f"{service.name} ready again")
    assert await stage.stop() == 0


async def down(service: Service) -> bool:
    return (await service.ready())[0] == 503


@pytest.mark.timeout(240)
async def test_fifty_waiting_jobs_survive_a_power_cut_of_the_broker(
    on_own_broker: DistributedStage, own_rabbitmq: RabbitMq
):
    stage = on_own_broker
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(SMALL_LIMIT)
    senders = [stage.add_curator(f"Sender{number}") for number in range(SENDERS)]  # each chat has an answer a second
    await stage.bring_up(stage.bot)
    for number in range(JOBS):
        file = stage.document(f"waiting {number}", SMALL_LIMIT + 1 + number)
        sent = stage.world.send(senders[number % SENDERS], stage.cast.bot, media=file)
        stage.cast.sent.append(sent)
    await stage.eventually(waiting(stage, JOBS), what="all jobs at the broker")

    own_rabbitmq.kill()
    await restart(own_rabbitmq)
    await stage.eventually(waiting(stage, JOBS), what="all jobs at the broker, still")
    await stage.bring_up(*stage.workers)
    await stage.until_ended(*stage.cast.sent)

    stage.assert_well(stage.cast.sent, jobs=JOBS)
    assert len(stage.trail("job.completed")) == JOBS
    assert stage.trail("job.retrying") == stage.trail("job.failed") == []


def waiting(stage: DistributedStage, count: int):
    async def all_there() -> bool:
        try:
            return await stage.broker.count("JOB_QUEUE_NAME") == count
        except ChannelNotFoundEntity:  # nobody has declared it yet
            return False

    return all_there


@pytest.mark.timeout(240)
async def test_jobs_in_hand_when_the_broker_is_killed_are_redelivered_and_none_is_given_up(
    on_own_broker: DistributedStage, own_rabbitmq: RabbitMq
):
    stage = on_own_broker
    await stage.start()
    slowly(stage)
    sent = [stage.cast.sends(stage.document(f"file {number}", 25 * MIB)) for number in range(2)]
    await in_mid_file(stage, *sent)

    own_rabbitmq.kill()
    await restart(own_rabbitmq)
    at_full_speed(stage)
    await stage.until_ended(*sent)

    stage.assert_well(sent, jobs=2)
    assert stage.trail("job.retrying") == stage.trail("job.failed") == []


async def test_a_deleted_queue_costs_time_and_no_file(stage: DistributedStage):
    stage.bot_program = (impatient_bot.__file__,)
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(SMALL_LIMIT)
    await stage.start()
    slowly(stage)
    running = stage.cast.sends(stage.document("running", 30 * MIB))
    await in_mid_file(stage, running)
    lost = [stage.cast.sends(stage.document(f"lost {number}", 2 * SMALL_LIMIT)) for number in range(3)]
    await stage.eventually(waiting(stage, 3), what="three jobs that wait")

    await stage.broker.delete_jobs()
    await stage.until(lambda: len(stage.trail("job.republished")) == 3, what="the lost jobs missed")
    at_full_speed(stage)
    await stage.until_ended(running, *lost)

    stage.assert_well([running, *lost], jobs=4)
    republished = {step.job_id for step in stage.trail("job.republished")}
    assert republished == {stage.job_of(message) for message in lost}
