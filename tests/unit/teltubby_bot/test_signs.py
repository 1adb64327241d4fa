"""Reactions and “typing”: small, few, and never in the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support import CURATOR, eventually
from teltubby_bot import signs
from teltubby_bot.composing import Content
from teltubby_bot.signs import ARCHIVED, FAILED, KNOWN, LEFT_OUT, WORKING, Signs, reaction
from teltubby_core.domain.records import ItemState, MessageRecord, Reply
from teltubby_core.errors import TransientError
from teltubby_simulator.botapi.reactions import is_allowed
from unit.teltubby_bot.fakes import FakeTelegram
from unit.teltubby_core.records import a_record, an_item

REPLY = Reply(1, CURATOR, 7, 1, None, 1, None, None)


def _record(*states: ItemState, complete: bool = True) -> MessageRecord:
    return a_record(*(an_item(number, state=state) for number, state in enumerate(states, 1)), documented=complete)


def _shown(record: MessageRecord) -> Content:
    return Content("text", (), 1, (record,))


@pytest.fixture
async def telegram() -> FakeTelegram:
    return FakeTelegram()


def _signs(telegram: Any) -> Signs:
    return Signs(telegram)


@pytest.mark.parametrize("emoji", [WORKING, ARCHIVED, KNOWN, FAILED, LEFT_OUT])
def test_each_is_one_that_bots_may_set(emoji: str) -> None:
    assert is_allowed(emoji)


@pytest.mark.parametrize(
    ("states", "emoji"),
    [
        ([ItemState.STORED], ARCHIVED),
        ([ItemState.STORED, ItemState.DUPLICATE, ItemState.SKIPPED], ARCHIVED),
        ([ItemState.DUPLICATE, ItemState.DUPLICATE], KNOWN),
        ([ItemState.STORED, ItemState.FAILED], FAILED),
        ([ItemState.SKIPPED], LEFT_OUT),
        ([ItemState.CANCELLED], LEFT_OUT),
    ],
)
def test_what_goes_under_a_message_that_is_through(states: list[ItemState], emoji: str) -> None:
    assert reaction(_record(*states)) == emoji
    assert reaction(_record(*states, complete=False)) == WORKING


async def test_a_message_gets_one_reaction_after_the_other_and_none_twice(telegram: FakeTelegram) -> None:
    found = _signs(telegram)
    found.shown(REPLY, _shown(_record(ItemState.STORED, complete=False)))
    await eventually(lambda: telegram.reactions == {(CURATOR, 7): WORKING})
    assert telegram.actions == [(CURATOR, "typing")]
    found.shown(REPLY, _shown(_record(ItemState.STORED, complete=False)))
    found.shown(REPLY, _shown(_record(ItemState.STORED)))
    await eventually(lambda: telegram.reactions == {(CURATOR, 7): ARCHIVED})
    assert telegram.actions == [(CURATOR, "typing")], "not again within five seconds"
    await found.stop()


async def test_answers_and_bursts_get_none(telegram: FakeTelegram) -> None:
    found = _signs(telegram)
    found.shown(replace(REPLY, message=None, text="x"), Content("x", (), 0))
    found.shown(replace(REPLY, message=None, burst=True), _shown(_record(ItemState.STORED)))
    await asyncio.sleep(0)
    assert (telegram.reactions, telegram.actions) == ({}, [])


async def test_while_much_is_going_on_the_rest_is_left_out(telegram: FakeTelegram) -> None:
    found = _signs(telegram)
    for number in range(20):
        found.shown(replace(REPLY, reply_to=number), _shown(_record(ItemState.STORED)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(telegram.reactions) <= signs._A_SECOND
    await found.stop()


async def test_after_a_flood_there_are_none_for_as_long_as_telegram_asks(telegram: FakeTelegram) -> None:
    found = _signs(telegram)
    telegram.failures["react"] = [TransientError("flood", retry_after=60)]
    found.shown(REPLY, _shown(_record(ItemState.STORED)))
    await eventually(lambda: not telegram.failures["react"])
    await eventually(lambda: found._tasks.idle)
    found.shown(replace(REPLY, reply_to=8), _shown(_record(ItemState.STORED)))
    assert found._tasks.idle
