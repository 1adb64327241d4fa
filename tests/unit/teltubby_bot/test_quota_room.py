"""Room is kept for what is on its way, told to be scarce once, and given out as soon as there is some."""

import asyncio
from typing import Any

import pytest

from teltubby_core.domain.quota import Quota, Usage
from teltubby_core.errors import StorageUnavailableError
from unit.teltubby_bot.stage import Stage

FULL = "The archive is full (1000 B of 1000 B)"


class Bucket:
    """A store that has a quota of its own, as often as it is asked and able to tell."""

    def __init__(self, quota: int | None) -> None:
        self.quota = quota
        self.asked = 0
        self.fail_with: Exception | None = None
        self.hangs = False

    async def __call__(self) -> int | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fail_with:
            raise self.fail_with
        return self.quota


async def _limit(room: Any) -> int | None:
    quota, _ = await room.state()
    limit: int | None = quota.limit_bytes
    return limit


async def test_without_a_limit_everything_fits(stage: Stage) -> None:
    room = stage.room(None)
    assert await room.reserve(1, 10**18) is None
    assert await room.refusal(10**18) is None
    await room.step()
    assert stage.calls == []


async def test_a_file_that_does_not_fit_is_told_why(stage: Stage) -> None:
    await stage.stored(1)
    room = stage.room(1000)
    assert await room.reserve(2, 1) == (f"{FULL}: this file waits, and it is archived by itself once there is space")
    assert await room.refusal(1) == FULL
    assert await stage.room(1500).refusal(501) == "The archive is full (1000 B of 1.5 KB, this file needs 501 B)"
    assert await stage.room(1500).refusal(500) is None


async def test_what_is_on_its_way_keeps_its_room_until_it_is_freed(stage: Stage) -> None:
    room = stage.room(1000)
    assert await room.reserve(1, 600) is None
    assert await room.reserve(1, 600) is None, "its own reservation does not stand in its way"
    assert await room.reserve(2, 600) is not None
    assert await room.refusal(600) is not None
    assert await room.reserve(3, 400) is None
    room.free(1)
    room.free(1)
    assert await room.reserve(2, 600) is None


async def test_several_at_once_never_take_more_than_there_is(stage: Stage) -> None:
    room = stage.room(1000)
    answers = await asyncio.gather(*(room.reserve(number, 300) for number in range(8)))
    assert answers.count(None) == 3


async def test_jobs_take_room_as_announced(stage: Stage) -> None:
    await stage.queued(7)  # 1000 bytes
    assert await stage.room(1000).refusal(1) == FULL


async def test_admins_are_told_once_that_it_is_nearly_full_and_again_after_it_was_not(stage: Stage) -> None:
    room = stage.room(1250)
    item = await stage.stored(1)
    for _ in range(3):
        await room.step()
    ((_, kind, text),) = stage.calls
    assert kind == "quota"
    assert text.startswith("🗄 The archive is 80 % full: 1000 B of 1.2 KB.")
    await _let_go(stage, item.id)
    await room.step()
    await stage.stored(2)
    await room.step()
    assert len(stage.calls) == 2


async def _let_go(stage: Stage, item_id: int) -> None:
    await stage.database.run(lambda c: c.execute("DELETE FROM items WHERE id = ?", (item_id,)).rowcount)


async def test_what_waits_for_room_is_looked_at_again_at_the_start_and_when_there_is_more(stage: Stage) -> None:
    stored = await stage.stored(1)
    item = await stage.item(2)
    room = stage.room(1000, look_seconds=0.5)
    room.on_released = lambda: stage.note("released")
    later = stage.clock.now() + 500

    async def due() -> bool:
        found = await stage.index.claimable(stage.clock.now(), frozenset(), 9)
        await stage.index.hold(item.id, FULL, later)
        return bool(found)

    await due()
    assert await room.step() == 0.5
    assert await due(), "at the start: the limit may be another"
    await room.step()
    assert not await due()
    await _let_go(stage, stored.id)
    await room.step()
    assert await due()
    assert stage.calls.count(("released",)) == 2


async def test_room_that_a_file_gives_back_unused_lets_go_too(stage: Stage) -> None:
    item = await stage.item(2)
    room = stage.room(1000)
    await room.reserve(1, 900)
    await room.step()
    await stage.index.hold(item.id, FULL, stage.clock.now() + 500)
    await room.step()
    assert await stage.index.claimable(stage.clock.now(), frozenset(), 9) == []
    room.free(1)
    await room.step()
    assert len(await stage.index.claimable(stage.clock.now(), frozenset(), 9)) == 1


async def test_the_buckets_own_quota_counts_where_none_is_set(stage: Stage) -> None:
    bucket = Bucket(1000)
    assert await _limit(stage.room(None, store_quota=bucket)) == 1000
    assert await _limit(stage.room(500, store_quota=bucket)) == 500
    assert bucket.asked == 1
    assert await _limit(stage.room(None, store_quota=Bucket(None))) is None
    assert await _limit(stage.room(None, store_quota=Bucket(0))) is None


async def test_nothing_comes_in_before_it_was_asked_for_the_first_time(stage: Stage) -> None:
    room = stage.room(None, store_quota=Bucket(1000))
    answers = await asyncio.gather(*(room.reserve(number, 600) for number in range(4)))
    assert answers.count(None) == 1


async def test_it_is_read_again_every_ten_minutes_and_a_raised_one_lets_go(stage: Stage) -> None:
    bucket = Bucket(1000)
    await stage.stored(1)
    item = await stage.item(2)
    room = stage.room(None, store_quota=bucket)
    await room.step()
    await stage.index.hold(item.id, FULL, stage.clock.now() + 5000)
    bucket.quota = 10**6
    stage.clock.advance(599)
    await room.step()
    assert (bucket.asked, await stage.index.claimable(stage.clock.now(), frozenset(), 9)) == (1, [])
    stage.clock.advance(1)
    await room.step()
    assert bucket.asked == 2
    assert len(await stage.index.claimable(stage.clock.now(), frozenset(), 9)) == 1


async def test_one_that_cannot_be_read_is_unknown_and_logged_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = Bucket(1000)
    bucket.fail_with = StorageUnavailableError("access denied")
    room = stage.room(None, store_quota=bucket)
    for _ in range(3):
        assert await room.reserve(1, 10**9) is None
        stage.clock.advance(600)
    assert bucket.asked == 3
    assert caplog.text.count("can't be read, so none is known: access denied") == 1
    bucket.fail_with = None
    assert await _limit(room) == 1000
    bucket.fail_with = StorageUnavailableError("access denied")
    stage.clock.advance(600)
    assert await _limit(room) == 1000, "what was read last counts"


async def test_one_that_does_not_answer_holds_nobody_up_for_long(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teltubby_bot.quota._STORE_SECONDS", 0.01)
    bucket = Bucket(1000)
    bucket.hangs = True
    assert await stage.room(None, store_quota=bucket).reserve(1, 5) is None
    assert "no answer within 0.01 s" in caplog.text


async def test_state_tells_limit_and_usage(stage: Stage) -> None:
    await stage.stored(1)
    await stage.queued(2)
    assert await stage.room(5000).state() == (Quota(5000), Usage(1000, 1000))
