"""Whoever writes waits for its turn: a second apart in a chat, so many a second in all, and what Telegram asks."""

import asyncio

import pytest

from teltubby_bot.pacing import Pacer
from teltubby_core.errors import TransientError


class Writer:
    """Notes when each call began, on a clock that needs no waiting."""

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.at: list[float] = []

    async def write(self, chat: int = 1, *, takes: float = 0.0, error: Exception | None = None) -> None:
        async with self.pacer.turn(chat):
            self.at.append(round(asyncio.get_running_loop().time(), 3))
            await asyncio.sleep(takes)
            if error:
                raise error


def _now() -> float:
    return asyncio.get_running_loop().time()


async def test_two_writes_in_a_chat_are_apart_from_the_end_of_the_first() -> None:
    writer, began = Writer(Pacer(chat_seconds=0.05)), _now()
    await asyncio.gather(writer.write(takes=0.05), writer.write())
    assert writer.at[1] - began >= 0.1


async def test_chats_do_not_wait_for_each_other() -> None:
    writer, began = Writer(Pacer(chat_seconds=60)), _now()
    await asyncio.gather(*(writer.write(chat) for chat in range(20)))
    assert max(writer.at) - began < 30


async def test_a_flood_keeps_its_chat_quiet_and_only_it() -> None:
    writer = Writer(Pacer(chat_seconds=0.0))
    with pytest.raises(TransientError):
        await writer.write(1, error=TransientError("flood", retry_after=0.05))
    began = _now()
    await writer.write(2)
    assert writer.at[-1] - began < 0.05
    await writer.write(1)
    assert writer.at[-1] - began >= 0.05


async def test_so_many_a_second_over_all_chats() -> None:
    writer, began = Writer(Pacer(chat_seconds=0.0, overall=3)), _now()
    await asyncio.gather(*(writer.write(chat) for chat in range(4)))
    late = [at for at in writer.at if at - began >= 0.99]
    assert len(late) == 1


async def test_a_turn_that_was_not_used_costs_nothing() -> None:
    pacer = Pacer(chat_seconds=60, overall=1)
    for _ in range(3):
        async with asyncio.timeout(5), pacer.turn(1) as give_back:
            give_back()
