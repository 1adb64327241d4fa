"""The Bot API door, as the unmodified python-telegram-bot and as plain HTTP see it."""

import asyncio

import pytest
from telegram import BotCommand, ReactionTypeEmoji, ReplyParameters
from telegram.constants import ReactionEmoji
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken

from teltubby_simulator.botapi.reactions import ALLOWED_REACTIONS, is_allowed
from teltubby_simulator.content import SeededContent

MIB = 1024 * 1024


def document(world, size=100, name="notes.pdf"):
    return world.make_media("document", SeededContent(name, size), file_name=name, mime_type="application/pdf")


async def waiting_poll(world, bot_user):
    await world.changed.wait_for(lambda: world.account(bot_user).poll, 5)


# Getting updates


async def test_an_update_comes_again_until_a_higher_offset_confirms_it(world, ada, bot_user, ptb):
    world.send(ada, bot_user, text="one")
    world.send(ada, bot_user, text="two")
    first, second = await ptb.get_updates()
    assert [each.update_id for each in await ptb.get_updates()] == [first.update_id, second.update_id]
    assert second.update_id == first.update_id + 1
    assert [each.message.text for each in await ptb.get_updates(offset=first.update_id + 1)] == ["two"]
    assert [each.message.text for each in await ptb.get_updates()] == ["two"]
    assert await ptb.get_updates(offset=second.update_id + 1) == ()


async def test_a_negative_offset_counts_from_the_end_and_forgets_the_rest(world, ada, bot_user, ptb):
    for text in ("one", "two", "three"):
        world.send(ada, bot_user, text=text)
    assert [each.message.text for each in await ptb.get_updates(offset=-1)] == ["three"]
    assert [each.message.text for each in await ptb.get_updates()] == ["three"]


async def test_limit_is_kept_and_corrected_to_its_range(world, ada, bot_user, wire):
    for number in range(105):
        world.send(ada, bot_user, text=str(number))
    assert len(await wire.result("getUpdates", limit=2)) == 2
    assert len(await wire.result("getUpdates", limit=1000)) == 100
    assert len(await wire.result("getUpdates", limit=0)) == 1


async def test_a_long_poll_wakes_up_with_the_whole_album(world, ada, bot_user, ptb):
    poll = asyncio.create_task(ptb.get_updates(timeout=30))
    await waiting_poll(world, bot_user)
    world.send_album(ada, bot_user, [(document(world, name=f"{n}.pdf"), None) for n in range(4)])
    updates = await asyncio.wait_for(poll, 5)
    assert len({each.message.media_group_id for each in updates}) == 1
    assert [each.message.document.file_name for each in updates] == ["0.pdf", "1.pdf", "2.pdf", "3.pdf"]


async def test_a_long_poll_ends_empty_when_its_time_is_up(wire):
    assert await wire.result("getUpdates", timeout=1) == []


async def test_a_second_poll_ends_the_first_with_a_conflict(world, ada, bot_user, ptb, wire):
    first = asyncio.create_task(ptb.get_updates(timeout=30))
    await waiting_poll(world, bot_user)
    second = asyncio.create_task(wire.result("getUpdates", timeout=30))
    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        await asyncio.wait_for(first, 5)
    world.send(ada, bot_user, text="for the second")
    assert len(await asyncio.wait_for(second, 5)) == 1


async def test_a_webhook_stands_in_the_way_of_polling(ptb):
    await ptb.set_webhook("https://example.org/hook")
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        await ptb.get_updates()
    assert (await ptb.get_webhook_info()).url == "https://example.org/hook"
    assert await ptb.delete_webhook()
    assert await ptb.get_updates() == ()


async def test_delete_webhook_drops_pending_updates_only_on_request(world, ada, bot_user, ptb):
    world.send(ada, bot_user, text="kept")
    await ptb.delete_webhook()
    assert (await ptb.get_webhook_info()).pending_update_count == 1
    await ptb.delete_webhook(drop_pending_updates=True)
    assert (await ptb.get_webhook_info()).pending_update_count == 0


async def test_allowed_updates_are_remembered_until_given_again(world, ada, bot_user, ptb):
    await ptb.get_updates(allowed_updates=["edited_message"])
    world.edit(world.send(ada, bot_user, text="first"), text="second")
    assert [each.edited_message.text for each in await ptb.get_updates()] == ["second"]
    await ptb.get_updates(allowed_updates=[])
    world.send(ada, bot_user, text="third")
    assert len(await ptb.get_updates()) == 2


# Writing


async def test_a_message_reaches_the_user_and_its_edits_are_kept(world, ada, bot_user, ptb, clock):
    world.send(ada, bot_user, text="/start")
    sent = await ptb.send_message(ada.id, "working")
    clock.advance(5)
    edited = await ptb.edit_message_text("done", ada.id, sent.message_id)
    assert edited.edit_date is not None
    assert edited.text == "done"
    mine, its = world.chat_with(ada.id, bot_user.id)
    assert mine.text == "/start"
    assert its.edits == [(clock.now - 5, "working"), (clock.now, "done")]
    assert its.id == mine.id + 1 == sent.message_id


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "message text is empty"),
        (" \n", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("😀" * 2049, "message is too long"),
    ],
)
async def test_a_text_has_1_to_4096_utf16_units(world, ada, bot_user, wire, text, sentence):
    world.send(ada, bot_user, text="hello")
    assert await wire.refusal("sendMessage", chat_id=ada.id, text=text) == (400, f"Bad Request: {sentence}")


