"""The same new file from several hands at once: one object in the end, a document and an answer for each message."""

from typing import Any

import pytest

from distributed.acts import answer, at_full_speed, in_mid_file, parts_fetched, short_id, slowly
from distributed.stage import DistributedStage
from integration.harness import MIB
from teltubby_simulator.model import Message


def items(stage: DistributedStage) -> list[dict[str, Any]]:
    return [item for document in stage.bucket.documents("message.json") for item in document["telegram"]["items"]]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("size", [30 * MIB, 100 * MIB], ids=["30 MB", "100 MB"])
async def test_the_same_bytes_uploaded_by_two_users_at_once_end_as_one_object(two_workers: DistributedStage, size: int):
    stage = two_workers
    other = stage.add_curator("Babbage")
    await stage.start()
    slowly(stage)
    mine = stage.cast.sends(stage.document("the same", size, "mine.bin"))
    theirs = stage.world.send(other, stage.cast.bot, media=stage.document("the same", size, "theirs.bin"))
    await in_mid_file(stage, mine, theirs)
    at_full_speed(stage)
    await stage.until_ended(mine, theirs)
    await stage.until(lambda: len(stage.bucket.files()) == 1, what="the second object removed")

    await until_settled(stage, mine, theirs)
    stage.assert_well([mine, theirs], jobs=2)
    first, second = sorted(items(stage), key=lambda item: item["duplicate_of"] or "")
    assert (first["duplicate_of"], second["s3_key"]) == (None, None)
    assert (second["duplicate_of"], second["dedup_reason"]) == (first["s3_key"], "sha256")
    assert first["file_unique_id"] != second["file_unique_id"]
    assert len(stage.bucket.documents("metadata.json")) == 1


async def until_settled(stage: DistributedStage, *messages: Message) -> None:
    """A duplicate's object is removed after its answer."""
    await stage.until(lambda: stage.rows("SELECT key FROM pending_deletes") == [], what="nothing left to remove")


async def test_a_file_forwarded_twice_is_fetched_once(two_workers: DistributedStage):
    stage = two_workers
    other = stage.add_curator("Babbage")
    await stage.start()
    slowly(stage)
    file = stage.document("popular", 30 * MIB)
    mine = stage.cast.sends(file)
    await in_mid_file(stage, mine)
    theirs = stage.world.send(other, stage.cast.bot, media=file)
    await stage.until(lambda: "on its way already" in stage.said_to(theirs), what="the follower told")
    assert stage.state_of(theirs) == "PENDING"
    at_full_speed(stage)
    await stage.until_ended(mine, theirs)

    stage.assert_well([mine, theirs], jobs=2)
    assert parts_fetched(stage) == 30
    assert len(stage.trail("job.started")) == 1
    assert {item["dedup_reason"] for item in items(stage)} == {None, "file_unique_id"}
    assert stage.said_to(theirs) == "♻️ Already archived: 1 document"


async def test_a_leader_cancelled_by_its_sender_leaves_the_file_to_who_follows(two_workers: DistributedStage):
    stage = two_workers
    other = stage.add_curator("Babbage")
    await stage.start()
    slowly(stage)
    file = stage.document("popular", 30 * MIB)
    mine = stage.cast.sends(file)
    await in_mid_file(stage, mine)
    theirs = stage.world.send(other, stage.cast.bot, media=file)
    await stage.until(lambda: "on its way already" in stage.said_to(theirs), what="the follower told")

    short = await short_id(stage, mine)
    assert "is cancelled" in await answer(stage, f"/cancel {short} yes")
    at_full_speed(stage)
    await stage.until_ended(theirs)
    await stage.until(lambda: stage.said_to(mine).startswith("🛑 Cancelled"), what="the canceller's reply")

    await stage.until(lambda: len(stage.bucket.documents("message.json")) == 2, what="both documents")
    assert (stage.state_of(mine), stage.state_of(theirs)) == ("CANCELLED", "COMPLETED")
    assert stage.said_to(theirs).startswith("✅ Archived")
    assert len(stage.bucket.files()) == 1
    assert sorted(item["s3_key"] is None for item in items(stage)) == [False, True]
    await stage.until(lambda: stage.trail("job.cancelled", stage.job_of(mine)), what="the worker's report")
    stage.assert_nothing_left()
