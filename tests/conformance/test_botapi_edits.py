"""What a bot may change, take away, copy and press, as python-telegram-bot sees it."""

from typing import Any

import pytest
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    KeyboardButton,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
)
from telegram.constants import ReactionEmoji

from conformance.botapi_stage import Stage, picture, refusal
from conformance.rules import accepted, refused

NOT_MODIFIED = (
    "Message is not modified: specified new message content and reply markup are exactly"
    " the same as a current content and reply markup of the message"
)


def buttons(number: int = 1, data: str = "go") -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(f"button {n}", callback_data=data) for n in range(number)]
    return InlineKeyboardMarkup([row[n : n + 8] for n in range(0, number, 8)])


# Edits


@accepted("botapi.edit-own", "botapi.edit-part", "botapi.not-modified", "botapi.edit-keyboard")
async def test_a_bot_changes_what_it_wrote(botapi: Stage):
    chat = botapi.person.id
    sent = await botapi.bot.send_message(chat, "working", reply_markup=buttons())
    edited = await botapi.bot.edit_message_text("done", chat, sent.message_id)
    assert (edited.text, edited.reply_markup) == ("done", None)
    again = await botapi.bot.edit_message_reply_markup(chat, sent.message_id, reply_markup=buttons())
    assert again.reply_markup == buttons()
    file = await botapi.bot.send_document(chat, b"content", caption="old")
    assert (await botapi.bot.edit_message_caption(chat, file.message_id, caption="new")).caption == "new"


@refused("botapi.edit-own")
async def test_a_bot_changes_nothing_else(botapi: Stage):
    chat = botapi.person.id
    theirs = botapi.world.send(botapi.person, botapi.user, text="mine")
    forward = await botapi.bot.forward_message(chat, chat, theirs.id)
    with_keys = await botapi.bot.send_message(chat, "x", reply_markup=ReplyKeyboardMarkup([["yes", "no"]]))
    for message_id in (theirs.id, forward.message_id, with_keys.message_id):
        with refusal("message can't be edited"):
            await botapi.bot.edit_message_text("changed", chat, message_id)
    with refusal("message to edit not found"):
        await botapi.bot.edit_message_text("changed", chat, 999)
    with refusal("message identifier is not specified"):
        await botapi.ask("editMessageText", text="changed")


@refused("botapi.edit-part")
async def test_a_text_has_no_caption_and_a_file_no_text(botapi: Stage):
    chat = botapi.person.id
    text, file = await botapi.bot.send_message(chat, "text"), await botapi.bot.send_document(chat, b"content")
    with refusal("there is no caption in the message to edit"):
        await botapi.bot.edit_message_caption(chat, text.message_id, caption="new")
    with refusal("there is no text in the message to edit"):
        await botapi.bot.edit_message_text("new", chat, file.message_id)


@refused("botapi.not-modified")
async def test_an_edit_without_a_change_is_refused(botapi: Stage):
    chat = botapi.person.id
    text = await botapi.bot.send_message(chat, "same", reply_markup=buttons())
    photo = await botapi.bot.send_photo(chat, picture(10, 10), caption="same")
    for call in (
        botapi.bot.edit_message_text("same", chat, text.message_id, reply_markup=buttons()),
        botapi.bot.edit_message_reply_markup(chat, text.message_id, reply_markup=buttons()),
        botapi.bot.edit_message_caption(chat, photo.message_id, caption="same"),
        botapi.bot.edit_message_media(InputMediaPhoto(photo.photo[-1].file_id, caption="same"), chat, photo.message_id),
    ):
        with refusal(NOT_MODIFIED):
            await call


@refused("botapi.edit-keyboard")
async def test_an_edit_puts_no_reply_keyboard(botapi: Stage):
    sent = await botapi.bot.send_message(botapi.person.id, "text")
    with refusal("inline keyboard expected"):
        await botapi.bot.edit_message_text(
            "new", botapi.person.id, sent.message_id, reply_markup=ReplyKeyboardMarkup([["yes"]])
        )


