"""Whatever a bot sends, Telegram answers in its own words: no parameter makes the door fail."""

import json

import pytest

from teltubby_simulator.botapi.methods import METHODS

JUNK = (
    "",
    "null",
    "0",
    "-1",
    "99999999999999999999999",
    "1e999",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[[[]]]",
    '{"type": 7}',
    '[{"type": "photo", "media": 5}]',
    '[{"type": {}, "media": []}]',
    '{"inline_keyboard": [[{"text": 7, "callback_data": {}}]]}',
    '{"inline_keyboard": [[{"text": "x", "url": "http://["}]]}',
    '{"inline_keyboard": [[{"text": "x", "copy_text": {"text": 7}}]]}',
    '{"inline_keyboard": [["x"]], "keyboard": [[{"text": {}}]]}',
    '{"keyboard": [[7]]}',
    '{"keyboard": [[{"text": "x", "request_contact": 1}]]}',
    '{"message_id": "x"}',
    '[{"type": "text_mention", "offset": 0, "length": 1, "user": 7}]',
    "<a href='http://['>x</a>",
    "<b\x00",
    "&#999999999999;&#xd800;",
    "*_[](\\",
    "![x](tg://emoji?id=x)",
    ">\n>\n||",
    "https://[::1",
    "attach://nothing",
    "😀" * 5000,
)
NAMES = (
    *("chat_id", "from_chat_id", "message_id", "message_ids", "text", "caption", "parse_mode", "entities"),
    *("caption_entities", "reply_markup", "reply_parameters", "media", "photo", "document", "thumbnail", "url"),
    *("secret_token", "max_connections", "allowed_updates", "commands", "scope", "language_code", "reaction"),
    *("action", "callback_query_id", "file_id", "offset", "limit", "latitude", "longitude", "options", "question"),
    *("emoji", "phone_number", "first_name", "width", "duration"),
)


@pytest.mark.parametrize("method", sorted(METHODS))
async def test_junk_is_answered_in_telegrams_form(world, ada, bot_user, wire, method):
    world.send(ada, bot_user, text="hello")
    sent = await wire.result("sendMessage", chat_id=ada.id, text="mine")
    sane = {"chat_id": ada.id, "from_chat_id": ada.id, "message_id": sent["message_id"], "text": "x", "caption": "x"}
    for number, junk in enumerate(JUNK):
        everything = dict.fromkeys(NAMES, junk) | {"parse_mode": ("HTML", "MarkdownV2", None)[number % 3]}
        for params in (everything, everything | sane):
            answer = await wire.response(method, **params)
            assert answer.status_code != 500, (params, answer.text)
            assert answer.json()["ok"] == (answer.status_code == 200)


@pytest.mark.parametrize("mode", ["HTML", "MarkdownV2"])
async def test_odd_markup_is_answered_in_telegrams_form(world, ada, bot_user, wire, mode):
    world.send(ada, bot_user, text="hello")
    for junk in JUNK:
        answer = await wire.response("sendMessage", chat_id=ada.id, text=junk, parse_mode=mode)
        assert answer.status_code in (200, 400), (junk, answer.text)


@pytest.mark.parametrize("name", [each for each in NAMES if each not in ("chat_id", "text")])
async def test_one_odd_parameter_among_sane_ones_makes_nothing_fail(world, ada, bot_user, wire, name):
    world.send(ada, bot_user, text="hello")
    for method in ("sendMessage", "sendDocument", "sendMediaGroup", "sendPoll", "setMyCommands", "setMessageReaction"):
        for junk in JUNK:
            answer = await wire.response(method, **({"chat_id": ada.id, "text": "x"} | {name: junk}))
            assert answer.status_code != 500, (method, junk, answer.text)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"{}", b'{"chat_id": null}', b"\xff", json.dumps({"a": 1}).encode()]
)
async def test_any_body_is_answered(wire, body):
    url = f"{wire.root}/bot{wire.token}/sendMessage"
    answer = await wire.client.post(url, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["description"].startswith("Bad Request: ")
