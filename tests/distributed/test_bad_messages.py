"""Anything may be put into the queue of jobs: what is no job lies among the dead letters, and the worker goes on."""

import json
from typing import Any

from distributed.acts import SMALL_LIMIT
from distributed.stage import DistributedStage
from teltubby_core.testing import sample_job

MIB = 1024 * 1024


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(sample_job("odd").model_dump_json()), **fields}).encode()


BAD = {
    b"": "no JSON",
    b"\xff\x00 not text": "no JSON",
    b'{"job_id": "half a jo': "no JSON",
    b"[]": "can't be read",
    changed(version=2): "version that this teltubby does not know",
    changed(extra=True): "a field of an unknown name",
    changed(key=None): "key",
    b" " * (MIB + 1) + b"{}": f"more than {MIB} bytes",
}


async def test_what_is_no_job_is_put_aside_with_its_reason_and_jobs_between_are_done(stage: DistributedStage):
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(SMALL_LIMIT)
    await stage.bring_up(stage.bot)
    sent = [stage.cast.sends(stage.document("first", 2 * SMALL_LIMIT))]
    await stage.until(lambda: stage.trail("job.published"), what="a job in the queue")
    for body in BAD:
        await stage.broker.send(body)
    sent.append(stage.cast.sends(stage.document("last", 3 * SMALL_LIMIT)))
    await stage.bring_up(*stage.workers)
    await stage.until_ended(*sent)
    await stage.eventually(lambda: all_dead(stage), what="all others put aside")

    letters = await stage.broker.dead_letters()
    assert [letter.body for letter in letters] == [body[:MIB] for body in BAD]
    for letter, reason in zip(letters, BAD.values(), strict=True):
        assert reason in letter.reason
    stage.assert_archived_once(sent)
    assert stage.job_states() == ["COMPLETED", "COMPLETED"]
    assert len(stage.workers[0].logs) == 1, "the same process all along"
    assert stage.workers[0].log().count("is a dead letter") == len(BAD)
    assert await stage.stop() == 0


async def all_dead(stage: DistributedStage) -> bool:
    return await stage.broker.count("JOB_DEAD_LETTER_QUEUE") == len(BAD)
