"""The worker's settings."""

import ipaddress
import os
import socket
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from teltubby_core.settings import (
    DatabaseSettings,
    HealthSettings,
    LogSettings,
    MtprotoSettings,
    NetworkSettings,
    SessionSettings,
    TelegramSettings,
    TransferSettings,
)

MAX_CONCURRENCY = 4
_HIGHEST_PORT = 65535


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


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


class WorkerSettings(TelegramSettings, MtprotoSettings, SessionSettings, TransferSettings):
    """What a worker reads from the environment, wherever it runs."""

    worker_concurrency: int = Field(
        default=1, ge=1, le=MAX_CONCURRENCY, description="jobs that one worker fetches at a time"
    )
    worker_name: str = Field(
        default_factory=_own_name, min_length=1, max_length=100, description="the worker's name in events and documents"
    )
    worker_window: int = Field(
        default=8, ge=1, le=16, description="parts of 1 MiB that are asked for ahead, for each file"
    )
    worker_connections: int = Field(
        default=4, ge=1, le=8, description="most connections to the media addresses of one data centre"
    )
    worker_flood_limit_seconds: float = Field(
        default=3600, ge=1, le=86400, description="flood waits borne within one transfer before it is tried anew"
    )
    worker_shutdown_seconds: float = Field(
        default=10, ge=0, le=86400, description="time that running jobs get to finish when the worker is stopped"
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


class WorkerServiceSettings(WorkerSettings, NetworkSettings, DatabaseSettings, HealthSettings, LogSettings):
    """What ``python -m teltubby_worker`` reads. Its database holds its login alone: each worker has one of its own."""

    session_store: Literal["sqlite", "kubernetes"] = Field(
        default="sqlite", description="where logins lie: in SQLITE_PATH, or in Secrets that workers share by Leases"
    )
    session_names: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="names of those Secrets and Leases, comma-separated"
    )
    pod_name: str = Field(default="", max_length=253, description="with SESSION_STORE=kubernetes, this pod's name")
    pod_uid: str = Field(default="", max_length=100, description="and its uid")

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

    @field_validator("mtproto_api_id", "mtproto_api_hash")
    @classmethod
    def _is_given(cls, value: int | SecretStr | None) -> int | SecretStr:
        if value is None:
            raise ValueError("missing")
        return value
