"""The object store suspended, killed and started again in the midst of transfers. On a store of the test's own."""

import time
from functools import partial

import pytest

from distributed.acts import at_full_speed, in_mid_file, parts_fetched, slowly
from distributed.service import Service
from distributed.stage import DistributedStage
from integration.harness import MIB
from teltubby_simulator.model import Message
from testbed.minio import Minio

SUSPENDED = 10.0  # seconds


@pytest.mark.timeout(240)
async def test_a_transfer_waits_for_a_suspended_store_and_its_worker_stays_ready(
    on_own_store: DistributedStage, own_minio: Minio
):
    stage = on_own_store
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 90 * MIB))
    await in_mid_file(stage, message)
    holder = stage.holder(message)
    (idle,) = [worker for worker in stage.workers if worker is not holder]

    own_minio.process.pause()
    suspended = time.monotonic()
    try:
        at_full_speed(stage)
        await stage.eventually(lambda: no_longer_ready(idle), what="the idle worker not ready")
        await stage.eventually(lambda: knows_it_is_down(holder), what="the other one's knowledge")
        status, told = await holder.ready()
        assert (status, told["busy"]) == (200, True), "or its pod would be the first to be ended"
        await stage.until(lambda: time.monotonic() - suspended >= SUSPENDED, what="some seconds")
        assert parts_fetched(stage) < 90, "what can't be stored is not fetched"
    finally:
        own_minio.process.resume()
    await stage.until_ended(message)

    stage.assert_well([message], jobs=1)
    assert len(stage.trail("job.started")) == 1
    assert stage.trail("job.retrying") == []
    await stage.eventually(idle.is_up, what="the idle worker ready again")
    assert await stage.stop() == 0


def _waits(stage: DistributedStage, message: Message) -> bool:
    return "⏸" in stage.said_to(message)


async def no_longer_ready(service: Service) -> bool:
    return (await service.ready())[0] == 503


async def knows_it_is_down(service: Service) -> bool:
    _, body = await service.ready()
    return bool(body["dependencies"]["object_store"]["state"] == "down")


@pytest.mark.timeout(240)
async def test_a_store_killed_in_mid_part_costs_time_and_no_try(on_own_store: DistributedStage, own_minio: Minio):
    stage = on_own_store
    await stage.start()
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 40 * MIB))
    await in_mid_file(stage, message)
    assert own_minio.unfinished() != []

    own_minio.kill()
    at_full_speed(stage)
    await stage.until(lambda: stage.trail("job.retrying"), what="the transfer ended for want of a store")
    await stage.until(lambda: "⏸ waits: the object store" in stage.said_to(message), what="the sender told why")
    own_minio.start()
    await stage.until_ended(message)

    stage.assert_well([message], jobs=1)
    (metadata,) = stage.bucket.documents("metadata.json")
    assert (metadata["attempt"], metadata["redeliveries"]) == (1, 0)
    assert {step.details["category"] for step in stage.trail("job.retrying")} == {"system"}
    assert own_minio.unfinished() == []
    assert await stage.stop() == 0


async def test_small_files_wait_for_the_store_and_their_sender_is_told(
    on_own_store: DistributedStage, own_minio: Minio
):
    stage = on_own_store
    await stage.bring_up(stage.bot)
    before = stage.cast.sends(stage.photo(b"before"))
    await stage.until_ended(before)
    own_minio.kill()
    waiting = stage.cast.sends(stage.photo(b"waiting"))
    album = stage.cast.sends_album([(stage.photo(b"1"), None), (stage.photo(b"2"), None)])
    for message in (waiting, album[0]):
        await stage.until(partial(_waits, stage, message), what="the sender told that it waits")
    assert "waits: " in stage.said_to(waiting)
    own_minio.start()
    await stage.until_ended(waiting, album[0])

    stage.assert_archived_once(stage.cast.sent)
    assert len(stage.answers()) == 3
    assert stage.said_to(waiting).startswith("✅ Archived")
    assert await stage.stop() == 0


async def test_a_bot_started_without_its_store_takes_messages_in_and_archives_them_by_itself(
    on_own_store: DistributedStage, own_minio: Minio
):
    stage = on_own_store
    own_minio.kill()
    await stage.bring_up(stage.bot)
    message = stage.cast.sends(stage.photo(b"early"))
    await stage.until(lambda: "⏸" in stage.said_to(message), what="the sender told that it waits")
    own_minio.start()
    await stage.until_ended(message)
    stage.assert_archived_once([message])
