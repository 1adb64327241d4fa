"""The client against a server that answers what no well-behaved Bot API would."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from support import a_file
from teltubby_bot.botapi import BotApi
from teltubby_bot.telegram import ChannelClosedError, WebhookInfo
from teltubby_core.errors import (
    ConfigurationError,
    InfrastructureError,
    PermanentError,
    TransientError,
)

TOKEN = "123456:AAE" + "x" * 32
PAGE = b"<html>nginx, with a secret in it</html>"


class Server:
    """Answers each method with what a test put there, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.pauses: dict[str, float] = {}  # seconds before an answer
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line.split(":")[1] for line in head.lower().splitlines() if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        name = head.split()[1].partition("?")[0].rpartition("/")[2]
        fields = {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        self.asked.append((name, fields, head))
        await asyncio.sleep(self.pauses.get(name, 0))
        writer.write(self.answers[name])
        await writer.drain()
        writer.close()

    def answer(self, name: str, result: Any) -> None:
        self.answers[name] = _response(200, json.dumps({"ok": True, "result": result}).encode())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _response(status: int, body: bytes, length: int | None = -1, **headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} x", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    if length is not None:
        head.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    await listening.wait_closed()


@pytest.fixture
async def api(server: Server) -> AsyncIterator[BotApi]:
    async with BotApi(TOKEN, server.url, io_timeout=5) as api:
        yield api


STRANGE = {"message_id": 9, "date": "soon", "chat": None, "reply_to_message": {"photo": 7, "chat": [], "poll": "x"}}


async def test_of_a_sent_message_only_its_id_is_read(server: Server, api: BotApi) -> None:
    server.answer("sendMessage", STRANGE)
    assert await api.send(42, "hello ☃ & =\n" + "Ж" * 4000, 7) == 9
    ((name, fields, head),) = server.asked
    assert name == "sendMessage"
    assert (fields["chat_id"], fields["text"]) == ("42", "hello ☃ & =\n" + "Ж" * 4000)
    assert json.loads(fields["reply_parameters"]) == {"message_id": 7, "allow_sending_without_reply": True}
    assert len(head) < 1000, "the text is no part of the address"


async def test_a_message_may_be_sent_on_its_own(server: Server, api: BotApi) -> None:
    server.answer("sendMessage", STRANGE)
    assert await api.send(42, "an alert", None) == 9
    ((_, fields, _),) = server.asked
    assert fields == {"chat_id": "42", "text": "an alert", "link_preview_options": '{"is_disabled": true}'}


async def test_of_an_edited_message_nothing_is_read(server: Server, api: BotApi) -> None:
    server.answer("editMessageText", STRANGE)
    await api.edit(42, 9, "half a pair: \ud83d")
    ((_, fields, _),) = server.asked
    del fields["link_preview_options"]
    assert fields == {"chat_id": "42", "message_id": "9", "text": "half a pair: \ufffd"}


async def test_a_text_that_already_stands_there_is_no_error(server: Server, api: BotApi) -> None:
    refusal = {"ok": False, "error_code": 400, "description": "Bad Request: message is not modified: x"}
    server.answers["editMessageText"] = _response(400, json.dumps(refusal).encode())
    await api.edit(42, 9, "same")


async def test_an_answer_without_an_id_does_not_send_again(server: Server, api: BotApi) -> None:
    server.answer("sendMessage", True)
    with pytest.raises(PermanentError, match="without a message id"):
        await api.send(42, "x", 7)


async def test_half_a_surrogate_pair_can_be_kept(server: Server, api: BotApi) -> None:
    server.answer("getUpdates", [{"update_id": 5, "message": {"text": "\ud83d ☃"}}])
    (update,) = await api.poll(None, 0)
    update.raw.encode()
    assert json.loads(update.raw)["message"]["text"] == "\ud83d ☃"


@pytest.mark.parametrize("strange", [{}, {"update_id": "6"}, {"update_id": True}, {"update_id": 2**63}, 7, None])
async def test_an_update_without_a_number_does_not_spoil_its_batch(
    server: Server, api: BotApi, caplog: pytest.LogCaptureFixture, strange: Any
) -> None:
    if isinstance(strange, dict):
        strange = {**strange, "message": {"text": "private"}}
    server.answer("getUpdates", [{"update_id": 5}, strange, {"update_id": 7}])
    assert [update.update_id for update in await api.poll(None, 0)] == [5, 7]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "private" not in caplog.text
    server.answer("getUpdates", [strange])
    with pytest.raises(TransientError, match="no number"):
        await api.poll(None, 0)


@pytest.mark.parametrize("body", [PAGE, b'{"ok":false,"error_code":404,"description":"Not Found"}'])
async def test_not_found_at_the_start_names_both_settings_it_may_come_from(
    server: Server, api: BotApi, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    server.answers["getMe"] = server.answers["sendMessage"] = server.answers["getUpdates"] = _response(404, body)
    with pytest.raises(ConfigurationError) as caught:
        await api.me()
    assert f"TELEGRAM_API_URL: 127.0.0.1:{server.port} answers 404" in str(caught.value)
    assert "TELEGRAM_BOT_TOKEN" in str(caught.value)
    for call in (api.send(42, "x", 7), api.poll(None, 0)):
        with pytest.raises(TransientError, match="404"):
            await call
    assert "nginx" not in caplog.text + str(caught.value)


async def test_a_refused_token_is_named(server: Server, api: BotApi) -> None:
    body = json.dumps({"ok": False, "error_code": 401, "description": "Unauthorized"}).encode()
    server.answers["getMe"] = server.answers["sendMessage"] = _response(401, body)
    for call in (api.me(), api.send(42, "x", 7)):
        with pytest.raises(ConfigurationError, match="TELEGRAM_BOT_TOKEN: Telegram refuses it"):
            await call


@pytest.mark.parametrize("status", [200, 301, 400, 403, 409, 500, 502])
@pytest.mark.parametrize("body", [PAGE, b"", b"[1]", b'"secret"', b"\xff\xfe"])
async def test_a_page_that_is_no_answer_is_never_shown(
    server: Server, api: BotApi, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    server.answers["sendMessage"] = _response(status, body)
    with pytest.raises((PermanentError, TransientError)) as caught:
        await api.send(42, "x", 7)
    shown = f"{caught.value} {caught.value.__cause__} {caplog.text}"
    assert not {"nginx", "secret", "\\xff", "123456:"} & {word for word in shown.replace("<", " ").split(" ") if word}
    assert "nginx" not in shown
    assert "secret" not in shown
    assert str(status) in shown


async def test_an_unreachable_server_is_named_with_the_cause_and_no_path(server: Server) -> None:
    async with BotApi(TOKEN, "http://127.0.0.1:9/below", io_timeout=5) as api:
        for call in (api.me(), api.send(42, "x", 7), api.poll(None, 0)):
            with pytest.raises(TransientError) as caught:
                await call
            assert str(caught.value) == "127.0.0.1:9 can't be reached: Connection refused"


async def _download(api: BotApi) -> tuple[bytes, int | None]:
    """Return the bytes that came and the size that was told."""
    source = api.source(a_file())
    assert source.told_size() is None, "nothing was asked yet"
    async with aclosing(source.chunks()) as chunks:  # type: ignore[type-var]
        return b"".join([chunk async for chunk in chunks]), source.told_size()


async def test_a_file_comes_as_it_lies_there(server: Server, api: BotApi) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "photos/a b.jpg", "file_size": 5, "brand_new": []})
    server.answers["a%20b.jpg"] = _response(200, b"hello")
    assert await _download(api) == (b"hello", 5)
    head = server.asked[-1][2]
    assert f"/file/bot{TOKEN}/photos/a%20b.jpg" in head
    assert "accept-encoding: identity" in head.lower()


@pytest.mark.parametrize("size", [5, 6, 0, -1, "5", 2**80, None])
async def test_the_size_told_is_the_length_of_the_download(server: Server, api: BotApi, size: Any) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a", "file_size": size})
    server.answers["a"] = _response(200, b"hello")
    assert await _download(api) == (b"hello", 5)


@pytest.mark.parametrize(("size", "told"), [(6, 6), (0, 0), (-1, None), ("5", None), (2**80, None), (None, None)])
async def test_of_a_download_without_a_length_it_is_what_the_path_came_with(
    server: Server, api: BotApi, size: Any, told: int | None
) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a", "file_size": size})
    server.answers["a"] = _response(200, b"hello", length=None)
    assert await _download(api) == (b"hello", told)


async def test_a_download_that_ends_short_of_its_length_is_an_error(server: Server, api: BotApi) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a", "file_size": 5})
    server.answers["a"] = _response(200, b"hell", length=5)
    with pytest.raises(TransientError):
        await _download(api)


async def test_the_size_is_told_before_any_byte_is_asked_for(server: Server, api: BotApi) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a", "file_size": 5})
    source = api.source(a_file())
    async with aclosing(source.chunks()) as chunks:  # type: ignore[type-var]
        assert await anext(chunks) == b""
        assert source.told_size() == 5
    assert [name for name, _, _ in server.asked] == ["getFile"]


async def test_a_body_without_any_told_length_is_taken(server: Server, api: BotApi) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a"})
    server.answers["a"] = _response(200, b"hello", length=None)
    assert await _download(api) == (b"hello", None)


@pytest.mark.parametrize("status", [206, 302, 404, 500])
async def test_a_page_never_becomes_the_file(server: Server, api: BotApi, status: int) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a"})
    server.answers["a"] = _response(status, PAGE)
    with pytest.raises(TransientError, match=f"HTTP {status}"):
        await _download(api)


async def test_a_body_in_another_encoding_never_becomes_the_file(server: Server, api: BotApi) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": "a"})
    server.answers["a"] = _response(200, b"hello", Content_Encoding="gzip")
    with pytest.raises(TransientError, match="another encoding"):
        await _download(api)


@pytest.mark.parametrize("path", ["/var/lib/bot/documents/a.pdf", "C:\\bot\\a.pdf"])
async def test_a_server_in_local_mode_is_told_plainly(server: Server, api: BotApi, path: str) -> None:
    server.answer("getFile", {"file_id": "f", "file_path": path, "file_size": 5})
    with pytest.raises(InfrastructureError, match=r"^TELEGRAM_LOCAL_FILES_DIR: not set"):
        await _download(api)


@pytest.mark.parametrize("answer", [True, {}, {"file_path": ""}, {"file_path": 7}])
async def test_a_file_without_a_path_is_an_error(server: Server, api: BotApi, answer: Any) -> None:
    server.answer("getFile", answer)
    with pytest.raises(PermanentError, match="no path"):
        await _download(api)


async def test_with_the_folder_set_a_local_servers_file_is_read_from_it(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / TOKEN / "documents"
    folder.mkdir(parents=True)
    (folder / "a.pdf").write_bytes(b"hello")
    server.answer("getFile", {"file_path": f"/srv/{TOKEN}/documents/a.pdf", "file_size": 5})
    async with BotApi(TOKEN, server.url, io_timeout=5, local_files=tmp_path) as api:
        assert await _download(api) == (b"hello", 5)
        server.answer("getFile", {"file_path": f"/srv/{TOKEN}/documents/a.pdf"})
        assert await _download(api) == (b"hello", None)


async def test_a_path_may_take_longer_than_any_other_answer(server: Server) -> None:
    server.answer("getFile", {"file_path": "a", "file_size": 5})
    server.answers["a"] = _response(200, b"hello")
    server.pauses["getFile"] = 0.3
    async with BotApi(TOKEN, server.url, io_timeout=0.1) as api:
        with pytest.raises(TransientError, match="in time"):
            await _download(api)
    async with BotApi(TOKEN, server.url, io_timeout=5, opening_timeout=30) as api:
        assert (await _download(api))[0] == b"hello"


async def test_a_poll_may_take_as_long_as_it_says_and_any_other_call_its_own_time(server: Server) -> None:
    server.answer("getUpdates", [])
    server.answer("sendMessage", STRANGE)
    server.pauses = {"getUpdates": 0.5, "sendMessage": 0.5}
    async with BotApi(TOKEN, server.url, io_timeout=0.1) as api:
        assert await api.poll(None, 5) == []
        with pytest.raises(TransientError, match="in time"):
            await api.send(42, "x", 7)
    async with BotApi(TOKEN, server.url, io_timeout=5) as api:
        assert await api.send(42, "x", 7) == 9


async def test_a_webhook_is_set_for_the_updates_that_polls_bring_and_drops_nothing(server: Server, api: BotApi) -> None:
    server.answer("setWebhook", True)
    server.answer("getUpdates", [])
    await api.set_webhook("https://bot.example.org/telegram", "s3cret-S3CRET_s3cret", 10)
    await api.poll(None, 0)
    (_, fields, head), (_, _, poll) = server.asked
    assert fields == {
        "url": "https://bot.example.org/telegram",
        "secret_token": "s3cret-S3CRET_s3cret",
        "max_connections": "10",
        "allowed_updates": parse_qs(poll.split()[1].partition("?")[2])["allowed_updates"][0],
    }
    assert "s3cret" not in head


async def test_deleting_the_webhook_drops_nothing(server: Server, api: BotApi) -> None:
    server.answer("deleteWebhook", True)
    await api.delete_webhook()
    ((_, fields, _),) = server.asked
    assert "drop_pending_updates" not in fields


async def test_what_telegram_tells_of_a_webhook(server: Server, api: BotApi) -> None:
    server.answer("getWebhookInfo", {"url": "", "has_custom_certificate": False, "pending_update_count": 3})
    assert await api.webhook() == WebhookInfo("", 3)
    told = {"url": "https://x", "pending_update_count": 0, "last_error_date": 5, "last_error_message": "x" * 1000}
    server.answer("getWebhookInfo", told)
    assert await api.webhook() == WebhookInfo("https://x", 0, "x" * 200, 5)


@pytest.mark.parametrize("strange", [None, 7, [], {}, {"url": 7, "pending_update_count": 0}, {"url": ""}])
async def test_an_unreadable_account_of_a_webhook_is_no_account(server: Server, api: BotApi, strange: Any) -> None:
    server.answer("getWebhookInfo", strange)
    with pytest.raises(TransientError, match="getWebhookInfo"):
        await api.webhook()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("bad webhook: Failed to resolve host: Name or service not known", TransientError),
        ("bad webhook: IP address 10.0.0.1 is reserved", PermanentError),
    ],
)
async def test_a_host_that_is_not_known_yet_may_be_later(
    server: Server, api: BotApi, words: str, kind: type[Exception]
) -> None:
    refusal = {"ok": False, "error_code": 400, "description": f"Bad Request: {words}"}
    server.answers["setWebhook"] = _response(400, json.dumps(refusal).encode())
    with pytest.raises(kind, match=r"(?i)bad webhook"):
        await api.set_webhook("https://x", "s3cret-S3CRET_s3cret", 10)


