"""/start, /help and the menu."""

import json

from conversations.talk import Talk


async def test_start_and_help_tell_what_to_do(talk: Talk) -> None:
    assert "I archive every byte" in await talk.hears("/start")
    text = await talk.hears("/help")
    assert "/find holiday 2026" in text
    assert "For admins:" in text
    assert "For admins:" not in await talk.hears("/help", talk.bob)
    assert (await talk.hears("/nonsense")).startswith("I don't know /nonsense. I know /")
    assert (await talk.hears("hello")).startswith("I can't archive text")


async def test_the_menu_is_set_in_each_language_and_more_of_it_for_admins(talk: Talk) -> None:
    menus = talk.world.account(talk.bot).commands

    def names(*key: object) -> list[str]:
        return [each["command"] for each in menus.get(json.dumps(list(key)), [])]

    await talk.stage.until(lambda: names("all_private_chats", "de"), what="the menu")
    await talk.hears("/start")  # so that Telegram knows the admin's chat
    assert "find" in names("all_private_chats", "")
    assert "purge" not in names("all_private_chats", "")
    assert names("all_private_chats", "") == names("all_private_chats", "de")
