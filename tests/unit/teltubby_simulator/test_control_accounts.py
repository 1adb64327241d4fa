"""Accounts over the control API: people, channels, codes, QR codes, and the end of logins."""

import asyncio
from base64 import urlsafe_b64encode

import pytest

from teltubby_simulator.content import BytesContent


@pytest.fixture
def control(simulator, http):
    """Call the control API; return status and answer."""

    async def call(path, body=None, **query):
        url = f"{simulator.control_url}/{path}"
        response = await (http.get(url, params=query) if body is None else http.post(url, json=body))
        return response.status_code, response.json()

    return call


@pytest.fixture
def grace(world):
    return world.add_user("Grace", phone="491705550101")


async def test_people_have_numbers_passwords_and_homes(control, world):
    given = {"first_name": "Ida", "phone": "+49 170 5550102", "password": "pass", "password_hint": "word", "dc_id": 4}
    status, made = await control("users", given)
    ida = world.users[made["id"]]
    assert (status, ida.phone, ida.dc_id, ida.status) == (200, "491705550102", 4, "active")
    assert world.passwords[ida.id].hint == "word"
    assert await control(f"users/{ida.id}") == (
        200,
        {"id": ida.id, "first_name": "Ida", "username": None, "is_bot": False},
    )
    _, banned = await control("users", {"first_name": "Mallory", "phone": "491705550103", "banned": True})
    assert world.users[banned["id"]].status == "banned"
    _, plain = await control("users", {"first_name": "Eve"})
    assert (world.users[plain["id"]].phone, world.users[plain["id"]].dc_id) == (None, 2)
    assert plain["id"] not in world.passwords


async def test_codes_are_read_oldest_first_once_they_are_sent(control, world, grace):
    reading = asyncio.create_task(control(f"users/{grace.id}/codes", at_least=2, timeout=10))
    codes = [world.send_login_code(grace.phone, grace).digits for _ in range(2)]
    assert await reading == (200, codes)
    assert await control(f"users/{grace.id}/codes", at_least=3, timeout=0.01) == (200, codes)


async def test_a_qr_code_is_scanned_once(control, world, grace):
    told = []
    token = world.logins.tokens.issue([], lambda: told.append("accepted"))
    given = {"user": grace.id, "token": urlsafe_b64encode(token.secret).decode().rstrip("=")}
    assert await control("logins/accept", given) == (200, True)
    assert (token.accepted_by, told) == (grace, ["accepted"])
    status, answer = await control("logins/accept", given)
    assert (status, "AUTH_TOKEN_ALREADY_ACCEPTED" in answer["error"]) == (400, True)


async def test_logins_are_counted_and_ended(control, world, grace, bot_user):
    for account in (grace, grace, bot_user):
        world.logins.begin(account)
    assert await control("authorizations", account=grace.id) == (200, {"live": 2})
    assert await control("authorizations/end", {"account": grace.id}) == (200, {"ended": 2})
    assert await control("authorizations", account=grace.id) == (200, {"live": 0})
    assert await control("authorizations/end", {"account": bot_user.id}) == (200, {"ended": 1})


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_banned_or_deleted_account_scans_nothing(control, world, grace, deleted):
    world.logins.begin(grace)
    assert await control("users/ban", {"user": grace.id, "deleted": deleted}) == (200, True)
    assert world.logins.of(grace) == []
    assert grace.status == ("deleted" if deleted else "banned")
    status, answer = await control("logins/accept", {"user": grace.id, "token": "AAAA"})
    assert (status, answer["error"]) == (400, f"the account is {grace.status}")


async def test_a_channel_has_members_and_administrators_with_rights(control, world, wire, bot_user, grace):
    people = {"members": [grace.id], "administrators": [bot_user.id]}
    _, made = await control("chats", {"kind": "channel", "title": "Relay", **people})
    chat = world.chats[made["id"]]
    assert world.members[chat.id] == {grace.id, bot_user.id}
    await wire.result("sendMessage", chat_id=chat.id, text="hello")
    _, (post,) = await control(f"bots/{bot_user.id}/chats/{chat.id}/messages")
    assert (post["text"], post["chat_kind"]) == ("hello", "channel")
    less = {"chat": chat.id, "user": bot_user.id, "rights": ["can_edit_messages"]}
    assert await control("chats/administrators", less) == (200, True)
    assert (await wire.refusal("sendMessage", chat_id=chat.id, text="x"))[0] == 400
    assert await control("chats/administrators", {"chat": chat.id, "user": bot_user.id}) == (200, True)
    await wire.result("sendMessage", chat_id=chat.id, text="again")
    assert await control("chats/members/remove", {"chat": chat.id, "user": bot_user.id}) == (200, True)
    assert (await wire.refusal("sendMessage", chat_id=chat.id, text="x"))[0] == 403


async def test_what_is_copied_into_a_channel_is_told_with_its_document(control, world, wire, bot_user, grace):
    media = world.make_media("document", BytesContent(b"large"))
    sent = world.send(grace, bot_user, media=media)
    relay = world.add_chat("channel", "Relay", members=[bot_user])
    await wire.result("copyMessage", chat_id=relay.id, from_chat_id=grace.id, message_id=sent.id)
    _, (post,) = await control(f"bots/{bot_user.id}/chats/{relay.id}/messages")
    assert post["media"]["id"] == media.file.id


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("users", {"first_name": "X", "phone": "12"}, 400, "digits"),
        ("users", {"first_name": "X", "phone": "491705550101"}, 400, "taken"),
        ("users", {"first_name": "X", "password": ""}, 400, "empty"),
        ("users", {"first_name": "X", "dc_id": 3}, 400, "dc_id"),
        ("users/ban", {"user": 5}, 404, "5"),
        ("logins/accept", {"user": 5, "token": "x"}, 404, "5"),
        ("authorizations/end", {"account": 5}, 404, "5"),
        ("chats", {"kind": "channel", "title": "x", "administrators": [5]}, 404, "5"),
        ("chats/administrators", {"chat": 1, "user": 5}, 404, "1"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_reason(control, grace, path, body, status, word):
    found, answer = await control(path, body)
    assert found == status
    assert word in answer["error"]


async def test_rights_and_chats_that_do_not_exist_are_refused(control, world, bot_user):
    relay = world.add_chat("channel", "Relay", members=[bot_user])
    status, answer = await control(
        "chats/administrators", {"chat": relay.id, "user": bot_user.id, "rights": ["can_fly"]}
    )
    assert (status, "can_fly" in answer["error"]) == (400, True)
    basic = {"kind": "group", "title": "x", "administrators": [bot_user.id]}
    assert (await control("chats", basic))[0] == 400
    for path in ("users/5/codes", "users/x/codes", "authorizations?account=5", "authorizations"):
        assert (await control(path))[0] == 404
