"""The bot's settings."""

import re
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.routing import BOT_API_DOWNLOAD_LIMIT, GIB, Limits
from teltubby_core.settings import StorageSettings, TelegramSettings


class BotSettings(TelegramSettings, StorageSettings):
    """What the bot needs to know."""

    telegram_whitelist_ids: Annotated[frozenset[int], NoDecode] = Field(
        description="numeric user ids that may send, comma-separated; @userinfobot tells yours"
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org",
        pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
        description="root of the Bot API; a local Bot API server's when you run one",
    )
    telegram_poll_seconds: int = Field(default=30, ge=1, le=50, description="how long one poll waits for updates")
    bot_api_max_file_size_bytes: int = Field(
        default=BOT_API_DOWNLOAD_LIMIT, gt=0, description="most a bot may download; larger files become jobs"
    )
    max_file_gb: float = Field(default=4, gt=0, description="files over this many GB are skipped")
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
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def limits(self) -> Limits:
        """Sizes that decide the route."""
        return Limits(self.bot_api_max_file_size_bytes, int(self.max_file_gb * GIB))

    @property
    def album_window(self) -> AlbumWindow:
        """How albums are collected."""
        return AlbumWindow(self.album_aggregation_window_seconds, self.album_ceiling_seconds)
