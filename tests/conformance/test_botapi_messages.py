"""What a bot may write and to whom, as python-telegram-bot sees it."""

import pytest
from telegram import BotCommand, MessageEntity, ReplyParameters
from telegram.constants import DiceEmoji
from telegram.error import Forbidden

from conformance.botapi_stage import Stage, refusal
from conformance.rules import accepted, refused

# Whom a bot can write to


@accepted("botapi.known-chat", "botapi.initiative", "botapi.blocked")
async def test_who_wrote_first_gets_an_answer(botapi: Stage):
    botapi.world.block(botapi.person, botapi.user)
    botapi.world.unblock(botapi.person, botapi.user)
    sent = await botapi.bot.send_message(botapi.person.id, "hello")
    assert sent.chat.id == botapi.person.id


@refused("botapi.initiative")
async def test_a_bot_does_not_write_first(botapi: Stage):
    met = botapi.world.add_user("Ben")
    botapi.world.add_chat("supergroup", "Club", members=[met, botapi.user])
    with refusal("Forbidden: bot can't initiate conversation with a user", Forbidden):
        await botapi.bot.send_message(met.id, "hello")
    other = botapi.world.add_bot("Other", "other_bot")
    with refusal("Forbidden: the bot can't send messages to the bot", Forbidden):
        await botapi.bot.send_message(other.id, "hello")


@refused("botapi.blocked")
async def test_nothing_reaches_who_blocked_the_bot(botapi: Stage):
    sent = await botapi.bot.send_message(botapi.person.id, "hello")
    botapi.world.block(botapi.person, botapi.user)
    for call in (
        botapi.bot.send_message(botapi.person.id, "again"),
        botapi.bot.edit_message_text("changed", botapi.person.id, sent.message_id),
        botapi.bot.send_chat_action(botapi.person.id, "typing"),
    ):
        with refusal("Forbidden: bot was blocked by the user", Forbidden):
            await call


@accepted("botapi.membership")
async def test_a_bot_writes_in_its_chats(botapi: Stage):
    channel = botapi.world.add_chat("channel", "News", "news", members=[botapi.user])
    sent = await botapi.bot.send_message("@news", "headline")
    assert (sent.chat.id, sent.from_user) == (channel.id, None)


@refused("botapi.membership")
@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_a_bot_does_not_write_elsewhere(botapi: Stage, kind):
    chat = botapi.world.add_chat(kind, "Elsewhere")
    with refusal(f"Forbidden: bot is not a member of the {kind} chat", Forbidden):
        await botapi.bot.send_message(chat.id, "hello")


@accepted("botapi.reply-target")
async def test_an_answer_shows_what_it_answers(botapi: Stage):
    question = botapi.world.send(botapi.person, botapi.user, text="question")
    sent = await botapi.bot.send_message(botapi.person.id, "answer", reply_to_message_id=question.id)
    assert sent.reply_to_message.text == "question"
    lenient = ReplyParameters(999, allow_sending_without_reply=True)
    assert (await botapi.bot.send_message(botapi.person.id, "x", reply_parameters=lenient)).reply_to_message is None


@refused("botapi.reply-target")
async def test_what_does_not_exist_is_not_answered(botapi: Stage):
    with refusal("message to be replied not found"):
        await botapi.bot.send_message(botapi.person.id, "answer", reply_parameters=ReplyParameters(999))


# Texts


@accepted("botapi.text-length")
async def test_the_longest_text_is_counted_in_utf16_after_trimming(botapi: Stage):
    sent = await botapi.bot.send_message(botapi.person.id, f"  {'😀' * 2048} \n")
    assert sent.text == "😀" * 2048


@refused("botapi.text-length")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "message text is empty"),
        (" \n ", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("😀" * 2049, "message is too long"),
    ],
)
async def test_a_text_that_is_empty_or_too_long_is_refused(botapi: Stage, text, sentence):
    with refusal(sentence):
        await botapi.bot.send_message(botapi.person.id, text)


@accepted("botapi.caption-length")
async def test_the_longest_caption(botapi: Stage):
    sent = await botapi.bot.send_document(botapi.person.id, b"content", caption="c" * 1024)
    assert len(sent.caption) == 1024
    await botapi.bot.edit_message_caption(botapi.person.id, sent.message_id, caption="")


@refused("botapi.caption-length")
async def test_a_longer_caption_is_refused_wherever_it_is_given(botapi: Stage):
    sent = await botapi.bot.send_document(botapi.person.id, b"content", caption="short")
    long = "c" * 1025
    for call in (
        botapi.bot.send_document(botapi.person.id, b"content", caption=long),
        botapi.bot.edit_message_caption(botapi.person.id, sent.message_id, caption=long),
        botapi.bot.copy_message(botapi.person.id, botapi.person.id, sent.message_id, caption=long),
    ):
        with refusal("message caption is too long"):
            await call


