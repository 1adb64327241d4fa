"""Updates that Telegram sends, as python-telegram-bot and a web server see them."""

import pytest

from conformance.botapi_stage import PATIENCE, Receiver, Stage, flood_wait, refusal
from conformance.rules import accepted, refused


@pytest.fixture
def local(botapi: Stage) -> Stage:
    """A server that calls webhooks on this machine, and does not wait long before it tries again."""
    botapi.world.allow_plain_webhooks = True
    botapi.world.webhook_pause = 0.001
    return botapi


async def nothing_waits(stage: Stage) -> None:
    await stage.world.changed.wait_for(lambda: not stage.world.account(stage.user).updates.pending(), PATIENCE)


@accepted("botapi.webhook-address")
@pytest.mark.parametrize("address", ["https://example.org/hook", "https://example.org:8443/", "example.org"])
async def test_a_webhook_is_https_on_one_of_four_ports(botapi: Stage, address):
    assert await botapi.bot.set_webhook(address)
    assert (await botapi.bot.get_webhook_info()).url == address


@refused("botapi.webhook-address")
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://example.org/hook", "bad webhook: An HTTPS URL must be provided for webhook"),
        ("https://example.org:8080/", "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ("https://127.0.0.1/", "bad webhook: IP address 127.0.0.1 is reserved"),
        ("https://localhost/", "bad webhook: IP address 127.0.0.1 is reserved"),
        ("https://[2001:db8::1]/", "bad webhook: IPv6-only addresses are not allowed"),
        ("https://hook.invalid/", "bad webhook: Failed to resolve host: Name or service not known"),
        ("ftp://example.org/", "invalid webhook URL specified"),
    ],
)
async def test_other_addresses_are_refused_and_leave_no_webhook(botapi: Stage, address, problem):
    await botapi.bot.set_webhook("https://example.org/before")
    with refusal(problem):
        await botapi.bot.set_webhook(address)
    assert (await botapi.bot.get_webhook_info()).url == ""


@accepted("botapi.webhook-secret")
async def test_the_secret_token_comes_with_each_update(local: Stage, botapi_receiver: Receiver):
    await local.bot.set_webhook(botapi_receiver.url, secret_token="S3cret_-")
    local.world.send(local.person, local.user, text="hello")
    (update,) = await botapi_receiver.until(1)
    assert update["message"]["text"] == "hello"
    assert botapi_receiver.headers[0]["X-Telegram-Bot-Api-Secret-Token"] == "S3cret_-"


@refused("botapi.webhook-secret")
async def test_a_secret_token_of_other_characters_or_too_long_is_refused(botapi: Stage):
    with refusal("secret token contains unallowed characters"):
        await botapi.bot.set_webhook("https://example.org", secret_token="no spaces")
    with refusal("secret token is too long"):
        await botapi.bot.set_webhook("https://example.org", secret_token="x" * 257)
    assert await botapi.bot.set_webhook("https://example.org", secret_token="x" * 256)


@accepted("botapi.webhook-connections")
async def test_the_number_of_connections_is_the_bots_choice(botapi: Stage):
    await botapi.bot.set_webhook("https://example.org")
    assert (await botapi.bot.get_webhook_info()).max_connections == 40
    await botapi.bot.set_webhook("https://example.org", max_connections=7)
    assert (await botapi.bot.get_webhook_info()).max_connections == 7


@refused("botapi.webhook-connections")
@pytest.mark.parametrize(("wanted", "given"), [(1000, 100), (0, 1)])
async def test_other_numbers_of_connections_are_corrected(botapi: Stage, wanted, given):
    await botapi.bot.set_webhook("https://example.org", max_connections=wanted)
    assert (await botapi.bot.get_webhook_info()).max_connections == given


@accepted("botapi.webhook-retries")
async def test_an_update_that_was_taken_is_not_sent_again(local: Stage, botapi_receiver: Receiver):
    botapi_receiver.statuses = [204]
    await local.bot.set_webhook(botapi_receiver.url)
    local.world.send(local.person, local.user, text="hello")
    await nothing_waits(local)
    info = await local.bot.get_webhook_info()
    assert (len(botapi_receiver.got), info.pending_update_count, info.last_error_message) == (1, 0, None)