@accepted("botapi.edit-album")
async def test_media_are_exchanged(botapi: Stage):
    chat = botapi.person.id
    sent = await botapi.bot.send_document(chat, b"content", caption="old")
    edited = await botapi.bot.edit_message_media(InputMediaPhoto(picture(10, 10)), chat, sent.message_id)
    assert (edited.document, edited.caption, len(edited.photo)) == (None, None, 1)


@refused("botapi.edit-album")
async def test_a_document_of_an_album_stays_one(botapi: Stage):
    chat = botapi.person.id
    album = await botapi.bot.send_media_group(chat, [InputMediaDocument(b"one"), InputMediaDocument(b"two")])
    with refusal("can't change media type in the album"):
        await botapi.bot.edit_message_media(InputMediaPhoto(picture(10, 10)), chat, album[0].message_id)


# Deletions


@accepted("botapi.delete")
async def test_messages_of_either_side_are_deleted_for_two_days(botapi: Stage):
    theirs = botapi.world.send(botapi.person, botapi.user, text="mine")
    botapi.clock.advance(48 * 3600)
    sent = await botapi.bot.send_message(botapi.person.id, "yours")
    assert await botapi.bot.delete_message(botapi.person.id, theirs.id)
    assert await botapi.bot.delete_message(botapi.person.id, sent.message_id)
    assert [each.text for each in botapi.world.chat_with(botapi.person.id, botapi.user.id)] == ["/start"]


@refused("botapi.delete")
async def test_older_ones_and_those_of_others_in_groups_stay(botapi: Stage):
    group = botapi.world.add_chat("supergroup", "Club", members=[botapi.person, botapi.user])
    posted = botapi.world.post_in_group(group, botapi.person, text="/stay")
    with refusal("message can't be deleted"):
        await botapi.bot.delete_message(group.id, posted.id)
    old = await botapi.bot.send_message(botapi.person.id, "old")
    botapi.clock.advance(48 * 3600 + 1)
    with refusal("message can't be deleted for everyone"):
        await botapi.bot.delete_message(botapi.person.id, old.message_id)
    with refusal("message to delete not found"):
        await botapi.bot.delete_message(botapi.person.id, 999)


@accepted("botapi.delete-many")
async def test_a_hundred_messages_are_deleted_at_once(botapi: Stage):
    sent = [botapi.world.send(botapi.person, botapi.user, text=str(n)).id for n in range(3)]
    assert await botapi.bot.delete_messages(botapi.person.id, [*sent, *range(1000, 1097)])
    assert len(botapi.world.chat_with(botapi.person.id, botapi.user.id)) == 1


@refused("botapi.delete-many")
@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([], "message identifiers are not specified"),
        (list(range(1, 102)), "too many message identifiers specified"),
        ([0], "invalid message identifier specified"),
    ],
)
async def test_no_more_and_no_fewer_are_deleted(botapi: Stage, ids, sentence):
    with refusal(sentence):
        await botapi.ask("deleteMessages", chat_id=botapi.person.id, message_ids=ids)


# Copies and forwards


@accepted("botapi.copy")
async def test_a_copy_has_no_origin_and_no_limit_of_size(botapi: Stage):
    relay = botapi.world.add_chat("channel", "Relay", members=[botapi.user])
    message = botapi.world.send(botapi.person, botapi.user, media=botapi.document(1 << 30), caption="film")
    copied = await botapi.bot.copy_message(relay.id, botapi.person.id, message.id)
    (there,) = botapi.world.messages_in_channel(relay.id, [copied.message_id])
    assert there
    assert (there.media, there.caption, there.forward_origin) == (message.media, "film", None)


@refused("botapi.copy")
async def test_what_is_not_there_or_is_a_game_is_not_copied(botapi: Stage):
    chat = botapi.person.id
    game = botapi.world.send(
        botapi.person, botapi.user, special={"game": {"title": "Chess", "description": "d", "photo": []}}
    )
    with refusal("message to copy not found"):
        await botapi.bot.copy_message(chat, chat, 999)
    with refusal("can't copy message"):
        await botapi.bot.copy_message(chat, chat, game.id)


