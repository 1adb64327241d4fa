"""One message of ours for each of theirs: sent in order, edited in place, never twice and never too often."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support import CURATOR, DATE, OTHER_CURATOR, eventually
from teltubby_bot.composing import Composer
from teltubby_bot.pacing import Pacer
from teltubby_bot.replier import Pace, Replier, Voice
from teltubby_bot.sending_back import SendingBack
from teltubby_bot.telegram import ChatClosedError, Keys
from teltubby_bot.transfers import Transfers
from teltubby_core.domain.jobs import JobProgress, JobStarted
from teltubby_core.domain.records import Failed
from teltubby_core.domain.speech import Answer, Button
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError, PermanentError, TransientError
from teltubby_core.testing import SteppedClock
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage

TINY = Pace(0.0, 0.02, 0.0)


class Desk:
    """A replier with its own pace, and the rounds it makes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.index = Failing(stage.index, DatabaseUnavailableError("database is full"))
        self.replier = self.make()

    def make(self, pace: Pace = TINY, clock: Any = None) -> Replier:
        telegram: Any = self.stage.telegram
        index: Any = self.index
        transfers = Transfers()
        voice = Voice(
            telegram=telegram,
            pacer=Pacer(chat_seconds=pace.chat_seconds, overall=10_000),
            signer=self.stage.signer,
            composer=Composer(index, transfers, self.stage.languages, jobs_wait_for=None),
            transfers=transfers,
            send_file=SendingBack(telegram, index, self.stage.store, self.stage.languages).send,
        )
        self.replier = Replier(voice, index, clock or self.stage.clock, pace=pace)
        return self.replier

    async def round(self) -> float | None:
        """Let every chat have its round and wait until they are through."""
        due = await self.replier.step()
        await eventually(lambda: not self.replier._chats)
        return due

    async def rounds(self) -> None:
        """Go on until nothing is due any more."""
        for _ in range(100):
            due = await self.round()
            if due is None:
                return
            await asyncio.sleep(due)
        raise AssertionError("there is always something due")

    def shown(self, chat: int = CURATOR) -> list[str]:
        return self.stage.telegram.shown(chat)


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    desk = Desk(stage)
    yield desk
    await desk.replier.stop()


def _progress(job_id: str, done: int) -> JobProgress:
    return JobProgress(job_id=job_id, at=DATE, done_bytes=done, total_bytes=100)


async def test_a_message_gets_one_reply_that_is_edited_to_the_end(desk: Desk) -> None:
    item = await desk.stage.item()
    await desk.round()
    assert desk.shown() == ["⏳ Archiving 1 photo …"]
    assert desk.stage.telegram.sent[0].reply_to == 7
    await desk.stage.index.settle(item.id, Failed("gone"))
    await desk.round()
    record = await desk.stage.record(item)
    await desk.stage.index.documented(record.id, record.revision, 0)
    await desk.round()
    assert desk.shown() == ["⚠️ Not archived: 1 photo\n❌ failed: gone"]
    assert len(desk.stage.telegram.sent) == 1


async def test_changes_between_two_rounds_are_one_edit(desk: Desk) -> None:
    item = await desk.stage.item()
    await desk.round()
    for number in range(5):
        await desk.stage.index.postpone(item.id, f"trouble {number}", 0, counts=True)
    await desk.round()
    assert [text for _, _, text in desk.stage.telegram.edits] == ["⏳ Archiving 1 photo …\n⏸ waits: trouble 4"]


async def test_what_already_stands_there_is_not_edited(desk: Desk) -> None:
    item = await desk.stage.item()
    await desk.round()
    await desk.stage.index.postpone(item.id, "trouble", 0, counts=True)
    await desk.round()
    await desk.stage.index.postpone(item.id, "trouble", 0, counts=True)
    await desk.rounds()
    assert len(desk.stage.telegram.edits) == 1
    assert await desk.stage.index.replies(0, 10) == []


async def test_replies_come_in_the_order_of_the_messages_and_chats_side_by_side(desk: Desk) -> None:
    for number in (3, 1, 2):
        await desk.stage.item(number)
        await desk.stage.item(number + 10, chat=OTHER_CURATOR)
    await desk.stage.index.answer(5, CURATOR, 4, Answer("an answer"))
    await desk.round()
    own = [sent.reply_to for sent in desk.stage.telegram.sent if sent.chat_id == CURATOR]
    assert own == [3, 1, 2, 4]
    assert [sent.reply_to for sent in desk.stage.telegram.sent if sent.chat_id == OTHER_CURATOR] == [13, 11, 12]
    assert desk.shown()[-1] == "an answer"


