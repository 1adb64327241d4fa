"""A broker that takes jobs back from workers who hold them for long. On a broker of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from distributed.acts import at_full_speed, slowly
from distributed.forkserver import Forkserver
from distributed.stage import DistributedStage, new_stage
from integration.harness import MIB
from testbed.fixtures import unavailable
from testbed.minio import S3Address
from testbed.processes import TestbedError
from testbed.rabbitmq import RabbitMq

LIMIT = 3000  # ms
TICK = "[{rabbit, [{channel_tick_interval, 500}]}].\n"
"""The broker looks for jobs held too long this often, in ms; a minute by default."""


@pytest.fixture
def strict() -> Iterator[RabbitMq]:
    broker = RabbitMq(config=[f"consumer_timeout = {LIMIT}"], advanced=TICK)
    try:
        broker.start()
    except TestbedError as error:
        broker.close()
        unavailable(error)
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
async def on_strict(
    tmp_path: Path, s3: S3Address, strict: RabbitMq, forkserver: Forkserver
) -> AsyncIterator[DistributedStage]:
    async with new_stage(tmp_path, s3, strict.address, forkserver=forkserver) as stage:
        yield stage


@pytest.mark.timeout(240)
async def test_a_job_taken_back_is_stopped_first_then_done_anew_and_the_setting_is_named(
    on_strict: DistributedStage, strict: RabbitMq
):
    stage = on_strict
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("long", 60 * MIB))
    await stage.until(lambda: len(stage.trail("job.started")) == 2, what="the job taken back and taken up again")

    (stopped,) = stage.trail("job.retrying")
    assert stopped.details["category"] == "system"
    assert "consumer_timeout (3 s)" in stopped.details["error"]
    kinds = [kind for (kind,) in stage.rows("SELECT kind FROM job_events ORDER BY id")]
    assert [kind for kind in kinds if kind in {"job.started", "job.retrying"}] == [
        "job.started",
        "job.retrying",  # reported when nothing of the attempt runs any more
        "job.started",
    ]
    assert "set consumer_timeout in rabbitmq.conf above the time of the longest transfer" in stage.workers[0].log()

    await asyncio.to_thread(strict.control, "eval", "application:set_env(rabbit, consumer_timeout, 600000).")
    at_full_speed(stage)
    await stage.until_ended(message)
    stage.assert_well([message], jobs=1)
    (metadata,) = stage.bucket.documents("metadata.json")
    assert metadata["attempt"] == 1, "none of the job's tries was used up"
    assert metadata["redeliveries"] >= 1
    assert await stage.stop() == 0
