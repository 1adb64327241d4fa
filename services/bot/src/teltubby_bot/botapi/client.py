"""The Bot API through python-telegram-bot; downloads are streamed, which the library itself does not do."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from telegram import Bot, InputFile
from telegram.error import BadRequest

from teltubby_bot.botapi import raw
from teltubby_bot.botapi.downloads import FileServer, FileSource
from teltubby_bot.botapi.errors import NotThereError, channel_errors, mapped
from teltubby_bot.botapi.http import BotApiRequest, Connections
from teltubby_bot.botapi.local_files import LocalFiles
from teltubby_bot.reception import to_keep
from teltubby_bot.telegram import POLL_LIMIT, Keys, Me, WebhookInfo
from teltubby_core.domain.media import MediaItem, MediaKind
from teltubby_core.errors import ConfigurationError, PermanentError, TransientError
from teltubby_core.logs import redact
from teltubby_core.ports import MediaSource, RawUpdate

_POOL = 64  # connections: CONCURRENCY is at most 32, the rest for replies
_ALLOWED_UPDATES = json.dumps(["message", "edited_message", "channel_post", "callback_query"])
_LONGEST = 200  # characters of Telegram's words in a text of ours
_LONGEST_TOAST = 200  # characters; core.telegram.org/bots/api#answercallbackquery
_SENDING = {
    MediaKind.PHOTO: ("send_Photo", "photo"),
    MediaKind.VIDEO: ("send_Video", "video"),
    MediaKind.AUDIO: ("send_Audio", "audio"),
    MediaKind.VOICE: ("send_Voice", "voice"),
    MediaKind.VIDEO_NOTE: ("send_Video_Note", "video_note"),
    MediaKind.ANIMATION: ("send_Animation", "animation"),
    MediaKind.STICKER: ("send_Sticker", "sticker"),
}
_AS_DOCUMENT = ("send_Document", "document")
_WITHOUT_CAPTION = frozenset({MediaKind.VIDEO_NOTE, MediaKind.STICKER})


class BotApi:
    """Telegram over HTTP. Use as an async context manager; it opens no connection before the first call."""

    def __init__(
        self,
        token: str,
        api_url: str,
        io_timeout: float,
        *,
        local_files: Path | None = None,
        opening_timeout: float | None = None,
    ) -> None:
        """Speak to ``api_url`` (without a slash at its end).

        ``io_timeout`` in seconds limits each wait but that for a file's path, which ``opening_timeout`` limits: a
        server in local mode fetches the whole file first. ``local_files`` is where we see such a server's folder.
        """
        self._polling = BotApiRequest(1, io_timeout)
        self._host = urlsplit(api_url).netloc
        self._base = f"{api_url}/bot{token}"
        self._io_timeout = io_timeout
        self._opening_timeout = opening_timeout or io_timeout
        self._bot = Bot(
            token,
            base_url=f"{api_url}/bot",
            base_file_url=f"{api_url}/file/bot",
            request=BotApiRequest(_POOL, io_timeout),
            get_updates_request=self._polling,
        )
        self._files = Connections(_POOL, io_timeout)
        local = LocalFiles(local_files, token) if local_files else None
        self._server = FileServer(self._files, f"{api_url}/file/bot{token}", local)

    async def __aenter__(self) -> Self:
        await self._bot.request.initialize()
        await self._polling.initialize()
        await self._files.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._files.close()
        await self._polling.shutdown()
        await self._bot.request.shutdown()

    async def me(self) -> Me:
        """See Telegram."""
        try:
            with mapped():
                user = await self._bot.get_me()
        except NotThereError as error:
            problem = (
                f"TELEGRAM_API_URL: {self._host} answers 404 Not Found: there is no Bot API at this address, or it"
                " knows no bot by the number in TELEGRAM_BOT_TOKEN; check both"
            )
            raise ConfigurationError([problem]) from error
        return Me(user.id, user.username)

    async def poll(self, offset: int | None, timeout_seconds: int) -> Sequence[RawUpdate]:
        """See Telegram. The JSON is kept as it came: what can't be parsed must not be lost."""
        query: dict[str, str | int] = {
            "timeout": timeout_seconds,
            "limit": POLL_LIMIT,
            "allowed_updates": _ALLOWED_UPDATES,
        }
        if offset is not None:
            query["offset"] = offset
        with mapped():
            result = await self._polling.post(
                f"{self._base}/getUpdates?{urlencode(query)}", read_timeout=timeout_seconds + self._io_timeout
            )
        if not isinstance(result, list):
            raise TransientError("Telegram answered getUpdates with something else than a list")
        updates = [kept for kept in map(to_keep, result) if kept is not None]
        if result and not updates:  # an error, so that the next poll comes after a pause
            raise TransientError("Telegram sends only updates that have no number")
        return updates

    async def webhook(self) -> WebhookInfo:
        """See Telegram."""
        info = raw.fields(await self._call("get_Webhook_Info"))
        url, pending = raw.text(info, "url"), raw.count(info, "pending_update_count")
        if url is None or pending is None:
            raise TransientError("Telegram answered getWebhookInfo without an address or a number of updates")
        said = raw.text(info, "last_error_message")
        error = redact(said)[:_LONGEST] if said else None
        return WebhookInfo(url, pending, error, raw.count(info, "last_error_date"))

    async def set_webhook(self, url: str, secret: str, connections: int) -> None:
        """See Telegram. It need not hear of pending updates: it keeps them unless asked to drop them."""
        await self._call(
            "set_Webhook",
            url=url,
            secret_token=secret,
            max_connections=connections,
            allowed_updates=_ALLOWED_UPDATES,
        )

    async def delete_webhook(self) -> None:
        """See Telegram."""
        await self._call("delete_Webhook")

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], *, language: str | None = None, chat_id: int | None = None
    ) -> None:
        """See Telegram."""
        scope = {"type": "all_private_chats"} if chat_id is None else {"type": "chat", "chat_id": chat_id}
        menu = [{"command": command, "description": what} for command, what in commands]
        fields: dict[str, Any] = {"commands": menu, "scope": scope} | ({"language_code": language} if language else {})
        await self._call("set_My_Commands", **fields)

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """See Telegram. Once it is sent, nothing in the answer but its id may matter: an error would send it again."""
        fields = _text_fields(chat_id, text) | _reply_fields(reply_to) | _keyboard(keys)
        return _id_of(await self._call("send_Message", **fields), "sendMessage")

    async def send_again(self, chat_id: int, item: MediaItem, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        method, field = _SENDING.get(item.kind, _AS_DOCUMENT)
        fields = {"chat_id": chat_id, field: item.file_id} | _reply_fields(reply_to)
        if item.kind not in _WITHOUT_CAPTION:
            fields["caption"] = _sendable(caption)
        return _id_of(await self._call(method, **fields), method)

    async def upload(self, chat_id: int, name: str, content: bytes, caption: str, reply_to: int | None) -> int:
        """See Telegram."""
        document = InputFile(content, filename=name, attach=False)
        fields = {"chat_id": chat_id, "document": document, "caption": _sendable(caption)} | _reply_fields(reply_to)
        return _id_of(await self._call("send_Document", **fields), "sendDocument")

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """See Telegram."""
        photo = InputFile(png, filename="picture.png", attach=False)
        return _id_of(await self._call("send_Photo", chat_id=chat_id, photo=photo, caption=caption), "sendPhoto")

    async def edit(self, chat_id: int, message_id: int, text: str, keys: Keys = ()) -> None:
        """See Telegram. Text that already stands there is no error: an earlier edit got through unheard."""
        fields = _text_fields(chat_id, text) | {"message_id": message_id} | _keyboard(keys)
        with mapped():
            try:
                await self._raw("edit_message_Text", **fields)
            except BadRequest as error:
                if "message is not modified" not in str(error).lower():
                    raise

    async def answer_press(self, query_id: str, text: str | None, *, alert: bool = False) -> None:
        """See Telegram."""
        fields = {"text": _sendable(text)[:_LONGEST_TOAST], "show_alert": alert} if text else {}
        await self._call("answer_Callback_Query", callback_query_id=query_id, **fields)

    async def act(self, chat_id: int, action: str) -> None:
        """See Telegram."""
        await self._call("send_Chat_Action", chat_id=chat_id, action=action)

    async def react(self, chat_id: int, message_id: int, emoji: str | None) -> None:
        """See Telegram."""
        reaction = [{"type": "emoji", "emoji": emoji}] if emoji else []
        await self._call("set_Message_Reaction", chat_id=chat_id, message_id=message_id, reaction=reaction)

    async def copy(self, chat_id: int, from_chat_id: int, message_id: int) -> int:
        """See Telegram."""
        with mapped(), channel_errors():
            sent = await self._raw(
                "copy_Message",
                chat_id=chat_id,
                from_chat_id=from_chat_id,
                message_id=message_id,
                caption="",
                disable_notification=True,
            )
        return _id_of(sent, "copyMessage")

    async def delete(self, chat_id: int, message_id: int) -> None:
        """See Telegram."""
        with mapped(), channel_errors():
            try:
                await self._raw("delete_Message", chat_id=chat_id, message_id=message_id)
            except BadRequest as error:
                if "message to delete not found" not in str(error).lower():
                    raise

    def source(self, item: MediaItem) -> MediaSource:
        """See Telegram."""
        return FileSource(lambda: self._get_file(item.file_id), self._server)

    async def _get_file(self, file_id: str) -> Any:
        with mapped():
            return await self._bot.do_api_request(
                "get_File", api_kwargs={"file_id": file_id}, read_timeout=self._opening_timeout
            )

    async def _call(self, method: str, **fields: Any) -> Any:
        with mapped():
            return await self._raw(method, **fields)

    async def _raw(self, method: str, **fields: Any) -> Any:
        """Return the answer's JSON. ``method`` is spelt like send_Message.

        The library's own send_message parses the answer, which holds the whole message that ours replies to; it is
        recommended by a warning for the spellings sendMessage and send_message. All three call sendMessage.
        """
        return await self._bot.do_api_request(method, api_kwargs=fields)


def _id_of(answer: Any, method: str) -> int:
    sent_id = answer.get("message_id") if isinstance(answer, dict) else None
    if not isinstance(sent_id, int):
        # Permanent: it was sent, and another try would send it once more.
        raise PermanentError(f"Telegram answered {method} without a message id")
    return sent_id


def _text_fields(chat_id: int, text: str) -> dict[str, Any]:
    """Return a plain text; of addresses in it, which people wrote, nothing is fetched and shown."""
    return {"chat_id": chat_id, "text": _sendable(text), "link_preview_options": {"is_disabled": True}}


def _reply_fields(reply_to: int | None) -> dict[str, Any]:
    if reply_to is None:
        return {}
    return {"reply_parameters": {"message_id": reply_to, "allow_sending_without_reply": True}}


def _keyboard(keys: Keys) -> dict[str, Any]:
    """Return the buttons; an edit without them takes away those that were there."""
    rows = [[{"text": label, "callback_data": data} for label, data in row] for row in keys]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _sendable(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