async def test_a_long_queue_of_one_chat_does_not_hide_another(desk: Desk) -> None:
    for number in range(1, 151):
        await desk.stage.index.answer(number, CURATOR, number, Answer("x"))
    await desk.stage.index.answer(200, OTHER_CURATOR, 1, Answer("y"))
    desk.stage.telegram.gate.clear()
    await desk.round()
    await desk.round()
    assert len(desk.shown()) == 150
    assert desk.shown(OTHER_CURATOR) == ["y"]


async def test_a_failed_send_is_tried_again_and_nothing_overtakes_it(desk: Desk) -> None:
    for number in (1, 2):
        await desk.stage.index.answer(number, CURATOR, number, Answer(f"answer {number}"))
    desk.stage.telegram.failures["send"] = [TransientError("net")]
    await desk.round()
    assert desk.shown() == []
    await desk.round()
    assert desk.shown() == ["answer 1", "answer 2"]


async def test_trouble_in_one_chat_does_not_stop_the_others(desk: Desk) -> None:
    await desk.stage.index.answer(1, CURATOR, 1, Answer("one"))
    await desk.stage.index.answer(2, OTHER_CURATOR, 2, Answer("two"))
    desk.stage.telegram.failures["send"] = [ZeroDivisionError("odd")]
    await desk.round()
    assert len(desk.stage.telegram.sent) == 1
    await desk.round()
    assert (desk.shown(), desk.shown(OTHER_CURATOR)) == (["one"], ["two"])


@pytest.mark.parametrize("method", ["send", "edit"])
async def test_a_chat_that_is_closed_to_us_is_left_alone_until_its_user_writes_again(desk: Desk, method: str) -> None:
    item = await desk.stage.item()
    if method == "edit":
        await desk.round()
    desk.stage.telegram.failures[method] = [ChatClosedError("bot was blocked by the user")]
    await desk.stage.index.postpone(item.id, "x", 0, counts=True)
    await desk.round()
    before = len(desk.stage.telegram.sent)
    await desk.stage.index.postpone(item.id, "y", 0, counts=True)
    await desk.round()
    assert len(desk.stage.telegram.sent) == before
    assert desk.stage.telegram.edits == []
    await desk.stage.index.answer(999, CURATOR, 9, Answer("all is well"))
    await desk.round()
    assert desk.shown() == ["⏳ Archiving 1 photo …\n⏸ waits: y", "all is well"]


async def test_a_reply_that_its_user_deleted_is_sent_anew_once(desk: Desk) -> None:
    item = await desk.stage.item()
    await desk.round()
    desk.stage.telegram.broken["edit"] = PermanentError("message to edit not found")
    for reason in ("x", "y", "z"):
        await desk.stage.index.postpone(item.id, reason, 0, counts=True)
        await desk.round()
    assert desk.shown() == ["⏳ Archiving 1 photo …", "⏳ Archiving 1 photo …\n⏸ waits: x"]


async def test_the_wait_that_telegram_asks_for_is_kept(desk: Desk) -> None:
    await desk.stage.index.answer(1, CURATOR, 1, Answer("x"))
    desk.stage.telegram.failures["send"] = [TransientError("flood", retry_after=0.15)]
    loop = asyncio.get_running_loop()
    before = loop.time()
    await desk.round()
    assert loop.time() - before >= 0.15
    await desk.round()
    assert desk.shown() == ["x"]


async def test_two_calls_in_one_chat_keep_their_distance(desk: Desk) -> None:
    class LoopClock(SteppedClock):
        def now(self) -> float:
            return asyncio.get_running_loop().time()

    desk.make(Pace(chat_seconds=0.05, progress_seconds=0.02, first_seconds=0.0), LoopClock())
    for number in (1, 2, 3):
        await desk.stage.index.answer(number, CURATOR, number, Answer("x"))
    loop = asyncio.get_running_loop()
    before = loop.time()
    await desk.round()
    assert loop.time() - before >= 0.1
    assert len(desk.shown()) == 3


async def _job_in_work(desk: Desk) -> Any:
    item = await desk.stage.queued()
    await desk.stage.index.apply(JobStarted(job_id="job-7", at=DATE, worker="w", attempt=1))
    await desk.round()
    assert "being fetched" in desk.shown()[0]
    return item


async def test_progress_is_shown_at_its_own_pace(desk: Desk) -> None:
    item = await _job_in_work(desk)
    pace = 0.02
    for done in (10, 20, 50):
        desk.replier.progress(item.message, _progress("job-7", done))
    assert await desk.round() == pytest.approx(pace)
    assert desk.stage.telegram.edits == []
    desk.stage.clock.advance(pace)
    await desk.round()
    assert [text.splitlines()[-1] for _, _, text in desk.stage.telegram.edits] == [
        "📥 1000 B: ▰▰▰▰▰▱▱▱▱▱ 50 % · /cancel job-7"
    ]
    assert await desk.round() is None, "nothing new, nothing due"