async def test_the_longest_text_is_counted_in_utf16_units_after_trimming(world, ada, bot_user, wire):
    world.send(ada, bot_user, text="hello")
    assert await wire.result("sendMessage", chat_id=ada.id, text=" " + "😀" * 2048)


async def test_bots_write_only_to_those_who_let_them(world, ada, bot_user, ptb):
    with pytest.raises(BadRequest, match="Chat not found"):
        await ptb.send_message(4711, "hello")
    with pytest.raises(BadRequest, match="Chat not found"):
        await ptb.send_message(ada.id, "hello")
    world.add_chat("supergroup", "Club", members=[ada, bot_user])
    with pytest.raises(Forbidden, match="can't initiate conversation"):
        await ptb.send_message(ada.id, "hello")
    world.send(ada, bot_user, text="hello")
    await ptb.send_message(ada.id, "hello")
    world.block(ada, bot_user)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await ptb.send_message(ada.id, "hello")


async def test_a_reply_needs_its_message_unless_it_may_go_without(world, ada, bot_user, ptb):
    question = world.send(ada, bot_user, text="question")
    answer = await ptb.send_message(ada.id, "answer", reply_to_message_id=question.id)
    assert answer.reply_to_message.text == "question"
    world.delete(question)
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await ptb.send_message(ada.id, "answer", reply_to_message_id=question.id)
    lenient = ReplyParameters(question.id, allow_sending_without_reply=True)
    assert (await ptb.send_message(ada.id, "answer", reply_parameters=lenient)).reply_to_message is None


async def test_what_cannot_be_edited_is_refused_with_telegrams_sentences(world, ada, bot_user, wire):
    theirs = world.send(ada, bot_user, text="mine")
    sent = await wire.result("sendMessage", chat_id=ada.id, text="same")
    own = {"chat_id": ada.id, "message_id": sent["message_id"]}
    same = await wire.refusal("editMessageText", **own, text="same")
    sentence = (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly"
        " the same as a current content and reply markup of the message"
    )
    assert same == (400, sentence)
    assert (await wire.refusal("editMessageText", **own | {"message_id": 999}, text="x"))[1] == (
        "Bad Request: message to edit not found"
    )
    assert (await wire.refusal("editMessageText", **own | {"message_id": theirs.id}, text="x"))[1] == (
        "Bad Request: message can't be edited"
    )


async def test_reaction_action_and_deletion_are_seen_by_the_user(world, ada, bot_user, ptb):
    message = world.send(ada, bot_user, text="hello")
    await ptb.set_message_reaction(ada.id, message.id, ReactionTypeEmoji("👀"))
    await ptb.send_chat_action(ada.id, "typing")
    assert message.reactions == ["👀"]
    assert [action for _, _, action in world.account(bot_user).chat_actions] == ["typing"]
    with pytest.raises(BadRequest, match=r"(?i)reaction_invalid"):
        await ptb.set_message_reaction(ada.id, message.id, ReactionTypeEmoji("✅"))
    with pytest.raises(BadRequest, match="Wrong parameter action"):
        await ptb.send_chat_action(ada.id, "dancing")
    await ptb.delete_message(ada.id, message.id)
    assert world.chat_with(ada.id, bot_user.id) == []
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await ptb.delete_message(ada.id, message.id)


def test_the_reactions_are_those_the_client_library_knows():
    assert all(is_allowed(each.value) for each in ReactionEmoji)
    assert len(ALLOWED_REACTIONS) == len(ReactionEmoji)