@accepted("botapi.forward-many")
async def test_what_is_there_is_forwarded_and_albums_stay_together(botapi: Stage):
    chat = botapi.person.id
    album = botapi.world.send_album(botapi.person, botapi.user, [(botapi.document(), "a"), (botapi.document(), None)])
    ids = [each.id for each in album]
    forwarded = await botapi.bot.forward_messages(chat, chat, [*ids, 999])
    copied = await botapi.bot.copy_messages(chat, chat, ids, remove_caption=True)
    held = botapi.world.messages_of(botapi.user.id, [each.message_id for each in (*forwarded, *copied)])
    messages = [each for each in held if each is not None]
    assert len({each.media_group_id for each in messages}) == 2
    assert [each.forward_origin is None for each in messages] == [False, False, True, True]
    assert [each.caption for each in messages] == ["a", None, None, None]


@refused("botapi.forward-many")
async def test_more_than_a_hundred_or_none_are_not_forwarded(botapi: Stage):
    chat = botapi.person.id
    with refusal("too many message identifiers specified"):
        await botapi.bot.forward_messages(chat, chat, list(range(1, 102)))
    with refusal("there are no messages to forward"):
        await botapi.bot.copy_messages(chat, chat, [998, 999])
    with refusal("message to forward not found"):
        await botapi.bot.forward_message(chat, chat, 999)


# Actions and reactions


@accepted("botapi.chat-action")
async def test_a_chat_action_is_shown(botapi: Stage):
    assert await botapi.bot.send_chat_action(botapi.person.id, "upload_document")
    assert [each for _, _, each in botapi.world.account(botapi.user).chat_actions] == ["upload_document"]


@refused("botapi.chat-action")
async def test_another_action_is_refused(botapi: Stage):
    with refusal("wrong parameter action in request"):
        await botapi.bot.send_chat_action(botapi.person.id, "dancing")


@accepted("botapi.reaction")
@pytest.mark.parametrize("emoji", [ReactionEmoji.EYES, ReactionEmoji.WRITING_HAND, ReactionEmoji.RED_HEART])
async def test_a_bot_sets_one_reaction_and_takes_it_away(botapi: Stage, emoji):
    message = botapi.world.send(botapi.person, botapi.user, text="hello")
    await botapi.bot.set_message_reaction(botapi.person.id, message.id, ReactionTypeEmoji(emoji))
    assert message.reactions == [emoji]
    await botapi.bot.set_message_reaction(botapi.person.id, message.id, [])
    assert message.reactions == []


@refused("botapi.reaction")
async def test_other_reactions_and_a_second_one_are_refused(botapi: Stage):
    chat, message = botapi.person.id, botapi.world.send(botapi.person, botapi.user, text="hello")
    for emoji in ("✅", "❌"):
        with refusal("REACTION_INVALID"):
            await botapi.bot.set_message_reaction(chat, message.id, ReactionTypeEmoji(emoji))
    with refusal("REACTIONS_TOO_MANY"):
        await botapi.bot.set_message_reaction(chat, message.id, [ReactionTypeEmoji("👍"), ReactionTypeEmoji("👎")])
    with refusal("message to react not found"):
        await botapi.bot.set_message_reaction(chat, 999, ReactionTypeEmoji("👍"))


# Keyboards


async def keyboard(stage: Stage, *row: dict[str, Any], name: str = "inline_keyboard", chat: int | None = None):
    parameters = {"chat_id": chat or stage.person.id, "text": "x", "reply_markup": {name: [list(row)]}}
    return await stage.ask("sendMessage", **parameters)


@accepted("botapi.button-type", "botapi.button-data", "botapi.button-url", "botapi.button-text", "botapi.button-count")
async def test_buttons_that_telegram_takes(botapi: Stage):
    kinds = [
        InlineKeyboardButton("press", callback_data="é" * 32),
        InlineKeyboardButton("read", url="https://e.org/path?q=1"),
        InlineKeyboardButton("open", url="tg://resolve?domain=durov"),
        InlineKeyboardButton("ask", switch_inline_query=""),
    ]
    sent = await botapi.bot.send_message(botapi.person.id, "x", reply_markup=InlineKeyboardMarkup([kinds]))
    assert sent.reply_markup.inline_keyboard[0][0].callback_data == "é" * 32
    hundred = await botapi.bot.send_message(botapi.person.id, "x", reply_markup=buttons(100))
    assert sum(map(len, hundred.reply_markup.inline_keyboard)) == 100