@refused("botapi.webhook-retries")
async def test_an_update_is_sent_until_it_is_taken(local: Stage, botapi_receiver: Receiver):
    botapi_receiver.statuses = [500, 302, 404]
    await local.bot.set_webhook(botapi_receiver.url)
    local.world.send(local.person, local.user, text="hello")
    await nothing_waits(local)
    assert len({each["update_id"] for each in botapi_receiver.got}) == 1
    assert len(botapi_receiver.got) == 4
    info = await local.bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 404 Not Found"
    assert info.last_error_date.timestamp() == local.clock.now


@refused("botapi.webhook-retries")
async def test_a_webhook_that_is_not_there_is_told_as_such(local: Stage, unused_tcp_port: int):
    await local.bot.set_webhook(f"http://127.0.0.1:{unused_tcp_port}/hook")
    local.world.send(local.person, local.user, text="hello")
    account = local.world.account(local.user)
    await local.world.changed.wait_for(lambda: account.webhook and account.webhook.last_error_message, PATIENCE)
    info = await local.bot.get_webhook_info()
    assert info.last_error_message == "Connection refused"
    assert info.pending_update_count == 1


@accepted("botapi.webhook-order")
async def test_a_chat_that_is_stuck_does_not_hold_up_others(local: Stage, botapi_receiver: Receiver):
    local.world.webhook_pause = 60
    botapi_receiver.statuses = [500, 500]
    ben = local.world.add_user("Ben")
    await local.bot.set_webhook(botapi_receiver.url, max_connections=1)
    local.world.send(local.person, local.user, text="stuck")
    await botapi_receiver.until(2)
    local.world.send(local.person, local.user, text="behind it")
    local.world.send(ben, local.user, text="elsewhere")
    await botapi_receiver.until(3)
    assert [each["message"]["text"] for each in botapi_receiver.got] == ["stuck", "stuck", "elsewhere"]


@refused("botapi.webhook-order")
async def test_updates_of_a_chat_do_not_overtake_each_other(local: Stage, botapi_receiver: Receiver):
    botapi_receiver.statuses = [200, 500, 500, 200]
    await local.bot.set_webhook(botapi_receiver.url)
    for text in ("one", "two", "three"):
        local.world.send(local.person, local.user, text=text)
    await nothing_waits(local)
    assert [each["message"]["text"] for each in botapi_receiver.got] == ["one", "two", "two", "two", "three"]


@accepted("botapi.webhook-answer")
async def test_the_answer_to_an_update_may_be_a_call(local: Stage, botapi_receiver: Receiver):
    botapi_receiver.answers = [{"method": "sendMessage", "chat_id": local.person.id, "text": "by answer"}]
    await local.bot.set_webhook(botapi_receiver.url)
    local.world.send(local.person, local.user, text="hello")
    await nothing_waits(local)
    assert [each.text for each in local.world.chat_with(local.person.id, local.user.id)][-1] == "by answer"


@refused("botapi.webhook-answer")
async def test_an_answer_can_neither_get_anything_nor_set_the_webhook(local: Stage, botapi_receiver: Receiver):
    botapi_receiver.answers = [{"method": "deleteWebhook"}, {"method": "getMe"}]
    await local.bot.set_webhook(botapi_receiver.url)
    for text in ("one", "two"):
        local.world.send(local.person, local.user, text=text)
    await nothing_waits(local)
    assert (await local.bot.get_webhook_info()).url == botapi_receiver.url
    assert local.world.journal.entries("deleteWebhook") == []


@accepted("botapi.webhook-drop")
@refused("botapi.webhook-drop")
async def test_pending_updates_are_dropped_on_request_only(botapi: Stage):
    botapi.world.send(botapi.person, botapi.user, text="kept")
    await botapi.bot.set_webhook("https://example.org")
    await botapi.bot.delete_webhook()
    assert (await botapi.bot.get_webhook_info()).pending_update_count == 1
    await botapi.bot.set_webhook("https://example.org", drop_pending_updates=True)
    assert (await botapi.bot.get_webhook_info()).pending_update_count == 0


@accepted("botapi.webhook-rate")
@refused("botapi.webhook-rate")
async def test_a_webhook_is_set_once_a_second(botapi: Stage):
    botapi.world.flood_limits = True
    await botapi.bot.set_webhook("https://example.org/one")
    with flood_wait(1):
        await botapi.bot.set_webhook("https://example.org/two")
    botapi.clock.advance(1)
    assert await botapi.bot.set_webhook("https://example.org/two")
