"""The services as anybody starts them: ``python -m teltubby_bot`` and ``python -m teltubby_worker``."""

import asyncio
import json

import pytest

from chart.rules import asked_of_services, metrics_in
from distributed.acts import SMALL_LIMIT
from distributed.stage import DistributedStage
from integration.harness import PATIENCE

CREDENTIALS = ("MTPROTO_API_ID", "MTPROTO_API_HASH")


@pytest.fixture
def as_anybody(stage: DistributedStage) -> DistributedStage:
    """Without the forkserver of the other tests."""
    stage.forkserver = None
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(SMALL_LIMIT)
    return stage


async def test_they_archive_what_is_sent_and_show_how_they_are(as_anybody: DistributedStage):
    stage = as_anybody
    await stage.start()
    sent = [stage.cast.sends(stage.photo(b"small")), stage.cast.sends(stage.document("large", 3 * SMALL_LIMIT))]
    await stage.until_ended(*sent)

    stage.assert_well(sent, jobs=1)
    for service in (stage.bot, *stage.workers):
        await stage.eventually(service.is_up, what=f"{service.name} ready")
        assert (await service.page("/healthz"))[0] == 200
        status, text = await service.page("/status")
        shown = json.loads(text)
        assert (status, shown["ready"], shown["service"]) == (200, True, service.name.partition("-")[0])
        assert {"object_store", "broker"} <= shown["dependencies"].keys()
    pages = [(await service.page("/metrics"))[1] for service in (stage.bot, *stage.workers)]
    assert asked_of_services() <= set().union(*map(metrics_in, pages)), "what alerts and dashboard ask for"
    assert await stage.stop() == 0
    assert all(service.latest_log.rstrip().endswith("stopped") for service in stage.services.values())


async def test_a_second_bot_on_the_same_database_and_a_worker_without_credentials_do_not_start(
    as_anybody: DistributedStage,
):
    stage = as_anybody
    await stage.bring_up(stage.bot)
    second = stage.service("bot-2")
    second.program, second.settings = stage.bot_program, stage.settings
    (worker,) = stage.workers
    worker.settings = {name: value for name, value in worker.settings.items() if name not in CREDENTIALS}
    for service in (second, worker):
        await service.launch()
    for service in (second, worker):
        assert service.process is not None
        assert await asyncio.wait_for(service.process.wait(), PATIENCE) == 2
    assert "SQLITE_PATH" in second.log()
    assert all(name in worker.log() for name in CREDENTIALS)
    sent = stage.cast.sends(stage.photo(b"the first one goes on"))
    await stage.until_ended(sent)
    stage.assert_archived_once([sent])