async def test_a_large_file_is_copied_into_a_channel_under_its_own_ids(world, ada, bot_user, ptb):
    relay = world.add_chat("channel", "Relay", members=[bot_user])
    outside = world.add_chat("channel", "Elsewhere")
    message = world.send(ada, bot_user, media=document(world, 3 * 1024 * MIB // 2), caption="film")
    copied = await ptb.copy_message(relay.id, ada.id, message.id)
    (there,) = world.messages_in_channel(relay.id, [copied.message_id])
    assert there.media is message.media
    assert there.caption == "film"
    assert there.forward_origin is None
    with pytest.raises(Forbidden, match="not a member of the channel chat"):
        await ptb.copy_message(outside.id, ada.id, message.id)


async def test_html_becomes_entities_and_wrong_html_is_refused(world, ada, bot_user, wire):
    world.send(ada, bot_user, text="hello")

    async def sent(text):
        return await wire.result("sendMessage", chat_id=ada.id, text=text, parse_mode="HTML")

    message = await sent(' 😀 <b>bold &lt;<i>both</i></b> <a href="https://e.org">link</a> /stop')
    assert message["text"] == "😀 bold <both link /stop"
    assert message["entities"] == [
        {"type": "bold", "offset": 3, "length": 10},
        {"type": "italic", "offset": 9, "length": 4},
        {"type": "text_link", "offset": 14, "length": 4, "url": "https://e.org"},
        {"type": "bot_command", "offset": 19, "length": 5},
    ]
    for markup, sentence in {
        "é <x>": 'Unsupported start tag "x" at byte offset 3',
        "1 < 2": 'Unsupported start tag "" at byte offset 2',
        "<b>": 'Can\'t find end tag corresponding to start tag "b"',
        "<b></i>": 'Unmatched end tag at byte offset 3, expected "</b>", found "</i>"',
        "</b>": "Unexpected end tag at byte offset 0",
    }.items():
        refusal = await wire.refusal("sendMessage", chat_id=ada.id, text=markup, parse_mode="HTML")
        assert refusal == (400, f"Bad Request: can't parse entities: {sentence}")
    assert (await wire.refusal("sendMessage", chat_id=ada.id, text="x", parse_mode="Markdown"))[0] == 400


async def test_commands_are_kept_by_scope_and_have_limits(ptb):
    await ptb.set_my_commands([BotCommand("start", "begin")])
    assert [each.command for each in await ptb.get_my_commands()] == ["start"]
    assert await ptb.get_my_commands(language_code="de") == ()
    await ptb.delete_my_commands()
    assert await ptb.get_my_commands() == ()
    with pytest.raises(BadRequest, match=r"(?i)bot_command_invalid"):
        await ptb.set_my_commands([BotCommand("no spaces", "x")])
    with pytest.raises(BadRequest, match=r"(?i)bot_commands_too_much"):
        await ptb.set_my_commands([BotCommand(f"c{n}", "x") for n in range(101)])


# Floods


async def test_one_message_a_second_and_chat_edits_included(world, ada, bot_user, wire, clock):
    world.flood_limits = True
    world.send(ada, bot_user, text="hello")
    sent = await wire.result("sendMessage", chat_id=ada.id, text="one")
    edit = {"chat_id": ada.id, "message_id": sent["message_id"], "text": "two"}
    response = await wire.response("editMessageText", **edit)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert response.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    clock.advance(1)
    assert await wire.result("editMessageText", **edit)


async def test_thirty_messages_a_second_over_all_chats(world, bot_user, wire, clock):
    world.flood_limits = True
    users = [world.add_user(f"User {n}") for n in range(31)]
    for user in users:
        world.send(user, bot_user, text="hello")
    for user in users[:30]:
        await wire.result("sendMessage", chat_id=user.id, text="x")
    assert (await wire.refusal("sendMessage", chat_id=users[30].id, text="x"))[0] == 429
    clock.advance(1)
    assert await wire.result("sendMessage", chat_id=users[30].id, text="x")


# The wire


async def test_wrong_tokens_and_methods_are_refused_as_by_telegram(simulator, bot_user, http, wire):
    stranger = type(wire)(http, simulator.bot_api_url, f"123:{'x' * 35}")
    refused = await stranger.response("getMe")
    assert refused.status_code == 401
    assert refused.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert await wire.refusal("sendTelepathy", chat_id=1) == (404, "Not Found: method not found")
    assert (await http.get(f"{simulator.bot_api_url}/botnonsense/getMe")).status_code == 404


async def test_the_client_library_recognises_a_wrong_token(simulator, ptb):
    stranger = type(ptb)(f"123:{'x' * 35}", base_url=f"{simulator.bot_api_url}/bot")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()


@pytest.mark.parametrize("form", ["query", "urlencoded", "multipart", "json"])
async def test_parameters_come_in_four_forms(world, ada, bot_user, wire, form):
    world.send(ada, bot_user, text="hello")
    url = f"{wire.root}/bot{wire.token}/SENDmessage"
    params = {"chat_id": str(ada.id), "text": "ä & b"}
    response = await {
        "query": lambda: wire.client.get(url, params=params),
        "urlencoded": lambda: wire.client.post(url, data=params),
        "multipart": lambda: wire.client.post(url, data=params, files={"file": b"ignored"}),
        "json": lambda: wire.client.post(url, json={"chat_id": ada.id, "text": "ä & b"}),
    }[form]()
    assert response.json()["result"]["text"] == "ä & b"


async def test_text_that_is_no_unicode_is_refused(wire, ada):
    url = f"{wire.root}/bot{wire.token}/sendMessage"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for response in (
        await wire.client.post(url, content=b"text=%ff\xff", headers=form),
        await wire.client.post(url, content=b'{"text": "\\ud800"}', headers={"Content-Type": "application/json"}),
    ):
        assert response.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


async def test_the_journal_tells_who_called_what_and_how_it_ended(world, ada, bot_user, wire):
    await wire.refusal("sendMessage", chat_id=ada.id, text="hello")
    (entry,) = world.journal.entries("sendMessage", bot_id=bot_user.id)
    assert entry.params == {"chat_id": str(ada.id), "text": "hello"}
    assert entry.outcome == "400 Bad Request: chat not found"
    assert bot_user.token not in repr(world.journal.entries())
