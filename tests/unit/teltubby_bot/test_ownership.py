"""A bucket belongs to one bot."""

import pytest

from teltubby_bot.ownership import OWNER_KEY, claim
from teltubby_core.errors import ConfigurationError, StorageUnavailableError
from teltubby_core.testing import MemoryObjectStore


async def test_the_first_bot_takes_the_bucket_and_may_come_again() -> None:
    store = MemoryObjectStore("archive")
    await claim(store, 777)
    before = store.objects[OWNER_KEY]
    await claim(store, 777)
    assert store.objects[OWNER_KEY] == before


async def test_another_bot_is_refused_by_name_and_changes_nothing() -> None:
    store = MemoryObjectStore("archive")
    await claim(store, 777)
    before = dict(store.objects)
    with pytest.raises(ConfigurationError, match="“archive” is the archive of bot 777, but TELEGRAM_BOT_TOKEN is bot 5"):
        await claim(store, 5)
    assert store.objects == before


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b"7"])
async def test_a_record_that_cannot_be_read_is_refused(body: bytes) -> None:
    store = MemoryObjectStore()
    await store.put(OWNER_KEY, body, "application/json")
    with pytest.raises(ConfigurationError, match="can't be read"):
        await claim(store, 777)


async def test_a_store_that_does_not_answer_is_said_to_be_that() -> None:
    store = MemoryObjectStore()
    store.fail_with = StorageUnavailableError("read-only")
    with pytest.raises(StorageUnavailableError):
        await claim(store, 777)
