import pytest

from teltubby_core.adapters.s3.probe import WRITE_EVERY, StoreProbe
from teltubby_core.errors import StorageUnavailableError


class Store:
    """Notes whether writing was tried; ``writable`` says what comes of that."""

    def __init__(self) -> None:
        self.writable = True
        self.tries: list[bool] = []

    async def check(self, *, write: bool = False) -> None:
        self.tries.append(write)
        if write and not self.writable:
            raise StorageUnavailableError("may not write")


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_writing_is_tried_first_and_then_now_and_then():
    store, time = Store(), Time()
    probe = StoreProbe(store, time)
    for _ in range(3):
        await probe()
    time.now += WRITE_EVERY
    await probe()
    await probe()
    assert store.tries == [True, False, False, True, False]


async def test_what_can_not_be_written_stays_wrong_until_it_can():
    store, time = Store(), Time()
    probe = StoreProbe(store, time)
    await probe()
    store.writable = False
    time.now += WRITE_EVERY
    for _ in range(3):
        with pytest.raises(StorageUnavailableError):
            await probe()
    store.writable = True
    await probe()
    await probe()
    assert store.tries == [True, True, True, True, True, False]
