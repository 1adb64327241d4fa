"""A job that kills every worker that takes it up is put aside with its reason, and the others get theirs."""

import asyncio

import pytest

from distributed import dying_worker
from distributed.acts import SMALL_LIMIT, answer
from distributed.stage import WORKER_PROGRAM, DistributedStage
from integration.harness import MIB
from support import eventually
from teltubby_core.domain.jobs import MAX_REDELIVERIES

POISON = "poison.bin"


class Nurse:
    """Starts workers again as they die, as Kubernetes would."""

    def __init__(self, stage: DistributedStage) -> None:
        self._stage = stage
        self.deaths = 0

    async def watch(self) -> None:
        """Go on until cancelled."""
        while True:
            dead = await eventually(
                lambda: [each for each in self._stage.workers if not each.alive], limit=float("inf")
            )
            for worker in dead:
                assert worker.process.returncode == -9, worker.latest_log
                self.deaths += 1
                await worker.launch()


@pytest.mark.timeout(240)
async def test_a_job_that_kills_every_worker_becomes_a_dead_letter_while_others_go_on(two_workers: DistributedStage):
    stage = two_workers
    stage.worker_program = (dying_worker.__file__, POISON)
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(SMALL_LIMIT)
    await stage.start()
    nurse = Nurse(stage)
    nursing = asyncio.create_task(nurse.watch())
    others = [stage.cast.sends(stage.document("before", 2 * SMALL_LIMIT))]
    poison = stage.cast.sends(stage.document("poison", MIB, POISON))
    others += [stage.cast.sends(stage.document(f"behind {number}", 2 * SMALL_LIMIT)) for number in range(3)]
    await stage.until_ended(*others)
    await stage.until(lambda: stage.state_of(poison) == "FAILED", what="the job given up")
    nursing.cancel()

    assert nurse.deaths == MAX_REDELIVERIES + 1
    reason = f"given up: it came back {MAX_REDELIVERIES + 1} times from a worker that died while it had this job"
    (letter,) = await stage.broker.dead_letters()
    assert letter.reason.startswith(reason)
    assert letter.job["job_id"] == stage.job_of(poison)
    assert letter.job["job_metadata"]["retry_count"] == 0, "no death counted as a try"
    await stage.until(lambda: stage.said_to(poison).startswith("⚠️ Not archived"), what="the sender told")
    assert reason in stage.said_to(poison)
    for message in others:
        assert stage.state_of(message) == "COMPLETED"
    assert {metadata["attempt"] for metadata in stage.bucket.documents("metadata.json")} == {1}
    assert stage.bucket.uploads() == []

    await stage.stop()
    stage.worker_program = WORKER_PROGRAM
    await stage.start()
    job_id = stage.job_of(poison)
    assert job_id is not None
    assert "is queued again" in await answer(stage, f"/retry {job_id[:6]}")
    await stage.until(lambda: stage.said_to(poison).startswith("✅ Archived"), what="the file, by a worker that lives")
    stage.assert_archived_once([poison, *others])
    assert stage.job_states() == ["COMPLETED"] * 5
