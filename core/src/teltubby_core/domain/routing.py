"""Which way a file takes into the archive."""

from dataclasses import dataclass
from enum import StrEnum

GIB = 1024**3

BOT_API_DOWNLOAD_LIMIT = 20 * 1024 * 1024
"""Bytes a bot may download from the hosted Bot API (core.telegram.org/bots/api#getfile)."""


class Route(StrEnum):
    """Where the bytes come through; as written to message.json."""

    BOT_API = "bot_api"
    MTPROTO = "mtproto"


@dataclass(frozen=True)
class Limits:
    """Sizes that decide the route, in bytes."""

    bot_api_bytes: int = BOT_API_DOWNLOAD_LIMIT
    max_file_bytes: int = 4 * GIB


def skip_reason(size_bytes: int | None, limits: Limits) -> str | None:
    """Say why a file of this size is not archived at all, or None."""
    if size_bytes is not None and size_bytes > limits.max_file_bytes:
        return over_limit(limits.max_file_bytes)
    return None


def over_limit(max_file_bytes: int) -> str:
    """Say in which way a file is too large for this archive."""
    return f"larger than the limit of {max_file_bytes / GIB:g} GB (MAX_FILE_GB)"


def choose_route(size_bytes: int | None, limits: Limits) -> Route:
    """Choose by size. An unknown size tries the Bot API first: it refuses what is too big, then a job is made."""
    if size_bytes is not None and size_bytes > limits.bot_api_bytes:
        return Route.MTPROTO
    return Route.BOT_API
