"""The control API and the program: another process makes things happen and sees what came of them."""

import asyncio
import base64
import json
import os
import signal
import sys

import pytest

from teltubby_simulator.__main__ import main
from teltubby_simulator.content import BytesContent


@pytest.fixture
def control(simulator, http):
    """Call the control API; return the answer of a call that went well."""

    async def call(path, body=None, **query):
        url = f"{simulator.control_url}/{path}"
        response = await (http.get(url, params=query) if body is None else http.post(url, json=body))
        assert response.status_code == 200, response.text
        return response.json()

    return call


async def test_a_conversation_is_driven_and_read_over_http(control, wire, bot_user):
    user = (await control("users", {"first_name": "Ada"}))["id"]
    where = {"bot": bot_user.id, "chat": user}
    reading = asyncio.create_task(control(f"bots/{bot_user.id}/chats/{user}/messages", at_least=2, timeout=10))
    await control("messages", where | {"text": "/start"})
    sent = await wire.result("sendMessage", chat_id=user, text="welcome")
    assert [each["text"] for each in await reading] == ["/start", "welcome"]
    await wire.result("editMessageText", chat_id=user, message_id=sent["message_id"], text="bye")
    messages = await control(f"bots/{bot_user.id}/chats/{user}/messages")
    assert [each["text"] for each in messages[1]["edits"]] == ["welcome", "bye"]
    (entry,) = await control("journal", method="editMessageText", bot=bot_user.id)
    assert entry["outcome"] == "ok"


async def test_media_albums_and_the_same_file_again(control, wire, bot_user, ada):
    where = {"bot": bot_user.id, "chat": ada.id}
    raw = {"base64": base64.b64encode(b"small").decode()}
    first = await control(
        "messages",
        where | {"media": {"kind": "document", "content": raw, "file_name": "a.txt"}, "caption": "c"},
    )
    again = {"same_as": {"chat": ada.id, "message_id": first["message_id"]}}
    video = {"kind": "video", "content": {"seed": "film", "size": 3_000_000_000}, "width": 1, "height": 1}
    origin = {"type": "hidden_user", "name": "Somebody", "date": 1}
    with pytest.raises(AssertionError, match="bytes"):
        await control("albums", where | {"items": [{"media": again}, {"media": video}]})
    await control("albums", where | {"items": [{"media": again}, {"media": video}], "forward_origin": origin})
    updates = [each["message"] for each in await wire.result("getUpdates")]
    assert updates[0]["document"] == updates[1]["document"]
    assert updates[2]["video"]["file_size"] == 3_000_000_000
    assert updates[2]["media_group_id"] == updates[1]["media_group_id"]
    assert updates[2]["forward_origin"]["sender_user_name"] == "Somebody"


async def test_photos_edits_deletions_and_groups(control, wire, bot_user, ada):
    size = {"type": "x", "width": 8, "height": 6, "content": {"seed": "p", "size": 10}}
    where = {"bot": bot_user.id, "chat": ada.id}
    photo = await control("messages", where | {"media": {"kind": "photo", "sizes": [size]}})
    this = where | {"message_id": photo["message_id"]}
    await control("edits", this | {"caption": "late"})
    await control("deletions", this)
    group = {"kind": "supergroup", "title": "Club", "members": [ada.id, bot_user.id]}
    club = (await control("chats", group))["id"]
    await control("messages", {"bot": bot_user.id, "chat": club, "sender": ada.id, "text": "/hi"})
    kinds = [set(each) - {"update_id"} for each in await wire.result("getUpdates")]
    assert kinds == [{"message"}, {"edited_message"}, {"message"}]
    assert await control(f"bots/{bot_user.id}/chats/{ada.id}/messages") == []


async def test_the_simulator_misbehaves_on_request(control, world, ada, bot_user, wire):
    await control("messages", {"bot": bot_user.id, "chat": ada.id, "text": "hello"})
    await control("blocks", {"bot": bot_user.id, "user": ada.id})
    assert (await wire.refusal("sendMessage", chat_id=ada.id, text="x"))[0] == 403
    await control("blocks", {"bot": bot_user.id, "user": ada.id, "blocked": False})
    settings = await control("settings", {"flood_limits": True, "download_limit": 0})
    assert settings == await control("settings")
    assert settings["download_limit"] is None
    await wire.result("sendMessage", chat_id=ada.id, text="x")
    assert (await wire.refusal("sendMessage", chat_id=ada.id, text="x"))[0] == 429
    file = world.new_file(BytesContent(b"x"))
    reference = world.issue_file_reference(file, bot_user)
    await control("file-references/expire", {})
    assert world.check_file_reference(file, bot_user, reference) == "expired"


async def test_buttons_are_pressed_and_their_answers_read(control, wire, bot_user, ada):
    where = {"bot": bot_user.id, "chat": ada.id}
    await control("messages", where | {"text": "hello"})
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    sent = await wire.result("sendMessage", chat_id=ada.id, text="choose", reply_markup=keyboard)
    pressed = where | {"message_id": sent["message_id"], "user": ada.id, "data": "go"}
    query = (await control("presses", pressed))["id"]
    assert (await wire.result("getUpdates"))[-1]["callback_query"]["id"] == query
    await wire.result("answerCallbackQuery", callback_query_id=query, text="gone")
    answers = await control(f"bots/{bot_user.id}/answers", at_least=1, timeout=5)
    assert answers == {query: {"text": "gone", "show_alert": False}}


