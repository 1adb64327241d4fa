"""How settings are read: from the environment or a .env file, all problems told at once, no secret printed.

Each service has a ``settings.py`` of its own that puts together the groups it needs; nothing else reads the
environment.
"""

import errno
import os
import re
import stat
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cryptography.fernet import Fernet
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from teltubby_core.domain.routing import GIB
from teltubby_core.errors import ConfigurationError

_TOKEN = re.compile(r"[0-9]{5,}:[A-Za-z0-9_-]{30,}")
_ENCODING = "utf-8-sig"  # of .env: Windows' editors put a mark before the text
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


class StorageSettings(Settings):
    """Where objects and the database lie when everything runs in one process."""

    archive_dir: FolderPath = Field(default=Path("archive"), description="folder that holds the archive")
    sqlite_path: NewFilePath = Field(default=Path("teltubby-data/teltubby.db"), description="the database's file")
    io_timeout_seconds: float = Field(default=60, gt=0, le=3600, description="a transfer stalled this long is ended")


class LimitSettings(Settings):
    """What the archive takes, for bot and worker alike: both refuse what is larger."""

    max_file_gb: float = Field(default=4, gt=0, le=1_000_000, description="files over this many GB are skipped")

    @property
    def max_file_bytes(self) -> int:
        """The same in bytes."""
        return int(self.max_file_gb * GIB)


class LogSettings(Settings):
    """What is logged, and how."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO", description="least severe level that is logged"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="lines for people or for machines")

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