async def test_progress_that_comes_while_the_chat_is_busy_is_shown_afterwards(desk: Desk) -> None:
    item = await _job_in_work(desk)
    await desk.stage.index.answer(9, CURATOR, 9, Answer("x"))
    desk.stage.telegram.failures["send"] = [TransientError("flood", retry_after=0.05)]
    await desk.replier.step()
    await eventually(lambda: not desk.stage.telegram.failures["send"])
    desk.replier.problem(item.message, "no space left")
    assert await desk.replier.step() is None, "what is due already waits for the end of the round"
    await eventually(lambda: not desk.replier._chats)
    await desk.round()
    assert "⏸ no space left" in desk.shown()[0]


async def test_a_problem_is_shown_until_it_is_solved(desk: Desk) -> None:
    item = await desk.stage.stored()
    await desk.round()
    desk.replier.problem(item.message, "no space left")
    desk.replier.problem(item.message, "no space left")
    await desk.round()
    assert desk.shown()[0].endswith("⏸ no space left")
    assert len(desk.stage.telegram.edits) == 1
    record = await desk.stage.record(item)
    await desk.stage.index.documented(record.id, record.revision, 0)
    desk.replier.solved(item.message)
    await desk.round()
    assert "⏸" not in desk.shown()[0]
    assert desk.shown()[0].startswith("✅ Archived: 1 photo")


async def test_a_reply_that_could_not_be_recorded_is_not_sent_again(desk: Desk) -> None:
    await desk.stage.item()
    desk.index.methods = {"reply_sent"}
    for _ in range(3):
        await desk.round()
    desk.index.methods = set()
    await desk.round()
    assert len(desk.stage.telegram.sent) == 1
    (reply,) = await desk.stage.database.run(lambda c: c.execute("SELECT sent_id, state FROM replies").fetchall())
    assert tuple(reply) == (desk.stage.telegram.sent[0].id, "idle")


