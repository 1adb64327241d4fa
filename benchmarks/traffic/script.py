"""The script that one would write instead: python-telegram-bot for what the Bot API hands out, Telethon for the rest.

Every file goes through a temporary one into a bucket by boto3's ``upload_file``, with a JSON document beside it, and
then the sender is told. By default both libraries do one thing after the other; ``side_by_side`` lets several small
files and several large ones run at once.
"""

import asyncio
import hashlib
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from telegram import Message, Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.sessions import MemorySession

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_BOT_API_LIMIT = 20 * 1024 * 1024  # bytes; core.telegram.org/bots/api#getfile
_REQUEST_SIZE = 512 * 1024  # bytes; the most that Telethon's client asks for at once

Order = dict[str, Any]

log = logging.getLogger(__name__)


class Script:
    """One bot, both libraries in one event loop, as both are made for."""

    def __init__(self, order: Order, folder: Path) -> None:
        self._order = order
        self._folder = folder
        self._s3 = _s3(order)
        self._large: asyncio.Queue[Message] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        session = MemorySession()
        session.set_dc(order["dc_id"], order["host"], order["port"])
        self._client = TelegramClient(session, order["api_id"], order["api_hash"], receive_updates=False)

    async def begin(self, _application: Any) -> None:
        """Log in over MTProto and wait for large files."""
        rsa.add_key(self._order["key"], old=False)
        await self._client.connect()
        await self._client.sign_in(bot_token=self._order["token"])
        self._tasks = [asyncio.create_task(self._take_large()) for _ in range(self._order["large_at_once"])]

    async def take(self, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        """Archive a small file, leave a large one to Telethon."""
        message = update.effective_message
        if message is None or message.document is None:
            return
        if (message.document.file_size or 0) > _BOT_API_LIMIT:
            await self._large.put(message)
            return
        path = self._path(message)
        file = await message.document.get_file()
        await file.download_to_drive(path)
        await self._archive(message, path)

    async def _take_large(self) -> None:
        while True:
            message = await self._large.get()
            try:
                await self._fetch_large(message)
            except Exception:
                log.exception("message %s is not archived", message.message_id)

    async def _fetch_large(self, message: Message) -> None:
        path = self._path(message)
        found = await self._client.get_messages(None, ids=message.message_id)
        with path.open("wb") as file:  # blocks for a moment, as a user's script would
            async for chunk in self._client.iter_download(found.media, request_size=_REQUEST_SIZE):
                file.write(chunk)
        await self._archive(message, path)

    async def _archive(self, message: Message, path: Path) -> None:
        sha256 = await asyncio.to_thread(self._upload, path, f"{message.chat_id}/{path.name}", message.message_id)
        await message.reply_text(f"Archived {path.name}, sha256 {sha256}", do_quote=True)

    def _upload(self, path: Path, key: str, message_id: int) -> str:
        bucket = self._order["bucket"]
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._s3.upload_file(str(path), bucket, key)
        document = json.dumps({"message_id": message_id, "sha256": sha256}).encode()
        self._s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=document)
        path.unlink()
        return sha256

    def _path(self, message: Message) -> Path:
        return self._folder / f"{message.message_id}.bin"


def _s3(order: Order) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=order["s3_endpoint"],
        aws_access_key_id=order["s3_access_key_id"],
        aws_secret_access_key=order["s3_secret_access_key"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


def run(order: Order) -> None:
    """Serve until SIGTERM."""
    with TemporaryDirectory(prefix="script-", dir=order["folder"]) as folder:
        script = Script(order, Path(folder))
        root = order["api_url"]
        builder = Application.builder().token(order["token"]).base_url(f"{root}/bot").base_file_url(f"{root}/file/bot")
        builder = builder.concurrent_updates(order["small_at_once"]).post_init(script.begin)
        application = builder.build()
        application.add_handler(MessageHandler(filters.Document.ALL, script.take))
        application.run_polling()
