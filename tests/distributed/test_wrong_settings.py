"""Wrong credentials, names and rights: named in the log and in /readyz, tried again, and mended without a restart."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial

import pytest

from distributed.acts import SMALL_LIMIT
from distributed.service import Service
from distributed.stage import DistributedStage
from teltubby_simulator.model import Message
from testbed.minio import S3Address
from testbed.minio_admin import add_user
from testbed.rabbitmq import RabbitMq

WRONG = "wrong-secret-0123456789"
BROKER, STORE = "broker", "object_store"


def _logs(service: Service, words: tuple[str, ...]) -> bool:
    return all(word in service.latest_log for word in words)


def _told(stage: DistributedStage, message: Message) -> bool:
    return "there is no bucket" in stage.said_to(message)


async def until_named(stage: DistributedStage, dependency: str, *words: str) -> None:
    """Wait until bot and worker say so, in /readyz and in the log; nobody has ended."""
    for service in (stage.bot, *stage.workers):
        await stage.eventually(partial(names, service, dependency, words), what=f"{words} in {service.name}")
        await stage.until(partial(_logs, service, words), what=f"{words} in the log")
        assert service.alive
        assert WRONG not in service.log()


async def names(service: Service, dependency: str, words: tuple[str, ...]) -> bool:
    status, told = await service.ready()
    if status != 503:
        return False
    assert WRONG not in str(told)
    known = told["dependencies"][dependency]
    return known["state"] == "down" and all(word in known["sentence"] for word in words)


async def until_tried_patiently(stage: DistributedStage, service: Service, line: str) -> None:
    """Wait until it has tried some times, with growing pauses. ``line``: what it logs, the pause as a group."""
    await stage.until(lambda: len(re.findall(line, service.latest_log)) >= 3, what=f"three tries of {service.name}")
    pauses = [float(pause) for pause in re.findall(line, service.latest_log)]
    assert pauses == sorted(pauses)
    assert pauses[2] >= 2 * pauses[0]


async def until_mended(stage: DistributedStage) -> None:
    for service in (stage.bot, *stage.workers):
        await stage.eventually(service.is_up, what=f"{service.name} ready")
        assert len(service.logs) == 1, "without a restart"


async def test_a_user_a_virtual_host_and_rights_that_the_broker_lacks_are_named_one_by_one(
    stage: DistributedStage, own_rabbitmq: RabbitMq
):
    address, control = own_rabbitmq.address, own_rabbitmq.control
    stage.settings |= {"RABBITMQ_PORT": str(address.port), "BOT_API_MAX_FILE_SIZE_BYTES": str(SMALL_LIMIT)}
    stage.settings |= {"RABBITMQ_USERNAME": "late", "RABBITMQ_PASSWORD": WRONG, "RABBITMQ_VHOST": "later"}
    await stage.start()
    small, large = stage.cast.sends(stage.photo(b"p")), stage.cast.sends(stage.document("large", 2 * SMALL_LIMIT))
    await until_named(stage, BROKER, "refuses user 'late'", "RABBITMQ_USERNAME and RABBITMQ_PASSWORD")
    await stage.until_ended(small)
    await until_tried_patiently(stage, stage.bot, r"job events: .*; next try in ([0-9.]+) s\n")

    await asyncio.to_thread(control, "add_user", "late", WRONG)
    await until_named(stage, BROKER, "virtual host 'later'", "RABBITMQ_VHOST")
    await asyncio.to_thread(control, "add_vhost", "later")
    await asyncio.to_thread(control, "set_permissions", "-p", "later", "late", "^$", "^$", ".*")
    await until_named(stage, BROKER, "give it configure, write and read permissions in virtual host 'later'")
    assert stage.said_to(large).startswith("✅ Job Queued")
    await asyncio.to_thread(control, "set_permissions", "-p", "later", "late", ".*", ".*", ".*")
    await until_mended(stage)
    await stage.until_ended(large)

    assert stage.job_states() == ["COMPLETED"]
    assert await stage.stop() == 0


async def test_a_missing_bucket_that_may_not_be_made_is_named_and_its_archive_begins_when_it_is_there(
    stage: DistributedStage,
):
    stage.settings |= {"S3_CREATE_BUCKET": "false", "BOT_API_MAX_FILE_SIZE_BYTES": str(SMALL_LIMIT)}
    await stage.start()
    small = stage.cast.sends(stage.photo(b"p"))
    await until_named(stage, STORE, f"there is no bucket {stage.bucket.name}", "S3_BUCKET", "S3_CREATE_BUCKET=true")
    await until_tried_patiently(stage, stage.bot, r"archiver: u[0-9]+: .*; next try in ([0-9.]+) s\n")
    large = stage.cast.sends(stage.document("large", 2 * SMALL_LIMIT))
    for message in (small, large):
        await stage.until(partial(_told, stage, message), what="the sender told")

    stage.bucket.make()
    await until_mended(stage)
    await stage.until_ended(small, large)
    stage.assert_well([small, large], jobs=1)
    assert await stage.stop() == 0


LIMITED: Mapping[str, list[str]] = {
    "no rights": ["s3:GetBucketLocation"],
    "may only read": ["s3:ListBucket", "s3:GetObject"],
}


@pytest.mark.parametrize("actions", LIMITED.values(), ids=LIMITED.keys())
async def test_a_key_with_too_few_rights_is_named(stage: DistributedStage, s3: S3Address, actions: list[str]):
    limited = await asyncio.to_thread(add_user, s3, actions)
    stage.bucket.make()
    stage.settings["S3_ACCESS_KEY_ID"] = limited.access_key_id
    stage.settings["S3_SECRET_ACCESS_KEY"] = limited.secret_access_key
    await stage.start()
    await until_named(stage, STORE, "the key in S3_ACCESS_KEY_ID may not do this", "allow it to list the bucket")
    assert limited.secret_access_key not in stage.log()
    assert await stage.stop() == 0


async def test_a_wrong_key_for_the_store_is_named(stage: DistributedStage):
    stage.settings["S3_SECRET_ACCESS_KEY"] = WRONG
    await stage.start()
    await until_named(stage, STORE, "does not accept our key", "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")
    assert await stage.stop() == 0
