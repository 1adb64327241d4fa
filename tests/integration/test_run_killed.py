"""``teltubby run`` killed with SIGKILL at chosen moments and started again: all archived once, nothing left behind."""

from collections.abc import Callable
from functools import partial

import pytest

from integration.harness import MIB, Stage


def _called(method: str, times: int = 1) -> Callable[[Stage], bool]:
    return lambda stage: len(stage.world.journal.entries(method)) >= times


def _updates_fetched(stage: Stage) -> bool:
    return any(entry.outcome == "ok" for entry in stage.world.journal.entries("getUpdates")) and bool(stage.cast.sent)


def _exists(pattern: str) -> Callable[[Stage], bool]:
    return lambda stage: any(stage.archive.glob(pattern))


def _final_answer(stage: Stage) -> bool:
    return any((answer.text or "").startswith("✅ Archived") for answer in stage.answers())


MOMENTS: dict[str, Callable[[Stage], bool]] = {
    "an update is fetched, perhaps not on disk": _updates_fetched,
    "the path of a small file is asked for": _called("getFile"),
    "the first answer is being sent": _called("sendMessage"),
    "bytes are being written": _exists(".parts/*"),
    "the first object has just appeared": _exists("teltubby/20*/*/ada/*/*.bin"),
    "the first message.json has just appeared": _exists("teltubby/20*/*/*/*/message.json"),
    "an answer is being edited": _called("editMessageText"),
    "the worker logs in": _called("auth.importBotAuthorization"),
    "a large file is at its fifth part": _called("upload.getFile", 5),
    "a large file is at its thirtieth part": _called("upload.getFile", 30),
    "the large object has just appeared": _exists("teltubby/20*/*/mtproto/*/*.bin"),
    "metadata.json has just appeared, the job is not acknowledged": _exists("teltubby/20*/*/mtproto/*/metadata.json"),
    "the user has just read that it is archived": _final_answer,
}


def _send(stage: Stage) -> None:
    cast = stage.cast
    cast.sends(stage.document("large", 40 * MIB))
    small = stage.document("small", 5 * MIB)
    cast.sends(small)
    cast.sends(small)
    cast.sends_album([(stage.photo(b"a"), "Album"), (stage.photo(b"b"), None), (stage.document("c", MIB), None)])


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
async def test_nothing_is_lost_or_doubled_when_killed_as(stage: Stage, moment: Callable[[Stage], bool]):
    await stage.start()
    await stage.until(lambda: stage.world.account(stage.cast.bot).poll, what="the first poll")
    stage.simulator.world.faults.mtproto.latency = 0.2  # so that a large file takes long enough to be caught at it
    _send(stage)
    await stage.until(lambda: moment(stage), what="the moment to kill at")
    await stage.kill()

    await stage.start()
    await stage.until_ended(*stage.cast.sent)
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)
    groups = {message.media_group_id or message.id for message in stage.cast.sent}
    assert len(stage.answers()) <= len(groups) + 1, "one reply a message; a kill may cost one more"


def _far_enough(stage: Stage, parts: int) -> bool:
    return _called("upload.getFile", parts)(stage) or stage.ended(*stage.cast.sent)


async def test_killed_again_and_again_it_still_gets_there(stage: Stage):
    await stage.start()
    await stage.until(lambda: stage.world.account(stage.cast.bot).poll, what="the first poll")
    stage.simulator.world.faults.mtproto.latency = 0.2
    _send(stage)
    for parts in (3, 12, 25, 45):
        await stage.until(partial(_far_enough, stage, parts), what=f"part {parts}, or the end")
        await stage.kill()
        await stage.start()
    await stage.until_ended(*stage.cast.sent)
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)
