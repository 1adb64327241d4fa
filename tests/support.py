"""What tests of several packages share: waiting for a condition, and messages as a curator would send them."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

import pytest

from teltubby_core.domain.media import ForwardOrigin, IncomingMessage, MediaItem, MediaKind

CURATOR = 42
OTHER_CURATOR = 43
DATE = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)
LIMIT = 5.0
_LOOK_EVERY = 0.005


async def eventually(condition: Callable[[], Any], limit: float = LIMIT) -> Any:
    """Return what ``condition`` returns once it is true, or fail after ``limit`` seconds with its last value."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    while True:
        found = condition()
        value: Any = await found if isawaitable(found) else found
        if value:
            return value
        assert loop.time() < deadline, f"not true within {limit:g} s; last seen: {value!r}"
        await asyncio.sleep(_LOOK_EVERY)


def mount_namespace() -> list[str]:
    """Return the command prefix that gives a child mounts of its own, or say why it can't be had."""
    prefix = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare"):
        tried = subprocess.run([*prefix, "true"], capture_output=True, timeout=30, check=False)
        if tried.returncode == 0:
            return prefix
    reason = f"{' '.join(prefix)} is not allowed here: no disk can be filled or made read-only"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def a_file(
    name: str = "a",
    *,
    kind: MediaKind = MediaKind.PHOTO,
    size: int | None = 1000,
    unique: str | None = None,
    original: str | None = None,
    mime: str | None = None,
) -> MediaItem:
    """Return a file whose ids follow from ``name``."""
    return MediaItem(
        kind=kind,
        file_id=f"file-{name}",
        file_unique_id=unique or f"unique-{name}",
        size_bytes=size,
        mime_type=mime or ("image/jpeg" if kind is MediaKind.PHOTO else "video/mp4"),
        width=640,
        height=480,
        original_filename=original,
    )


def a_message(
    message_id: int = 7,
    media: MediaItem | None = None,
    *,
    chat: int = CURATOR,
    album: str | None = None,
    caption: str | None = None,
    username: str | None = "ada",
    origin: ForwardOrigin | None = None,
) -> IncomingMessage:
    """Return a private message from ``chat`` with one file."""
    return IncomingMessage(
        chat_id=chat,
        chat_type="private",
        message_id=message_id,
        date=DATE,
        sender_id=chat,
        sender_name="Ada L.",
        sender_username=username,
        media_group_id=album,
        forward_origin=origin,
        caption=caption,
        media=media or a_file(f"m{message_id}"),
    )
