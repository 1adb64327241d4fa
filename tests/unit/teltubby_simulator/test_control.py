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
    settings = await control("settings", {"flood_limits": True, "download_limit": 0, "latency": 0.001})
    assert settings == await control("settings")
    assert settings["download_limit"] is None
    await wire.result("sendMessage", chat_id=ada.id, text="x")
    assert (await wire.refusal("sendMessage", chat_id=ada.id, text="x"))[0] == 429
    file = world.new_file(BytesContent(b"x"))
    reference = world.issue_file_reference(file)
    await control("file-references/expire", {})
    assert world.check_file_reference(file, reference) == "expired"


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
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
