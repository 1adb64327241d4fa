"""The settings of ``teltubby run``, those of bot and worker together; and which of the two ways to run is set up."""

from pydantic import SecretStr

from teltubby_bot.settings import BotSettings
from teltubby_core.settings import (
    DatabaseSettings,
    FolderSettings,
    HealthSettings,
    LogSettings,
    Settings,
    load_settings,
)
from teltubby_worker.settings import WorkerSettings


class RunSettings(BotSettings, WorkerSettings, FolderSettings, DatabaseSettings, HealthSettings, LogSettings):
    """Everything that bot and worker in one process can be told."""


class _Servers(Settings):
    """What names a server of the distributed system. Read as plain text: whether it is right is for others."""

    rabbitmq_host: str | None = None
    s3_endpoint: str | None = None
    s3_access_key_id: SecretStr | None = None


def named_servers() -> frozenset[str]:
    """Return which settings name servers: none of them for a ``teltubby run``."""
    return frozenset(name.upper() for name, value in load_settings(_Servers) if value is not None)