async def test_updates_are_held_back_and_released_in_any_order(control, wire, bot_user, ada):
    where = {"bot": bot_user.id, "chat": ada.id}
    await control("updates/hold", {"bot": bot_user.id})
    for text in ("one", "two", "three"):
        await control("messages", where | {"text": text})
    assert await wire.result("getUpdates") == []
    assert await control("updates/release", {"bot": bot_user.id, "order": [2, 0]}) == {"held": 1}
    assert await control("updates/release", {"bot": bot_user.id}) == {"held": 0}
    assert [each["message"]["text"] for each in await wire.result("getUpdates")] == ["three", "one", "two"]


async def test_every_kind_of_media_and_special_messages(control, wire, bot_user, ada):
    where = {"bot": bot_user.id, "chat": ada.id}
    content = {"seed": "s", "size": 10}
    thumb = {"width": 9, "height": 6, "content": {"seed": "t", "size": 3}}
    sticker = {"kind": "sticker", "content": content, "sticker_format": "video", "emoji": "👍"}
    lie = {"kind": "video_note", "content": content, "told_size": 7, "thumbnail": thumb, "width": 240}
    silent = {"kind": "animation", "content": content, "told_size": None}
    for media in (sticker, lie, silent):
        await control("messages", where | {"media": media, "media_group_id": "77"})
    await control("messages", where | {"special": {"dice": {"emoji": "🎲", "value": 3}}})
    first, second, third, last = [each["message"] for each in await wire.result("getUpdates")]
    assert first["sticker"]["is_video"]
    assert (second["video_note"]["file_size"], second["video_note"]["thumbnail"]["file_size"]) == (7, 3)
    assert "file_size" not in third["animation"]
    assert second["media_group_id"] == third["media_group_id"] == "77"
    assert last["dice"]["value"] == 3


async def test_faults_and_conditions_of_both_doors_are_ordered_and_taken_back(control, simulator, http, wire, world):
    steps = [{"code": 502}, {"delay": 0.001}]
    number = (await control("faults", {"door": "bot_api", "method": "getMe", "steps": steps}))["number"]
    await control("faults", {"steps": [{"cut_after": 0}], "method": "upload.getFile", "at_byte": 5, "repeat": True})
    assert [each["left"] for each in await control("faults")] == [2, 1]
    assert (await wire.response("getMe")).status_code == 502
    assert (await http.delete(f"{simulator.control_url}/faults/{number}")).status_code == 200
    assert (await http.delete(f"{simulator.control_url}/faults/{number}")).status_code == 404
    await control("conditions", {"door": "mtproto", "latency": 0.25, "account_bandwidth": 1000})
    await control("conditions", {"door": "mtproto", "account_bandwidth": None, "media_connections": 2})
    assert (world.faults.mtproto.latency, world.faults.mtproto.account_bandwidth) == (0.25, None)
    assert (await control("conditions"))["mtproto"]["media_connections"] == 2
    assert (await http.delete(f"{simulator.control_url}/faults")).status_code == 200
    assert (await control("faults"), world.faults.mtproto.latency) == ([], 0.0)


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("faults", {"steps": []}, 400, "step"),
        ("faults", {"steps": [{"cuts_after": 1}]}, 400, "cuts_after"),
        ("faults", {"steps": [{}], "door": "side"}, 400, "door"),
        ("conditions", {"door": "bot_api", "latencies": 1}, 400, "latencies"),
        ("conditions", {"door": "bot_api", "latency": None}, 400, "latency"),
        ("settings", {"latency": 1}, 400, "latency"),
        ("users", {}, 400, "first_name"),
        ("users", [], 400, "object"),
        ("messages", {"bot": 1, "chat": 2, "text": "x"}, 404, "1"),
        ("bots", {"name": "B", "username": "b_bot", "token": "short"}, 400, "token"),
        ("chats", {"kind": "private", "title": "x"}, 400, "kind"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_reason(simulator, http, path, body, status, word):
    response = await http.post(f"{simulator.control_url}/{path}", json=body)
    assert response.status_code == status
    assert word in response.json()["error"]


async def test_the_program_tells_its_addresses_and_ends_on_sigterm(http, tmp_path):
    token = f"4242:{'t' * 35}"
    key_file = tmp_path / "key.pem"
    command = ["-m", "teltubby_simulator", "--bot-token", token, "--public-key-file", str(key_file)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        addresses = json.loads(line)
        me = await http.get(f"{addresses['bot_api_url']}/bot{token}/getMe")
        assert me.json()["result"]["id"] == addresses["bot_id"] == 4242
        assert key_file.read_text().startswith("-----BEGIN")
        _, writer = await asyncio.open_connection(addresses["mtproto_host"], addresses["mtproto_port"])
        writer.close()
        await writer.wait_closed()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_the_program_refuses_a_token_of_the_wrong_shape(capsys):
    assert main(["--bot-token", "nonsense"]) == 2
    assert "a token is" in capsys.readouterr().err
