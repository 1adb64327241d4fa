"""Webhooks beyond what a client library sees: when sending ends, and what becomes of odd answers."""

import pytest

from conformance.botapi_stage import PATIENCE, open_receiver


@pytest.fixture
async def receiver(world):
    world.allow_plain_webhooks = True
    world.webhook_pause = 0.001
    async with open_receiver() as running:
        yield running


async def test_an_update_that_nobody_takes_is_dropped_after_a_day(world, ada, bot_user, wire, receiver, clock):
    receiver.statuses = [500] * 1000
    await wire.result("setWebhook", url=receiver.url)
    world.send(ada, bot_user, text="hello")
    await receiver.until(3)
    clock.advance(24 * 3600 + 1)
    await world.changed.wait_for(lambda: not world.account(bot_user).updates.pending(), PATIENCE)
    assert (await wire.result("getWebhookInfo"))["pending_update_count"] == 0


async def test_deleting_the_webhook_leaves_what_was_not_taken_to_polling(world, ada, bot_user, wire, receiver):
    world.webhook_pause = 60
    receiver.statuses = [500, 500]
    await wire.result("setWebhook", url=receiver.url)
    world.send(ada, bot_user, text="hello")
    await receiver.until(2)
    await wire.result("deleteWebhook")
    assert [each["message"]["text"] for each in await wire.result("getUpdates")] == ["hello"]


async def test_a_new_webhook_takes_over_from_the_old_one(world, ada, bot_user, wire, receiver):
    world.webhook_pause = 60
    receiver.statuses = [500, 500]
    await wire.result("setWebhook", url=receiver.url)
    world.send(ada, bot_user, text="hello")
    await receiver.until(2)
    async with open_receiver() as second:
        await wire.result("setWebhook", url=second.url)
        (update,) = await second.until(1)
        assert update["message"]["text"] == "hello"
    assert len(receiver.got) == 2


async def test_setting_the_same_webhook_again_changes_nothing(wire, receiver):
    assert (await wire.call("setWebhook", url=receiver.url))["description"] == "Webhook was set"
    assert (await wire.call("setWebhook", url=receiver.url))["description"] == "Webhook is already set"
    assert (await wire.call("deleteWebhook"))["description"] == "Webhook was deleted"
    assert (await wire.call("setWebhook", url=""))["description"] == "Webhook is already deleted"


async def test_wrong_calls_in_answers_are_found_in_the_journal(world, ada, bot_user, wire, receiver):
    receiver.answers = [{"method": "sendTelepathy"}, {"method": "sendMessage", "chat_id": 4711, "text": "x"}]
    await wire.result("setWebhook", url=receiver.url, secret_token="s3cret")
    for text in ("one", "two"):
        world.send(ada, bot_user, text=text)
    await world.changed.wait_for(lambda: not world.account(bot_user).updates.pending(), PATIENCE)
    outcomes = [each.outcome for each in world.journal.entries() if each.method.startswith("send")]
    assert outcomes == ["404 Not Found: method not found", "400 Bad Request: chat not found"]
    assert "s3cret" not in repr(world.journal.entries())


async def test_by_default_no_webhook_is_ever_called(world, ada, bot_user, wire, receiver):
    world.allow_plain_webhooks = False
    await wire.result("setWebhook", url="https://example.org/hook")
    world.send(ada, bot_user, text="hello")
    account = world.account(bot_user)
    await world.changed.wait_for(lambda: account.webhook.last_error_message, PATIENCE)
    assert (await wire.result("getWebhookInfo"))["last_error_message"] == "Connection timed out"


async def test_a_press_of_a_deleted_message_and_presses_of_many_people_reach_the_webhook(
    world, ada, bot_user, wire, receiver
):
    world.send(ada, bot_user, text="hello")
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    message = world.bot_send(bot_user, ada, text="choose", reply_markup=keyboard)
    world.press(ada, message, "go")
    world.delete(message)
    world.press(ada, message, "go")
    world.block(ada, bot_user)
    await wire.result("setWebhook", url=receiver.url)
    got = await receiver.until(4)
    presses = [each["callback_query"]["message"] for each in got if "callback_query" in each]
    assert [each["date"] > 0 for each in presses] == [True, False]
    assert any("my_chat_member" in each for each in got)