@accepted("botapi.html", "botapi.parse-mode")
async def test_html_becomes_entities(botapi: Stage):
    markup = (
        '😀 <b>bold &lt;<i>both</i></b> <a href="https://e.org">link</a> <tg-spoiler>x</tg-spoiler>'
        '<pre><code class="language-python">pass</code></pre><blockquote expandable>q</blockquote>'
    )
    sent = await botapi.bot.send_message(botapi.person.id, markup, parse_mode="HTML")
    assert sent.text == "😀 bold <both link xpassq"
    assert sent.parse_entities() == {each: sent.parse_entity(each) for each in sent.entities}
    assert [(each.type, sent.parse_entity(each)) for each in sent.entities] == [
        ("bold", "bold <both"),
        ("italic", "both"),
        ("text_link", "link"),
        ("spoiler", "x"),
        ("pre", "pass"),
        ("expandable_blockquote", "q"),
    ]
    assert sent.entities[4].language == "python"


@refused("botapi.html")
@pytest.mark.parametrize(
    ("markup", "sentence"),
    [
        ("é <x>", 'Unsupported start tag "x" at byte offset 3'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b>", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b></i>", 'Unmatched end tag at byte offset 3, expected "</b>", found "</i>"'),
        ("</b>", "Unexpected end tag at byte offset 0"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ('<span class="other">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
async def test_other_html_is_refused(botapi: Stage, markup, sentence):
    with refusal(f"can't parse entities: {sentence}"):
        await botapi.bot.send_message(botapi.person.id, markup, parse_mode="HTML")


@accepted("botapi.markdown")
async def test_markdown_becomes_entities(botapi: Stage):
    markup = "*bold _both_* __under__ ~gone~ ||hidden|| `code` [link](https://e.org) 1\\.5\n>quoted\n```py\npass```"
    sent = await botapi.bot.send_message(botapi.person.id, markup, parse_mode="MarkdownV2")
    assert [(each.type, sent.parse_entity(each)) for each in sent.entities] == [
        ("bold", "bold both"),
        ("italic", "both"),
        ("underline", "under"),
        ("strikethrough", "gone"),
        ("spoiler", "hidden"),
        ("code", "code"),
        ("text_link", "link"),
        ("blockquote", "quoted"),
        ("pre", "pass"),
    ]
    assert "1.5" in sent.text


@refused("botapi.markdown")
@pytest.mark.parametrize(
    ("markup", "sentence"),
    [
        ("a.b", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("so!", "Character '!' is reserved and must be escaped with the preceding '\\'"),
        ("é *bold", "Can't find end of Bold entity at byte offset 3"),
        ("_x", "Can't find end of Italic entity at byte offset 0"),
        ("[x](https://e.org", "Can't find end of a URL at byte offset 4"),
        ("```\nx", "Can't find end of Pre entity at byte offset 0"),
    ],
)
async def test_other_markdown_is_refused(botapi: Stage, markup, sentence):
    with refusal(f"can't parse entities: {sentence}"):
        await botapi.bot.send_message(botapi.person.id, markup, parse_mode="MarkdownV2")


@refused("botapi.parse-mode")
async def test_other_modes_are_refused(botapi: Stage):
    with refusal("unsupported parse_mode"):
        await botapi.bot.send_message(botapi.person.id, "x", parse_mode="RTF")


@accepted("botapi.entities")
async def test_entities_of_the_bots_own(botapi: Stage):
    entities = [MessageEntity("bold", 2, 4), MessageEntity("text_link", 7, 4, url="https://e.org")]
    sent = await botapi.bot.send_message(botapi.person.id, "😀bold link", entities=entities)
    assert [(each.type, sent.parse_entity(each)) for each in sent.entities] == [("bold", "bold"), ("text_link", "link")]


@refused("botapi.entities")
@pytest.mark.parametrize(
    ("entity", "sentence"),
    [
        ({"type": "bold", "offset": -1, "length": 1}, "receive an entity with incorrect offset -1"),
        ({"type": "huge", "offset": 0, "length": 1}, "can't parse MessageEntity: Unsupported type specified"),
        ({"type": "bold", "offset": 0}, "can't parse MessageEntity: Can't find field \"length\""),
        ({"type": "text_link", "offset": 0, "length": 1}, "can't parse MessageEntity: Can't find field \"url\""),
    ],
)
async def test_wrong_entities_are_refused(botapi: Stage, entity, sentence):
    with refusal(sentence):
        await botapi.ask("sendMessage", chat_id=botapi.person.id, text="text", entities=[entity])


# Special messages


@accepted("botapi.location")
async def test_a_place_on_earth(botapi: Stage):
    sent = await botapi.bot.send_location(botapi.person.id, 51.5, -0.1)
    assert (sent.location.latitude, sent.location.longitude) == (51.5, -0.1)
    venue = await botapi.bot.send_venue(botapi.person.id, 51.5, -0.1, "Tower", "London")
    assert (venue.venue.title, venue.location) == ("Tower", venue.venue.location)


@refused("botapi.location")
async def test_a_place_elsewhere_is_refused(botapi: Stage):
    with refusal("invalid location specified"):
        await botapi.bot.send_location(botapi.person.id, 91, 0)
    with refusal("longitude is empty"):
        await botapi.ask("sendLocation", chat_id=botapi.person.id, latitude=1.5)


@accepted("botapi.contact")
async def test_a_contact_has_number_and_name(botapi: Stage):
    assert (await botapi.bot.send_contact(botapi.person.id, "+441234", "Ben")).contact.first_name == "Ben"


@refused("botapi.contact")
async def test_a_contact_without_a_number_is_refused(botapi: Stage):
    with refusal('parameter "phone_number" is required'):
        await botapi.ask("sendContact", chat_id=botapi.person.id, first_name="Ben")


@accepted("botapi.poll")
async def test_a_poll_of_two_options(botapi: Stage):
    sent = await botapi.bot.send_poll(botapi.person.id, "Tea?", ["yes", "no"])
    assert [each.text for each in sent.poll.options] == ["yes", "no"]


@refused("botapi.poll")
@pytest.mark.parametrize(
    ("question", "options", "sentence"),
    [
        ("Tea?", ["yes"], "wrong poll data specified"),
        ("Tea?", [str(n) for n in range(13)], "wrong poll data specified"),
        ("Tea?", ["yes", "n" * 101], "wrong poll data specified"),
        ("T" * 301, ["yes", "no"], "poll question length must not exceed 300"),
    ],
)
async def test_other_polls_are_refused(botapi: Stage, question, options, sentence):
    with refusal(sentence):
        await botapi.bot.send_poll(botapi.person.id, question, options)


@accepted("botapi.dice")
@pytest.mark.parametrize("emoji", list(DiceEmoji))
async def test_each_dice_has_a_value(botapi: Stage, emoji):
    assert 1 <= (await botapi.bot.send_dice(botapi.person.id, emoji=emoji)).dice.value <= 64


@refused("botapi.dice")
async def test_another_emoji_is_no_dice(botapi: Stage):
    with refusal("DICE_EMOTICON_INVALID"):
        await botapi.bot.send_dice(botapi.person.id, emoji="🍕")


# The menu


@accepted("botapi.command")
async def test_a_command_of_small_letters_digits_and_underscores(botapi: Stage):
    await botapi.bot.set_my_commands([BotCommand("a" * 32, "d" * 256), BotCommand("go_2", "x")])
    assert [each.command for each in await botapi.bot.get_my_commands()] == ["a" * 32, "go_2"]


@refused("botapi.command")
@pytest.mark.parametrize(
    ("command", "description", "sentence"),
    [
        ("Start", "x", "BOT_COMMAND_INVALID"),
        ("no spaces", "x", "BOT_COMMAND_INVALID"),
        ("", "x", "command must be non-empty"),
        ("a" * 33, "x", "command length must not exceed 32"),
        ("start", " ", "command description must be non-empty"),
        ("start", "x" * 257, "command description length must not exceed 256"),
    ],
)
async def test_other_commands_are_refused(botapi: Stage, command, description, sentence):
    with refusal(sentence):
        await botapi.ask("setMyCommands", commands=[{"command": command, "description": description}])


@accepted("botapi.command-count")
@refused("botapi.command-count")
async def test_a_menu_has_up_to_a_hundred_commands(botapi: Stage):
    commands = [BotCommand(f"c{n}", "x") for n in range(101)]
    assert await botapi.bot.set_my_commands(commands[:100])
    with refusal("BOT_COMMANDS_TOO_MUCH"):
        await botapi.bot.set_my_commands(commands)
    assert len(await botapi.bot.get_my_commands()) == 100


@accepted("botapi.command-scope")
async def test_a_menu_is_kept_for_each_scope_and_language(botapi: Stage):
    await botapi.bot.set_my_commands([BotCommand("start", "begin")])
    german = {"scope": {"type": "chat", "chat_id": botapi.person.id}, "language_code": "de"}
    await botapi.ask("setMyCommands", commands=[{"command": "los", "description": "beginnt"}], **german)
    assert [each.command for each in await botapi.bot.get_my_commands()] == ["start"]
    assert [each["command"] for each in await botapi.ask("getMyCommands", **german)] == ["los"]
    assert await botapi.ask("deleteMyCommands", **german)
    assert await botapi.ask("getMyCommands", **german) == []


@refused("botapi.command-scope")
@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"scope": {"type": "planet"}}, "can't parse BotCommandScope: Unsupported type specified"),
        ({"scope": {"type": "chat"}}, "can't parse BotCommandScope: Can't find field \"chat_id\""),
        ({"scope": {"type": "chat", "chat_id": 4711}}, "chat not found"),
        ({"language_code": "deu"}, "invalid language code specified"),
    ],
)
async def test_other_scopes_and_languages_are_refused(botapi: Stage, where, sentence):
    with refusal(sentence):
        await botapi.ask("getMyCommands", **where)
