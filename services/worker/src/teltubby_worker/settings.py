"""The worker's settings."""

import os
import socket

from pydantic import Field, SecretStr, field_validator

from teltubby_core.settings import (
    DatabaseSettings,
    HealthSettings,
    LogSettings,
    MtprotoSettings,
    NetworkSettings,
    SessionSettings,
    SessionStoreSettings,
    TelegramSettings,
    TransferSettings,
)

MAX_CONCURRENCY = 4


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


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


class WorkerServiceSettings(
    WorkerSettings, SessionStoreSettings, NetworkSettings, DatabaseSettings, HealthSettings, LogSettings
):
    """What ``python -m teltubby_worker`` reads. Its database holds its login alone: each worker has one of its own."""

    @field_validator("mtproto_api_id", "mtproto_api_hash")
    @classmethod
    def _is_given(cls, value: int | SecretStr | None) -> int | SecretStr:
        if value is None:
            raise ValueError("missing")
        return value