async def test_a_stop_lets_a_call_that_is_under_way_be_recorded(desk: Desk) -> None:
    await desk.stage.item()
    entered, answered = asyncio.Event(), asyncio.Event()
    send = desk.stage.telegram.send

    async def slow_send(chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        sent_id = await send(chat_id, text, reply_to)
        entered.set()
        await answered.wait()
        return sent_id

    desk.stage.telegram.send = slow_send  # type: ignore[method-assign]
    await desk.replier.step()
    await asyncio.wait_for(entered.wait(), 5)
    stopping = asyncio.create_task(desk.replier.stop())
    await asyncio.wait([stopping], timeout=0.02)
    answered.set()
    await asyncio.wait_for(stopping, 5)
    assert await desk.stage.index.replies(0, 10) == []


async def test_a_refused_token_is_no_reason_for_a_frenzy(desk: Desk) -> None:
    await desk.stage.item()
    woken: list[float] = []
    desk.replier.wake = lambda: woken.append(asyncio.get_running_loop().time())
    desk.stage.telegram.broken["send"] = ConfigurationError(["TELEGRAM_BOT_TOKEN: refused"])
    before = asyncio.get_running_loop().time()
    await desk.round()
    assert woken[-1] - before >= 0.02


async def test_after_a_restart_only_what_is_new_is_said(desk: Desk) -> None:
    await desk.stage.item(1)
    await desk.round()
    desk.make()
    await desk.stage.item(2)
    await desk.round()
    assert [sent.reply_to for sent in desk.stage.telegram.sent] == [1, 2]


HELD = Pace(0.0, 0.02, first_seconds=30.0)


async def test_a_file_that_is_archived_at_once_gets_one_message_and_no_edit(desk: Desk) -> None:
    desk.make(HELD)
    item = await desk.stage.item()
    due = await desk.round()
    assert desk.shown() == []
    assert due is not None
    assert 0 < due <= 30
    await desk.stage.index.settle(item.id, Failed("gone"))
    record = await desk.stage.record(item)
    await desk.stage.index.documented(record.id, record.revision, 0)
    await desk.round()
    assert desk.shown() == ["⚠️ Not archived: 1 photo\n❌ failed: gone"]
    assert desk.stage.telegram.edits == []


async def test_a_first_answer_is_held_back_no_longer_than_its_time(desk: Desk) -> None:
    desk.make(Pace(0.0, 0.02, first_seconds=0.05))
    await desk.stage.item()

    async def look() -> bool:
        await desk.round()
        return bool(desk.shown())

    await eventually(look)
    assert desk.shown() == ["⏳ Archiving 1 photo …"]


async def test_no_answer_overtakes_one_that_is_held_back(desk: Desk) -> None:
    desk.make(HELD)
    await desk.stage.item(7)
    await desk.stage.index.answer(999, CURATOR, 8, Answer("all is well"))
    await desk.stage.index.answer(998, OTHER_CURATOR, 9, Answer("all is well"))
    await desk.round()
    assert desk.shown() == []
    assert desk.shown(OTHER_CURATOR) == ["all is well"]


async def test_a_held_answer_in_a_busy_chat_wakes_nobody(desk: Desk) -> None:
    first = await desk.stage.item(7)
    await desk.round()
    desk.make(Pace(0.0, 0.02, first_seconds=0.01))
    desk.stage.telegram.failures["edit"] = [TransientError("flood", retry_after=30)]
    await desk.stage.index.postpone(first.id, "x", 0, counts=True)
    await desk.stage.item(8)
    await desk.replier.step()
    assert desk.replier._chats, "the chat waits out its flood"
    assert await desk.replier.step() is None


async def test_many_messages_share_a_reply_that_is_edited_to_the_end(desk: Desk) -> None:
    records = [(await desk.stage.stored(number)).message for number in range(1, 9)]
    await desk.round()
    assert len(desk.stage.telegram.sent) == 6
    assert desk.shown()[-1].startswith("⏳ 0 of 3 messages are through …")
    for record_id in records:
        record = await desk.stage.index.message(record_id)
        await desk.stage.index.documented(record_id, record.revision, 0)
    await desk.rounds()
    assert len(desk.stage.telegram.sent) == 6
    assert desk.shown()[-1].startswith("✅ Archived: 3 messages")
    assert await desk.stage.index.replies(0, 10) == []


async def test_an_edit_that_is_the_last_does_not_wait_for_those_that_are_not(desk: Desk) -> None:
    desk.make(Pace(0.0, 60.0, 0.0))
    item = await desk.stage.item()
    await desk.round()
    await desk.stage.index.postpone(item.id, "trouble", 0, counts=True)
    await desk.round()
    await desk.stage.index.postpone(item.id, "more trouble", 0, counts=True)
    await desk.round()
    assert len(desk.stage.telegram.edits) == 1, "the second is put off"
    await desk.stage.index.settle(item.id, Failed("gone"))
    record = await desk.stage.record(item)
    await desk.stage.index.documented(record.id, record.revision, 0)
    await desk.round()
    assert desk.shown()[0].startswith("⚠️ Not archived")


async def test_an_answer_to_a_press_takes_the_messages_place_or_is_sent_when_that_is_gone(desk: Desk) -> None:
    buttons = ((Button("▶", "queue 2"),),)
    await desk.stage.index.answer(1, CURATOR, 31, Answer("page 1", buttons, in_place=True), 31)
    await desk.round()
    assert desk.stage.telegram.edits == [(CURATOR, 31, "page 1")]
    assert desk.stage.telegram.keys[31] == desk.stage.signer.keys(CURATOR, buttons)
    desk.stage.telegram.failures["edit"] = [PermanentError("message to edit not found")]
    await desk.stage.index.answer(2, CURATOR, 31, Answer("page 2", in_place=True), 31)
    await desk.round()
    assert desk.shown() == ["page 2", "page 1"]


async def test_a_change_of_buttons_alone_is_shown(desk: Desk) -> None:
    item = await desk.stage.queued()
    await desk.round()
    labels = [label for row in desk.stage.telegram.keys[5000] for label, _ in row]
    assert labels == ["🔎", "🔁", "🛑"]
    await desk.stage.index.settle(item.id, Failed("gone"))
    await desk.rounds()
    assert [label for row in desk.stage.telegram.keys[5000] for label, _ in row] == ["🔎", "🔁"]


async def test_a_file_goes_out_once_as_an_answer(desk: Desk) -> None:
    item = await desk.stage.stored()
    await desk.stage.index.answer(900, CURATOR, 9, Answer("your file", file=item.id))
    desk.stage.telegram.failures["send_again"] = [TransientError("net")]
    await desk.rounds()
    await desk.rounds()
    assert desk.stage.telegram.sent_again == [(CURATOR, item.media.file_id)]


async def test_buttons_that_are_missing_under_what_stands_there_are_added(desk: Desk) -> None:
    await desk.stage.queued()
    await desk.round()
    (sent,) = desk.stage.telegram.sent
    desk.stage.telegram.keys[sent.id] = ()  # as an earlier version had sent it
    await desk.stage.index.reply_sent(1, sent.id, sent.text, 0)
    await desk.round()
    assert [label for row in desk.stage.telegram.keys[sent.id] for label, _ in row] == ["🔎", "🔁", "🛑"]
