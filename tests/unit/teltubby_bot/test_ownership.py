"""A bucket and an index belong to one bot."""

import pytest

from teltubby_bot.ownership import OWNER_KEY, Ownership
from teltubby_core.errors import ConfigurationError, StorageUnavailableError
from teltubby_core.testing import MemoryObjectStore
from unit.teltubby_bot.stage import Stage


async def test_the_first_bot_takes_both_and_may_come_again(stage: Stage) -> None:
    await Ownership(stage.store, stage.index, 777, "ARCHIVE_DIR").ensure()
    before = stage.store.objects[OWNER_KEY]
    await Ownership(stage.store, stage.index, 777, "ARCHIVE_DIR").ensure()
    assert stage.store.objects[OWNER_KEY] == before


async def test_another_bots_bucket_is_refused_by_name_and_left_alone(stage: Stage) -> None:
    store = MemoryObjectStore("archive")
    await store.put(OWNER_KEY, b'{"bot_id": 777}', "application/json")
    before = dict(store.objects)
    refusal = "“archive” is the archive of bot 777, but TELEGRAM_BOT_TOKEN is bot 5"
    with pytest.raises(ConfigurationError, match=refusal):
        await Ownership(store, stage.index, 5, "ARCHIVE_DIR").ensure()
    assert store.objects == before


async def test_another_bots_index_is_refused_by_name(stage: Stage) -> None:
    assert await stage.index.claim(777) == 777
    with pytest.raises(ConfigurationError, match="SQLITE_PATH: this database is the index of bot 777"):
        await Ownership(stage.store, stage.index, 5, "ARCHIVE_DIR").ensure()
    assert await stage.index.claim(5) == 777


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b"7"])
async def test_a_record_that_cannot_be_read_is_refused(stage: Stage, body: bytes) -> None:
    await stage.store.put(OWNER_KEY, body, "application/json")
    with pytest.raises(ConfigurationError, match="can't be read"):
        await Ownership(stage.store, stage.index, 777, "ARCHIVE_DIR").ensure()


async def test_a_store_that_does_not_answer_is_said_to_be_that(stage: Stage) -> None:
    stage.store.fail_with = StorageUnavailableError("read-only")
    with pytest.raises(StorageUnavailableError):
        await Ownership(stage.store, stage.index, 777, "ARCHIVE_DIR").ensure()


async def test_a_claim_is_made_once_and_sweeps_what_dead_uploads_left(stage: Stage) -> None:
    await stage.store.begin("teltubby/x", "image/jpeg", {})
    stage.store.kill_writers()
    claim = Ownership(stage.store, stage.index, 777, "ARCHIVE_DIR")
    await claim.ensure()
    assert await stage.store.sweep() == 0, "nothing is left to sweep"
    stage.store.fail_with = StorageUnavailableError("read-only")
    await claim.ensure()
