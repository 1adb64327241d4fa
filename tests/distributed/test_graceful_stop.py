"""A worker that is told to stop finishes what it is at, or hands it on; neither counts against the job."""

import asyncio

import pytest

from distributed.acts import at_full_speed, in_mid_file, slowly
from distributed.stage import DistributedStage
from integration.harness import MIB


async def test_with_time_enough_it_finishes_its_file_and_then_ends(two_workers: DistributedStage):
    stage = two_workers
    stage.settings["WORKER_SHUTDOWN_SECONDS"] = "60"
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 25 * MIB))
    await in_mid_file(stage, message)
    holder = stage.holder(message)

    slowly(stage)
    ending = asyncio.create_task(holder.stop(60))
    await stage.until_ended(message)

    assert await ending == 0
    stage.assert_well([message], jobs=1)
    assert len(stage.trail("job.started")) == 1, "by nobody else"
    (metadata,) = stage.bucket.documents("metadata.json")
    assert (metadata["worker"], metadata["redeliveries"]) == (holder.name, 0)


@pytest.mark.parametrize("waiting", [False, True], ids=["alone", "with others behind it"])
async def test_without_time_it_gives_its_job_back_and_another_takes_it_up(two_workers: DistributedStage, waiting: bool):
    stage = two_workers
    stage.settings["WORKER_SHUTDOWN_SECONDS"] = "0"
    await stage.start()
    slowly(stage)
    sent = [stage.cast.sends(stage.document("large", 25 * MIB))]
    await in_mid_file(stage, *sent)
    if waiting:
        sent += [stage.cast.sends(stage.document(f"next {number}", 21 * MIB)) for number in range(2)]
        await stage.until(lambda: len(stage.job_states()) == 3, what="all jobs")
    holder = stage.holder(sent[0])

    assert await holder.stop() == 0
    assert len(stage.bucket.uploads()) <= 1, "it left no upload behind; another's may have begun"
    at_full_speed(stage)
    await stage.until_ended(*sent)

    stage.assert_well(sent, jobs=len(sent))
    for metadata in stage.bucket.documents("metadata.json"):
        assert (metadata["redeliveries"], metadata["attempt"]) == (0, 1)
        assert metadata["worker"] != holder.name
    assert stage.trail("job.retrying") == []