@refused("botapi.button-type", "botapi.button-data", "botapi.button-url", "botapi.button-text")
@pytest.mark.parametrize(
    ("button", "sentence"),
    [
        (
            {"text": "mute"},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        ({"callback_data": "x"}, "can't parse inline keyboard button: Can't find field \"text\""),
        ({"text": "", "callback_data": "x"}, "inline keyboard button text must be non-empty"),
        ({"text": "long", "callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "long", "callback_data": "é" * 33}, "BUTTON_DATA_INVALID"),
        (
            {"text": "home", "url": "http://localhost"},
            "inline keyboard button URL 'http://localhost' is invalid: Wrong HTTP URL",
        ),
        (
            {"text": "odd", "url": "gopher://e.org"},
            "inline keyboard button URL 'gopher://e.org' is invalid: Unsupported URL protocol",
        ),
    ],
)
async def test_buttons_that_telegram_does_not_take(botapi: Stage, button, sentence):
    with refusal(sentence):
        await keyboard(botapi, button)


@refused("botapi.button-count")
async def test_more_than_a_hundred_buttons_are_refused(botapi: Stage):
    with refusal("reply markup is too long"):
        await botapi.bot.send_message(botapi.person.id, "x", reply_markup=buttons(101))


@accepted("botapi.keyboard-private")
async def test_a_contact_is_asked_for_in_private(botapi: Stage):
    keys = ReplyKeyboardMarkup([[KeyboardButton("my number", request_contact=True)]])
    sent = await botapi.bot.send_message(botapi.person.id, "x", reply_markup=keys)
    assert sent.reply_markup is None  # reply keyboards are no part of the message


@refused("botapi.keyboard-private")
async def test_a_contact_is_not_asked_for_in_a_group(botapi: Stage):
    group = botapi.world.add_chat("supergroup", "Club", members=[botapi.person, botapi.user])
    with refusal("phone number can be requested in private chats only"):
        await keyboard(botapi, {"text": "my number", "request_contact": True}, name="keyboard", chat=group.id)


@accepted("botapi.callback-answer")
async def test_a_press_reaches_the_bot_and_its_answer_the_user(botapi: Stage):
    sent = await botapi.bot.send_message(botapi.person.id, "x", reply_markup=buttons())
    message = botapi.world.message(botapi.user.id, botapi.person.id, sent.message_id)
    assert message
    press = botapi.world.press(botapi.person, message, "go")
    query = (await botapi.seen())[-1].callback_query
    assert (query.data, query.from_user.id, query.message.message_id) == ("go", botapi.person.id, sent.message_id)
    assert await botapi.bot.answer_callback_query(query.id, "t" * 200, show_alert=True)
    assert botapi.world.account(botapi.user).answers[press.id]["text"] == "t" * 200


@refused("botapi.callback-answer")
async def test_a_press_is_not_answered_twice_late_or_at_length(botapi: Stage):
    sent = await botapi.bot.send_message(botapi.person.id, "x", reply_markup=buttons())
    message = botapi.world.message(botapi.user.id, botapi.person.id, sent.message_id)
    assert message
    twice, late = (botapi.world.press(botapi.person, message, "go").id for _ in range(2))
    with refusal("MESSAGE_TOO_LONG"):
        await botapi.bot.answer_callback_query(str(twice), "t" * 201)
    await botapi.bot.answer_callback_query(str(twice))
    botapi.clock.advance(botapi.world.callback_lifetime + 1)
    for query in (twice, late, 4711):
        with refusal("query is too old and response timeout expired or query ID is invalid"):
            await botapi.bot.answer_callback_query(str(query))
