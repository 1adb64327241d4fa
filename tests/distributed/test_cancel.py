"""A running job of a gigabyte is cancelled from the chat and brought in again."""

import time
from datetime import datetime

import pytest

from distributed.acts import answer, in_mid_file, parts_fetched, short_id
from distributed.stage import DistributedStage
from integration.harness import MIB

LATENCY = 0.4  # seconds for each part, of which eight are under way at a time
WITHIN = 2.0  # seconds


@pytest.mark.timeout(400)
async def test_a_running_job_of_a_gigabyte_stops_within_two_seconds_and_retry_brings_it_in(stage: DistributedStage):
    await stage.start()
    stage.world.faults.mtproto.latency = LATENCY
    message = stage.cast.sends(stage.document("a gigabyte", 1024 * MIB))
    await in_mid_file(stage, message)
    await stage.until(lambda: parts_fetched(stage) > 40, what="some of it")
    short = await short_id(stage, message)

    ordered = time.time()
    said = await answer(stage, f"/cancel {short} yes")
    (report,) = await stage.until(lambda: stage.trail("job.cancelled"), what="the worker's report")
    stopped = datetime.fromisoformat(report.details["at"]).timestamp() - ordered

    assert said == f"🛑 Job {short} is cancelled. /retry {short} brings it back."
    await stage.until(lambda: stage.said_to(message).startswith("🛑 Cancelled: 1 document"), what="the reply")
    begun = [entry.time - LATENCY - ordered for entry in stage.world.journal.entries("upload.getFile")]
    assert max(begun) < WITHIN, "seconds from the order to the last part that was asked for"
    assert stopped < WITHIN, "seconds from the order to the end of transfer and upload"
    assert stage.state_of(message) == "CANCELLED"
    assert (stage.bucket.files(), stage.bucket.uploads(), stage.bucket.documents("metadata.json")) == ([], [], [])
    fetched = parts_fetched(stage)

    stage.world.faults.mtproto.latency = 0.0
    assert await answer(stage, f"/retry {short}") == f"🔁 Job {short} is queued again."
    await stage.until_ended(message, limit=300)
    stage.assert_archived_once([message])
    assert stage.job_states() == ["COMPLETED"]
    assert parts_fetched(stage) == fetched + 1024, "nothing was fetched between cancel and retry"
    assert await stage.stop() == 0
