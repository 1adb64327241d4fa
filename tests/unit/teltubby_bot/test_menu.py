"""The menu: what everybody may use for everybody, the rest for admins, in each language."""

from typing import Any

import pytest

from support import CURATOR, OTHER_CURATOR
from teltubby_bot.menu import ADMINS, EVERYBODYS, Menu
from teltubby_bot.telegram import ChatClosedError
from teltubby_core.errors import TransientError
from unit.teltubby_bot.fakes import FakeTelegram

EVERYBODY = frozenset({CURATOR, OTHER_CURATOR})


def _menu(telegram: Any, admins: frozenset[int]) -> Menu:
    return Menu(telegram, EVERYBODY, admins)


async def test_admins_see_more_than_others() -> None:
    telegram = FakeTelegram()
    assert await _menu(telegram, frozenset({CURATOR})).step() is None
    assert [name for name, _ in telegram.menus[None, None]] == EVERYBODYS
    assert [name for name, _ in telegram.menus[CURATOR, None]] == EVERYBODYS + ADMINS
    assert dict(telegram.menus[CURATOR, "de"])["find"] == "Finde, was du geschickt hast"
    assert (OTHER_CURATOR, None) not in telegram.menus


async def test_where_everybody_is_an_admin_there_is_one_menu() -> None:
    telegram = FakeTelegram()
    await _menu(telegram, EVERYBODY).step()
    assert set(telegram.menus) == {(None, None), (None, "de")}
    assert [name for name, _ in telegram.menus[None, None]] == EVERYBODYS + ADMINS


async def test_what_could_not_be_set_is_set_with_the_next_try() -> None:
    telegram = FakeTelegram()
    menu = _menu(telegram, frozenset({CURATOR}))
    telegram.failures["set_commands"] = [TransientError("net")]
    with pytest.raises(TransientError):
        await menu.step()
    await menu.step()
    assert len(telegram.menus) == 4


async def test_an_admin_who_never_wrote_to_the_bot_keeps_nobody_elses_menu_away() -> None:
    telegram = FakeTelegram()
    real = telegram.set_commands

    async def refusing(commands: Any, *, language: str | None = None, chat_id: int | None = None) -> None:
        if chat_id == CURATOR:
            raise ChatClosedError("chat not found")
        await real(commands, language=language, chat_id=chat_id)

    telegram.set_commands = refusing  # type: ignore[method-assign]
    wired: Any = telegram
    await Menu(wired, EVERYBODY | {1}, EVERYBODY).step()
    assert {chat for chat, _ in telegram.menus} == {None, OTHER_CURATOR}
