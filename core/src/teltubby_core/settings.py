"""How settings are read: from the environment or a .env file, all problems told at once, no secret printed.

Each service has a ``settings.py`` of its own that puts together the groups it needs; nothing else reads the
environment.
"""

import errno
import ipaddress
import os
import re
import stat
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from teltubby_core.domain.keyring import DataCentre
from teltubby_core.domain.routing import GIB
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import ConfigurationError

_TOKEN = re.compile(r"[0-9]{5,}:[A-Za-z0-9_-]{30,}")
_ENCODING = "utf-8-sig"  # of .env: Windows' editors put a mark before the text
_HIGHEST_CHANNEL_ID = -1_000_000_000_000  # core.telegram.org/api/bots/ids
_HIGHEST_PORT = 65535
_TELEGRAMS_OWN = DataCentre(2, "149.154.167.51", 443)  # as its clients have it; core.telegram.org/api/datacenter
_NEVER = (errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""Why a path can't be used that no waiting or mounting mends."""


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: there is no such user, so no home folder of theirs") from None


def _found(path: Path) -> os.stat_result | None:
    """Look at what stands there; None when nothing does or it can't be told, which is for later to find out."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _NEVER:
            raise ValueError(f"{path} can't be used: {error.strerror}") from None
        return None


def _folder(path: Path) -> Path:
    found = _found(path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise ValueError(f"{path} is a file; name a folder")
    return path


def _not_a_folder(path: Path) -> Path:
    found = _found(path)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise ValueError(f"{path} is a folder; name a file")
    return path


def _existing_file(path: Path) -> Path:
    if _found(path) is None:
        raise ValueError(f"there is no file {path}")
    return _not_a_folder(path)


FolderPath = Annotated[Path, AfterValidator(_expanded), AfterValidator(_folder)]
"""A folder, there or still to be made; ``~`` is the home folder."""
NewFilePath = Annotated[Path, AfterValidator(_expanded), AfterValidator(_not_a_folder)]
"""A file, there or still to be made."""
GivenFilePath = Annotated[Path, AfterValidator(_expanded), AfterValidator(_existing_file)]
"""A file that must be there."""


class Settings(BaseSettings):
    """Base of every group. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        env_file_encoding=_ENCODING,
        extra="ignore",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )


class TelegramSettings(Settings):
    """Who we are at Telegram."""

    telegram_bot_token: SecretStr = Field(description="the token that @BotFather gave your bot, like 123456:ABC-…")

    @field_validator("telegram_bot_token")
    @classmethod
    def _token_shape(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("does not look like a bot token (digits, a colon, at least 30 characters)")
        return value

    @property
    def bot_id(self) -> int:
        """The bot's user id: the token's first part."""
        return int(self.telegram_bot_token.get_secret_value().partition(":")[0])


def host_and_port(server: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[IPv6 address]:port``.

    Raises:
        ValueError: there is no such port, or the brackets hold no IPv6 address.
    """
    host, _, digits = server.rpartition(":")
    port = int(digits)
    if not 1 <= port <= _HIGHEST_PORT:
        raise ValueError(f"the port must lie between 1 and {_HIGHEST_PORT}")
    if not host.startswith("["):
        return host, port
    try:
        return str(ipaddress.IPv6Address(host[1:-1])), port
    except ValueError as error:
        raise ValueError("there is no IPv6 address between the brackets") from error


class MtprotoSettings(Settings):
    """How large files are fetched. Without id and hash their jobs wait."""

    mtproto_api_id: int | None = Field(default=None, gt=0, description="api_id from my.telegram.org")
    mtproto_api_hash: SecretStr | None = Field(default=None, description="api_hash from my.telegram.org")
    mtproto_server: str | None = Field(
        default=None,
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):[0-9]{1,5}$",
        description="host:port or [IPv6 address]:port of the first data centre, when it is not Telegram's own",
    )
    mtproto_dc_id: int = Field(default=2, ge=1, description="number of the data centre at MTPROTO_SERVER")
    mtproto_public_key_file: GivenFilePath | None = Field(
        default=None, description="PEM file with the RSA key of MTPROTO_SERVER"
    )
    session_encryption_keys: SecretStr | None = Field(
        default=None,
        description="Fernet keys, comma-separated, newest first; without them one is made beside the database",
    )

    _public_key: bytes | None = PrivateAttr(default=None)

    @field_validator("mtproto_server")
    @classmethod
    def _server_exists(cls, value: str | None) -> str | None:
        if value is not None:
            host_and_port(value)
        return value

    @model_validator(mode="after")
    def _read_public_key(self) -> Self:
        # Read here, with the other settings: at the start, before anything runs that a slow disk could hold up.
        path = self.mtproto_public_key_file
        if path is not None:
            try:
                self._public_key = path.read_bytes()
            except OSError as error:
                raise ValueError(f"MTPROTO_PUBLIC_KEY_FILE: can't read {path}: {error.strerror}") from error
        return self

    @property
    def mtproto_public_key(self) -> bytes | None:
        """The content of MTPROTO_PUBLIC_KEY_FILE."""
        return self._public_key

    @field_validator("session_encryption_keys")
    @classmethod
    def _fernet_keys(cls, value: SecretStr | None) -> SecretStr | None:
        keys = [key.strip() for key in value.get_secret_value().split(",")] if value else []
        wrong = [str(number) for number, key in enumerate(filter(None, keys), 1) if not _is_fernet_key(key)]
        if wrong:
            raise ValueError(f"no Fernet key (32 bytes in url-safe base64): number {', '.join(wrong)}")
        if value and not any(keys):
            raise ValueError("names no key")
        return value

    @property
    def mtproto_missing(self) -> str | None:
        """Why large files can't be fetched, None when they can."""
        values = {"MTPROTO_API_ID": self.mtproto_api_id, "MTPROTO_API_HASH": self.mtproto_api_hash}
        missing = [name for name, value in values.items() if value is None]
        return f"{' and '.join(missing)} not set (get them at my.telegram.org)" if missing else None


def first_data_centre(settings: MtprotoSettings) -> DataCentre:
    """Return where to connect first: MTPROTO_SERVER, or Telegram's second data centre."""
    if settings.mtproto_server is None:
        return _TELEGRAMS_OWN
    return DataCentre(settings.mtproto_dc_id, *host_and_port(settings.mtproto_server))


class SessionSettings(Settings):
    """Whose logins fetch large files. A person's account does not see the bot's chats: it reads a channel of both."""

    mtproto_session_kind: SessionKind = Field(
        default=SessionKind.BOT, description="who logs in for large files: the bot itself, or a user account"
    )
    relay_channel_id: int | None = Field(
        default=None,
        lt=_HIGHEST_CHANNEL_ID,
        validate_default=True,
        description="private channel of bot and user accounts, like -1001234567890",
    )

    @field_validator("relay_channel_id")
    @classmethod
    def _needed_for_users(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("mtproto_session_kind") is SessionKind.USER:
            raise ValueError("missing: MTPROTO_SESSION_KIND=user needs it")
        return value


class SessionStoreSettings(MtprotoSettings):
    """Where the logins of services on machines of their own lie."""

    session_store: Literal["sqlite", "kubernetes"] = Field(
        default="sqlite", description="where logins lie: in SQLITE_PATH, or in Secrets that workers share by Leases"
    )
    session_names: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="names of those Secrets and Leases, comma-separated"
    )
    pod_name: str = Field(default="", max_length=253, description="with SESSION_STORE=kubernetes, this pod's name")
    pod_uid: str = Field(default="", max_length=100, description="and its uid")
    session_takeover_seconds: float = Field(
        default=600,
        ge=30,
        le=86400,
        description="so long after its lease ran out a session is taken from a pod that is there and silent",
    )

    @field_validator("session_names", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _kubernetes_is_complete(self) -> Self:
        if self.session_store == "kubernetes":
            needed = ("session_names", "session_encryption_keys", "pod_name", "pod_uid")
            if missing := [name.upper() for name in needed if not getattr(self, name)]:
                raise ValueError(f"SESSION_STORE=kubernetes needs {', '.join(missing)}")
        return self


class FolderSettings(Settings):
    """Where objects lie when everything runs in one process."""

    archive_dir: FolderPath = Field(default=Path("archive"), description="folder that holds the archive")


class DatabaseSettings(Settings):
    """Where the index, or a worker's login, lies."""

    sqlite_path: NewFilePath = Field(default=Path("teltubby-data/teltubby.db"), description="the database's file")
    sqlite_wait_seconds: float = Field(
        default=0, ge=0, le=172800, description="how long a start waits for another process to leave the database"
    )


class S3Settings(Settings):
    """The bucket, on S3 or anything that speaks it."""

    s3_endpoint: str | None = Field(
        default=None, description="address like http://minio:9000; without it Amazon's own for S3_REGION"
    )
    s3_region: str = Field(default="us-east-1", min_length=1, description="region of the bucket")
    s3_bucket: str = Field(
        default="teltubby", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="name of the bucket"
    )
    s3_access_key_id: SecretStr | None = Field(
        default=None, description="without it and the next one, what the surroundings give (instance roles, profiles)"
    )
    s3_secret_access_key: SecretStr | None = Field(default=None, description="the key's secret")
    s3_force_path_style: bool = Field(
        default=True, description="the bucket in the path, as MinIO wants it, instead of the host name"
    )
    s3_verify_tls: bool = Field(default=True, description="check the server's certificate")
    s3_ca_file: GivenFilePath | None = Field(default=None, description="PEM file with the authorities to trust")
    s3_create_bucket: bool = Field(default=True, description="make the bucket when it is not there")
    s3_part_mib: int = Field(default=8, ge=5, le=64, description="size of one part of a large object, in MiB")
    s3_part_uploads: int = Field(default=3, ge=1, le=8, description="parts of one object that upload side by side")

    @field_validator("s3_endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        return None if value is None else _root_address(value)

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY: set both or neither")
        return self


class RabbitSettings(Settings):
    """The message broker and the names of what lies there."""

    rabbitmq_host: str = Field(default="localhost", min_length=1, description="host of the broker")
    rabbitmq_port: int | None = Field(
        default=None, ge=1, le=65535, description="its port; without it 5672, with TLS 5671"
    )
    rabbitmq_username: str = Field(default="guest", min_length=1, description="user at the broker")
    rabbitmq_password: SecretStr = Field(default=SecretStr("guest"), description="that user's password")
    rabbitmq_vhost: str = Field(default="/", min_length=1, description="virtual host")
    rabbitmq_tls: bool = Field(default=False, description="speak amqps")
    rabbitmq_verify_tls: bool = Field(default=True, description="check the broker's certificate")
    rabbitmq_ca_file: GivenFilePath | None = Field(default=None, description="PEM file with the authorities to trust")
    job_queue_name: str = Field(default="teltubby.large_files", min_length=1, max_length=200, description="the jobs")
    job_dead_letter_queue: str = Field(
        default="teltubby.failed_jobs", min_length=1, max_length=200, description="the dead letters"
    )
    job_exchange: str = Field(
        default="teltubby.exchange", min_length=1, max_length=200, description="exchange through which jobs go out"
    )
    job_dlx_exchange: str = Field(
        default="teltubby.dlx", min_length=1, max_length=200, description="exchange through which dead letters go"
    )
    event_exchange: str = Field(
        default="teltubby.events", min_length=1, max_length=200, description="topic exchange of reports and news"
    )


class HealthSettings(Settings):
    """Where a service shows how it is: /healthz, /readyz, /metrics, /status."""

    health_host: str = Field(default="127.0.0.1", min_length=1, description="address to listen at; 0.0.0.0 for all")
    health_port: int = Field(default=8081, ge=0, le=65535, description="port to listen at; 0 takes a free one")


class TransferSettings(Settings):
    """What the archive takes and how long it waits, for bot and worker alike: both refuse what is larger."""

    io_timeout_seconds: float = Field(default=60, gt=0, le=3600, description="a transfer stalled this long is ended")
    max_file_gb: float = Field(default=4, gt=0, le=1_000_000, description="files over this many GB are skipped")

    @property
    def max_file_bytes(self) -> int:
        """The same in bytes."""
        return int(self.max_file_gb * GIB)


class NetworkSettings(S3Settings, RabbitSettings, TransferSettings):
    """The network services that bot and worker share."""


class LogSettings(Settings):
    """What is logged, and how."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO", description="least severe level that is logged"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="lines for people or for machines")
    log_file: NewFilePath | None = Field(
        default=None, description="also log to this file: 5 MB, then it is set aside, ten of those are kept"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


S = TypeVar("S", bound=Settings)


def load_settings(cls: type[S], env_file: Path | None = Path(".env"), **overrides: Any) -> S:
    """Read ``cls`` from ``overrides``, the environment and ``env_file``, in this order of precedence.

    Raises:
        ConfigurationError: with one sentence for each missing or wrong setting, or when ``env_file`` can't be read.
    """
    if env_file is not None:
        _check_readable(env_file)
    try:
        return cls(_env_file=env_file, **overrides)
    except ValidationError as error:
        problems = [_sentence(cls, detail) for detail in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError(problems) from None


def _check_readable(env_file: Path) -> None:
    try:
        env_file.read_text(_ENCODING)
    except (FileNotFoundError, IsADirectoryError):  # a folder .env is somebody's virtual environment
        return
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError([f"{env_file}: line {line} is not UTF-8 text; save the file as UTF-8"]) from None
    except OSError as error:
        raise ConfigurationError([f"{env_file}: can't be read: {error.strerror}"]) from None


def _root_address(value: str) -> str:
    """Check the root of an HTTP server. The value is not repeated: people paste credentials into addresses."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is no address like http://minio:9000") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or re.search(r"\s", value):
        raise ValueError("is no address like http://minio:9000")
    if "@" in parts.netloc or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise ValueError("takes no user name, path, query or fragment")
    return value.rstrip("/")


def _is_fernet_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def _sentence(cls: type[Settings], detail: ErrorDetails) -> str:
    field = str(detail["loc"][0]) if detail["loc"] else ""
    info = cls.model_fields.get(field)
    meaning = f" ({info.description})" if info and info.description else ""
    reason = "missing" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")
    return f"{field.upper()}: {reason}{meaning}" if field else reason
