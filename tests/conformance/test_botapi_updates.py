"""How a bot learns what happened, as python-telegram-bot sees it."""

import asyncio

import pytest
from telegram import Bot
from telegram.error import Conflict, EndPointNotFound, InvalidToken

from conformance.botapi_stage import PATIENCE, Stage, refusal
from conformance.rules import accepted, refused


def texts(updates) -> list[str]:
    return [each.message.text for each in updates]


@accepted("botapi.token")
async def test_a_bot_is_known_by_its_token(botapi: Stage):
    assert (await botapi.bot.get_me()).id == botapi.user.id


@refused("botapi.token")
@pytest.mark.parametrize("token", [f"123:{'x' * 35}", "nonsense"])
async def test_a_token_that_nobody_has_is_refused(botapi: Stage, token):
    stranger = Bot(token, base_url=f"{botapi.simulator.bot_api_url}/bot")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()


@accepted("botapi.methods")
async def test_the_case_of_a_method_does_not_matter(botapi: Stage):
    assert (await botapi.bot.do_api_request("GETme"))["id"] == botapi.user.id


@refused("botapi.methods")
async def test_a_method_that_does_not_exist_is_not_found(botapi: Stage):
    with pytest.raises(EndPointNotFound):
        await botapi.bot.do_api_request("sendTelepathy")


@accepted("botapi.offset")
async def test_an_update_comes_again_until_it_is_confirmed(botapi: Stage):
    botapi.world.send(botapi.person, botapi.user, text="one")
    assert texts(await botapi.bot.get_updates()) == texts(await botapi.bot.get_updates()) == ["one"]


@refused("botapi.offset")
async def test_a_confirmed_update_never_comes_back(botapi: Stage):
    botapi.world.send(botapi.person, botapi.user, text="one")
    (update,) = await botapi.bot.get_updates()
    await botapi.bot.get_updates(offset=update.update_id + 1)
    assert await botapi.bot.get_updates(offset=update.update_id) == ()


@accepted("botapi.limit")
async def test_as_many_updates_come_as_are_asked_for(botapi: Stage):
    for number in range(5):
        botapi.world.send(botapi.person, botapi.user, text=str(number))
    assert texts(await botapi.bot.get_updates(limit=2)) == ["0", "1"]


@refused("botapi.limit")
async def test_no_more_than_a_hundred_updates_come_at_a_time(botapi: Stage):
    for number in range(105):
        botapi.world.send(botapi.person, botapi.user, text=str(number))
    assert len(await botapi.bot.get_updates(limit=1000)) == 100
    assert len(await botapi.bot.get_updates(limit=-1)) == 1


@accepted("botapi.allowed-updates")
@refused("botapi.allowed-updates")
async def test_only_kinds_that_the_bot_wants_are_queued(botapi: Stage):
    await botapi.bot.get_updates(allowed_updates=["edited_message"])
    message = botapi.world.send(botapi.person, botapi.user, text="first")
    botapi.world.edit(message, text="second")
    (update,) = await botapi.bot.get_updates()
    assert update.edited_message.text == "second"
    await botapi.bot.get_updates(offset=update.update_id + 1, allowed_updates=[])
    botapi.world.send(botapi.person, botapi.user, text="third")
    assert texts(await botapi.bot.get_updates()) == ["third"]


@accepted("botapi.retention")
async def test_an_update_is_there_for_a_day(botapi: Stage):
    botapi.world.send(botapi.person, botapi.user, text="kept")
    botapi.clock.advance(24 * 3600)
    assert texts(await botapi.bot.get_updates()) == ["kept"]


@refused("botapi.retention")
async def test_an_update_is_gone_after_a_day(botapi: Stage):
    botapi.world.send(botapi.person, botapi.user, text="lost")
    botapi.clock.advance(24 * 3600 + 1)
    assert await botapi.bot.get_updates() == ()


@accepted("botapi.one-poller")
@refused("botapi.one-poller")
async def test_a_second_poll_ends_the_first(botapi: Stage):
    first = asyncio.create_task(botapi.bot.get_updates(timeout=30))
    await botapi.world.changed.wait_for(lambda: botapi.world.account(botapi.user).poll, PATIENCE)
    async with botapi.client(botapi.user) as twin:
        second = asyncio.create_task(twin.get_updates(timeout=30))
        sentence = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        with refusal(sentence, Conflict):
            await asyncio.wait_for(first, PATIENCE)
        botapi.world.send(botapi.person, botapi.user, text="for the second")
        assert texts(await asyncio.wait_for(second, PATIENCE)) == ["for the second"]


@accepted("botapi.poll-or-webhook")
async def test_polling_works_again_once_the_webhook_is_deleted(botapi: Stage):
    await botapi.bot.set_webhook("https://example.org/hook")
    assert await botapi.bot.delete_webhook()
    assert await botapi.bot.get_updates() == ()


@refused("botapi.poll-or-webhook")
async def test_polling_is_refused_while_there_is_a_webhook(botapi: Stage):
    await botapi.bot.set_webhook("https://example.org/hook")
    sentence = (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )
    with refusal(sentence, Conflict):
        await botapi.bot.get_updates()


@refused("botapi.poll-or-webhook")
async def test_a_poll_that_waits_ends_when_a_webhook_is_set(botapi: Stage):
    poll = asyncio.create_task(botapi.bot.get_updates(timeout=30))
    await botapi.world.changed.wait_for(lambda: botapi.world.account(botapi.user).poll, PATIENCE)
    await botapi.bot.set_webhook("https://example.org/hook")
    with refusal("Conflict: terminated by setWebhook request", Conflict):
        await asyncio.wait_for(poll, PATIENCE)


@accepted("botapi.privacy")
@refused("botapi.privacy")
async def test_a_bot_in_a_group_sees_what_is_meant_for_it(botapi: Stage):
    group = botapi.world.add_chat("supergroup", "Club", members=[botapi.person, botapi.user])
    for text in ("chatter", "/help", "hey @archive_bot"):
        botapi.world.post_in_group(group, botapi.person, text=text)
    assert texts(await botapi.bot.get_updates()) == ["/help", "hey @archive_bot"]


@accepted("botapi.known-chat")
async def test_a_bot_looks_at_whoever_wrote_to_it(botapi: Stage):
    assert (await botapi.bot.get_chat(botapi.person.id)).first_name == "Ada"


@refused("botapi.known-chat")
async def test_a_bot_does_not_find_whom_it_never_met(botapi: Stage):
    stranger = botapi.world.add_user("Zoe")
    for chat in (stranger.id, 4711, "@nobody_there"):
        with refusal("chat not found"):
            await botapi.bot.get_chat(chat)
        with refusal("chat not found"):
            await botapi.bot.send_message(chat, "hello")