def _refused(description: str, code: int = 400) -> bytes:
    answer = {"ok": False, "error_code": code, "description": description}
    return _response(code, json.dumps(answer).encode())


async def test_a_copy_has_no_caption_and_makes_no_noise(server: Server, api: BotApi) -> None:
    server.answer("copyMessage", {"message_id": 42})
    assert await api.copy(-1001234567890, 7, 5) == 42
    ((_, fields, _),) = server.asked
    expected = {"chat_id": "-1001234567890", "from_chat_id": "7", "message_id": "5", "caption": ""}
    assert fields == expected | {"disable_notification": "true"}


@pytest.mark.parametrize(
    ("description", "code", "error"),
    [
        ("Bad Request: message to copy not found", 400, PermanentError),
        ("Bad Request: message can't be copied", 400, PermanentError),
        ("Bad Request: need administrator rights in the channel chat", 400, ChannelClosedError),
        ("Bad Request: chat not found", 400, ChannelClosedError),
        ("Forbidden: bot is not a member of the channel chat", 403, ChannelClosedError),
        ("Forbidden: bot was kicked from the channel chat", 403, ChannelClosedError),
    ],
)
async def test_why_nothing_was_copied_is_told_apart(
    server: Server, api: BotApi, description: str, code: int, error: type[Exception]
) -> None:
    server.answers["copyMessage"] = _refused(description, code)
    with pytest.raises(error):
        await api.copy(-1001234567890, 7, 5)


async def test_deleting_what_is_gone_is_no_error(server: Server, api: BotApi) -> None:
    server.answers["deleteMessage"] = _refused("Bad Request: message to delete not found")
    await api.delete(7, 5)
    server.answer("deleteMessage", True)
    await api.delete(7, 5)
    assert [fields for _, fields, _ in server.asked] == [{"chat_id": "7", "message_id": "5"}] * 2


async def test_what_telegram_will_not_delete_is_an_error(server: Server, api: BotApi) -> None:
    server.answers["deleteMessage"] = _refused("Bad Request: message can't be deleted")
    with pytest.raises(PermanentError):
        await api.delete(7, 5)


async def test_a_flood_stays_one(server: Server, api: BotApi) -> None:
    answer = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 9}}
    server.answers["copyMessage"] = _response(429, json.dumps(answer).encode())
    with pytest.raises(TransientError) as caught:
        await api.copy(-1001234567890, 7, 5)
    assert caught.value.retry_after == 9
