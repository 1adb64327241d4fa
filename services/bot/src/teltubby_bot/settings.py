"""The bot's settings."""

import ipaddress
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.routing import BOT_API_DOWNLOAD_LIMIT, Limits
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.settings import (
    DatabaseSettings,
    FolderPath,
    HealthSettings,
    LogSettings,
    MtprotoSettings,
    NetworkSettings,
    SessionSettings,
    SessionStoreSettings,
    TelegramSettings,
    TransferSettings,
)

_LOCAL_OPENING = 3600.0  # seconds; 4 GB at little more than 1 MB/s
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")

_TELEGRAMS_OWN = "api.telegram.org"
_WEBHOOK_PORTS = frozenset({443, 80, 88, 8443})  # core.telegram.org/bots/api#setwebhook
_WEBHOOK_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")  # Telegram takes shorter ones


class BotSettings(TelegramSettings, MtprotoSettings, SessionSettings, TransferSettings):
    """What the bot needs to know, wherever it runs."""

    telegram_whitelist_ids: Annotated[frozenset[int], NoDecode] = Field(
        description="numeric user ids that may send, comma-separated; @userinfobot tells yours"
    )
    admin_ids: Annotated[frozenset[int] | None, NoDecode] = Field(
        default=None,
        description="of those, who may give admin commands and hears of troubles; without it all of them",
    )
    s3_bucket_quota_bytes: int | None = Field(
        default=None, gt=0, description="most that the archive may hold, in bytes; without it the bucket's own quota"
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org",
        description="root of the Bot API; another server's when you run one",
    )
    telegram_local_files_dir: FolderPath | None = Field(
        default=None, description="folder of your own Bot API server's files, when it runs with --local"
    )
    telegram_poll_seconds: int = Field(default=30, ge=1, le=50, description="how long one poll waits for updates")
    telegram_mode: Literal["polling", "webhook"] = Field(
        default="polling", description="how messages come in: asked for, or brought to WEBHOOK_URL"
    )
    webhook_url: str | None = Field(
        default=None,
        validate_default=True,
        description="public address that Telegram brings messages to, like https://bot.example.org/telegram",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="what Telegram proves itself with there: 16 to 256 of A-Z a-z 0-9 _ -",
    )
    webhook_host: str = Field(default="127.0.0.1", min_length=1, description="address to listen at; 0.0.0.0 for all")
    webhook_port: int = Field(
        default=8080, ge=1, le=65535, description="port to listen at for what comes to WEBHOOK_URL"
    )
    bot_api_max_file_size_bytes: int | None = Field(
        default=None, gt=0, description="most that is asked of the Bot API; larger files become jobs"
    )
    album_aggregation_window_seconds: float = Field(
        default=2, gt=0, le=60, description="how long an album waits for its next item"
    )
    album_ceiling_seconds: float = Field(default=20, gt=0, le=600, description="longest that an album stays open")
    dedup_enable: bool = Field(default=True, description="store equal files once")
    concurrency: int = Field(default=8, ge=1, le=32, description="transfers at the same time")

    @field_validator("telegram_whitelist_ids", "admin_ids", mode="before")
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

    @model_validator(mode="after")
    def _admins_may_send(self) -> Self:
        if strangers := sorted((self.admin_ids or frozenset()) - self.telegram_whitelist_ids):
            raise ValueError(
                f"ADMIN_IDS: {', '.join(map(str, strangers))} not in TELEGRAM_WHITELIST_IDS; add them there"
            )
        return self

    @model_validator(mode="after")
    def _people_can_log_in(self) -> Self:
        if self.mtproto_session_kind is SessionKind.USER and self.mtproto_missing:
            raise ValueError(f"MTPROTO_SESSION_KIND=user needs {self.mtproto_missing}")
        return self

    @field_validator("telegram_api_url")
    @classmethod
    def _root(cls, value: str) -> str:
        _split(value, "https://api.telegram.org")
        return value.rstrip("/")

    @field_validator("telegram_mode", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("webhook_url", "webhook_secret")
    @classmethod
    def _needed_for_webhooks(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.data.get("telegram_mode") == "webhook":
            raise ValueError("missing: TELEGRAM_MODE=webhook needs it")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _reachable(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        parts = _split(value, "https://bot.example.org/telegram")
        if not _WEBHOOK_PATH.fullmatch(parts.path):
            raise ValueError("takes a path of letters, digits and _ ~ - . only")
        server = info.data.get("telegram_api_url")  # not there: wrong itself, and told as such
        if server is not None and urlsplit(server).hostname == _TELEGRAMS_OWN:
            _check_reachable_for_telegram(parts)
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _strong(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("is not 16 to 256 characters of A-Z a-z 0-9 _ -")
        return value

    @property
    def admins(self) -> frozenset[int]:
        """Who may give admin commands and hears of troubles."""
        return self.telegram_whitelist_ids if self.admin_ids is None else self.admin_ids

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


class BotServiceSettings(
    BotSettings, SessionStoreSettings, NetworkSettings, DatabaseSettings, HealthSettings, LogSettings
):
    """What ``python -m teltubby_bot`` reads."""

    @model_validator(mode="after")
    def _workers_find_logins(self) -> Self:
        if self.mtproto_session_kind is SessionKind.USER and self.session_store != "kubernetes":
            raise ValueError(
                "MTPROTO_SESSION_KIND=user needs SESSION_STORE=kubernetes, so that workers find the logins that are"
                " made in the bot's chat; on one machine use `teltubby run`"
            )
        return self


def _without_value(error: ValueError) -> str:
    return "its port is not a number from 1 to 65535" if "port" in str(error).lower() else "its host is malformed"


def _split(value: str, example: str) -> SplitResult:
    """Check an address. The value is not repeated: people paste whole addresses, with the token in them."""
    if re.search(r"[\s\x00-\x1f\x7f]", value):
        raise ValueError("has a space or control character in it")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is no address: {_without_value(error)}") from None
    if port == 0:
        raise ValueError("is no address: port 0 is none")
    _check_parts(parts, example)
    return parts


def _check_parts(parts: SplitResult, example: str) -> None:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"is no address like {example}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("takes no user name, query or fragment")
    if not _NAME.fullmatch(parts.hostname) and not _is_ip(parts.hostname):
        raise ValueError("is no address: its host is malformed")


def _check_reachable_for_telegram(parts: SplitResult) -> None:
    """Check what Telegram's own servers ask of a webhook; a Bot API server of one's own asks nothing."""
    if parts.scheme != "https":
        raise ValueError("must begin with https://: only a Bot API server of your own calls http addresses")
    if (parts.port or 443) not in _WEBHOOK_PORTS:
        raise ValueError("has a port that Telegram does not call; it calls 443, 80, 88 and 8443")
    host = parts.hostname or ""
    if host == "localhost" or (_is_ip(host) and not ipaddress.ip_address(host).is_global):
        raise ValueError("is an address of this machine or network, which Telegram can't reach")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
