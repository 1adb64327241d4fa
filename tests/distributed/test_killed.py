"""Bot and workers killed with SIGKILL while large files are on their way: another takes over, nothing is lost."""

from distributed.acts import at_full_speed, in_mid_file, slowly
from distributed.stage import DistributedStage
from integration.harness import MIB


async def test_a_killed_workers_job_is_taken_up_by_the_other_as_one_redelivery(two_workers: DistributedStage):
    stage = two_workers
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 40 * MIB))
    await in_mid_file(stage, message)
    dead = stage.holder(message)
    left = stage.bucket.uploads()

    await dead.kill()
    at_full_speed(stage)
    await stage.until_ended(message)

    stage.assert_well([message], jobs=1)
    (metadata,) = stage.bucket.documents("metadata.json")
    assert metadata["worker"] != dead.name
    assert (metadata["redeliveries"], metadata["attempt"]) == (1, 1)
    assert len(stage.trail("job.started")) == 2
    assert stage.trail("job.retrying") == []
    assert len(left) == 1, "there was an upload to be left behind"
    assert await stage.stop() == 9, "but for the killed one all end in order"


async def test_jobs_of_killed_workers_wait_until_these_are_started_again(two_workers: DistributedStage):
    stage = two_workers
    await stage.start()
    slowly(stage)
    sent = [stage.cast.sends(stage.document(f"large {number}", 30 * MIB)) for number in range(2)]
    await in_mid_file(stage, *sent)

    for worker in stage.workers:
        await worker.kill()
    at_full_speed(stage)
    await stage.bring_up(*stage.workers)
    await stage.until_ended(*sent)

    stage.assert_well(sent, jobs=2)
    for metadata in stage.bucket.documents("metadata.json"):
        assert (metadata["redeliveries"], metadata["attempt"]) == (1, 1)
    assert stage.trail("job.retrying") == []


async def test_workers_go_on_while_the_bot_is_dead_and_it_learns_of_all_that_they_did(two_workers: DistributedStage):
    stage = two_workers
    await stage.start()
    slowly(stage)
    running = [stage.cast.sends(stage.document(f"large {number}", 30 * MIB)) for number in range(2)]
    await in_mid_file(stage, *running)
    waiting = stage.cast.sends(stage.document("waiting", 21 * MIB))
    await stage.eventually(lambda: stage.broker.count("JOB_QUEUE_NAME"), what="a job that waits")

    await stage.bot.kill()
    at_full_speed(stage)
    missed = stage.cast.sends(stage.photo(b"while the bot was dead"))
    await stage.until(
        lambda: len(stage.bucket.documents("metadata.json")) == 3, what="three files by the workers alone"
    )
    assert set(stage.job_states()) == {"PROCESSING", "PENDING"}, "nobody was there to hear of it"
    await stage.bring_up(stage.bot)
    await stage.until_ended(*running, waiting, missed)

    stage.assert_well([*running, waiting, missed], jobs=3)
    assert len(stage.trail("job.started")) == 3
    assert stage.trail("job.republished") == []
