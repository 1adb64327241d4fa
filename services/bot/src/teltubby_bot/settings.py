"""The bot's settings."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.routing import BOT_API_DOWNLOAD_LIMIT, Limits
from teltubby_core.settings import FolderPath, LimitSettings, StorageSettings, TelegramSettings

_LOCAL_OPENING = 3600.0  # seconds; 4 GB at little more than 1 MB/s
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")


class BotSettings(TelegramSettings, StorageSettings, LimitSettings):
    """What the bot needs to know."""

    telegram_whitelist_ids: Annotated[frozenset[int], NoDecode] = Field(
        description="numeric user ids that may send, comma-separated; @userinfobot tells yours"
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org",
        description="root of the Bot API; another server's when you run one",
    )
    telegram_local_files_dir: FolderPath | None = Field(
        default=None, description="folder of your own Bot API server's files, when it runs with --local"
    )
    telegram_poll_seconds: int = Field(default=30, ge=1, le=50, description="how long one poll waits for updates")
    bot_api_max_file_size_bytes: int | None = Field(
        default=None, gt=0, description="most that is asked of the Bot API; larger files become jobs"
    )
    album_aggregation_window_seconds: float = Field(
        default=2, gt=0, le=60, description="how long an album waits for its next item"
    )
    album_ceiling_seconds: float = Field(default=20, gt=0, le=600, description="longest that an album stays open")
    dedup_enable: bool = Field(default=True, description="store equal files once")
    concurrency: int = Field(default=8, ge=1, le=32, description="transfers at the same time")

    @field_validator("telegram_whitelist_ids", mode="before")
    @classmethod
    def _ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        words = [word for word in re.split(r"[,\s]+", value.strip()) if word]
        wrong = [word for word in words if not re.fullmatch(r"[0-9]{1,19}", word)]
        if wrong or not words:
            what = f"{', '.join(repr(word) for word in wrong)} is no user id" if wrong else "names nobody"
            raise ValueError(f"{what}; give numbers like 12345678,87654321")
        return frozenset(int(word) for word in words)

    @field_validator("telegram_api_url")
    @classmethod
    def _root(cls, value: str) -> str:
        # The value is not repeated: people paste whole addresses, with the token in them.
        if re.search(r"[\s\x00-\x1f\x7f]", value):
            raise ValueError("has a space or control character in it")
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"is no address: {_without_value(error)}") from None
        if port == 0:
            raise ValueError("is no address: port 0 is none")
        _check_parts(parts)
        return value.rstrip("/")

    @property
    def limits(self) -> Limits:
        """Sizes that decide the route."""
        unset = self.max_file_bytes if self.telegram_local_files_dir else BOT_API_DOWNLOAD_LIMIT
        return Limits(self.bot_api_max_file_size_bytes or unset, self.max_file_bytes)

    @property
    def opening_timeout(self) -> float:
        """Seconds until a file's first bytes: a server in local mode fetches all of it from Telegram before that."""
        return (
            max(self.io_timeout_seconds, _LOCAL_OPENING) if self.telegram_local_files_dir else self.io_timeout_seconds
        )

    @property
    def album_window(self) -> AlbumWindow:
        """How albums are collected."""
        return AlbumWindow(self.album_aggregation_window_seconds, self.album_ceiling_seconds)


def _without_value(error: ValueError) -> str:
    return "its port is not a number from 1 to 65535" if "port" in str(error).lower() else "its host is malformed"


def _check_parts(parts: SplitResult) -> None:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no address like https://api.telegram.org")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("takes no user name, query or fragment")
    if not _NAME.fullmatch(parts.hostname) and not _is_ip(parts.hostname):
        raise ValueError("is no address: its host is malformed")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
