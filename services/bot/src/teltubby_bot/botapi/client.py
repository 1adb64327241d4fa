"""The Bot API through python-telegram-bot; downloads are streamed, which the library itself does not do."""

import json
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx
from telegram import Bot, ReplyParameters
from telegram.error import BadRequest
from telegram.request import HTTPXRequest

from teltubby_bot.botapi.errors import mapped
from teltubby_bot.telegram import POLL_LIMIT, Me
from teltubby_core.domain.media import MediaItem
from teltubby_core.errors import PermanentError, TransientError
from teltubby_core.ports import MediaSource, RawUpdate

_POOL = 40  # connections: CONCURRENCY is at most 32, the rest for replies
_BLOCK = 256 * 1024  # bytes of a downloaded chunk
_ALLOWED_UPDATES = json.dumps(["message", "channel_post"])


class BotApi:
    """Telegram over HTTP. Use as an async context manager; it opens no connection before the first call."""

    def __init__(self, token: str, api_url: str, io_timeout: float) -> None:
        """Speak to ``api_url`` (without a slash at its end); ``io_timeout`` in seconds limits each wait."""
        self._polling = HTTPXRequest(connection_pool_size=1, read_timeout=io_timeout)
        self._base = f"{api_url}/bot{token}"
        self._file_base = f"{api_url}/file/bot{token}"
        self._io_timeout = io_timeout
        self._bot = Bot(
            token,
            base_url=f"{api_url}/bot",
            base_file_url=f"{api_url}/file/bot",
            request=HTTPXRequest(connection_pool_size=_POOL, read_timeout=io_timeout, pool_timeout=io_timeout),
            get_updates_request=self._polling,
        )
        self._files = httpx.AsyncClient(timeout=io_timeout, limits=httpx.Limits(max_connections=_POOL))

    async def __aenter__(self) -> Self:
        await self._bot.request.initialize()
        await self._polling.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._files.aclose()
        await self._polling.shutdown()
        await self._bot.request.shutdown()

    async def me(self) -> Me:
        """See Telegram."""
        with mapped():
            user = await self._bot.get_me()
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
        return [RawUpdate(update["update_id"], json.dumps(update, ensure_ascii=False)) for update in result]

    async def send(self, chat_id: int, text: str, reply_to: int) -> int:
        """See Telegram."""
        parameters = ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        with mapped():
            message = await self._bot.send_message(chat_id, text, reply_parameters=parameters)
        return message.message_id

    async def edit(self, chat_id: int, message_id: int, text: str) -> None:
        """See Telegram. Text that already stands there is no error: an earlier edit got through unheard."""
        with mapped():
            try:
                await self._bot.edit_message_text(text, chat_id=chat_id, message_id=message_id)
            except BadRequest as error:
                if "message is not modified" not in str(error).lower():
                    raise

    def source(self, item: MediaItem) -> MediaSource:
        """See Telegram."""
        return _FileSource(self, item)

    async def download(self, file_id: str) -> AsyncIterator[bytes]:
        """Yield a file's bytes. The path is asked for each time: it lives for an hour."""
        with mapped():
            file = await self._bot.get_file(file_id)
        if not file.file_path:
            raise PermanentError("Telegram names no path for this file")
        # python-telegram-bot returns the whole URL
        with mapped():
            async with self._files.stream("GET", file.file_path) as response:
                if response.status_code != httpx.codes.OK:
                    raise TransientError(f"Telegram answers the download with HTTP {response.status_code}")
                async for chunk in response.aiter_bytes(_BLOCK):
                    yield chunk


class _FileSource:
    """A file on the Bot API."""

    def __init__(self, api: BotApi, item: MediaItem) -> None:
        self._api = api
        self._item = item

    def chunks(self) -> AsyncIterator[bytes]:
        """See MediaSource."""
        return self._api.download(self._item.file_id)
