"""What is known of the settings: for each service all that is wrong with them, and of each group what can be used.

Read before there is an event loop, since files are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import SecretStr

from teltubby_bot.settings import BotServiceSettings, BotSettings
from teltubby_cli.doctor.check import NotCheckedError
from teltubby_cli.settings import RunSettings, named_servers
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import (
    DatabaseSettings,
    FolderSettings,
    RabbitSettings,
    S3Settings,
    Settings,
    TelegramSettings,
    load_settings,
)
from teltubby_worker.settings import WorkerServiceSettings, WorkerSettings

S = TypeVar("S", bound=Settings)

RUN, BOT, WORKER = "run", "bot", "worker"
SERVICES: dict[str, type[Settings]] = {RUN: RunSettings, BOT: BotServiceSettings, WORKER: WorkerServiceSettings}
PROGRAMS = {RUN: "teltubby run", BOT: "python -m teltubby_bot", WORKER: "python -m teltubby_worker"}

_ANYBODY = frozenset({1})
"""In place of the whitelist, for checks to which it does not matter who may send."""
_NOBODYS_TOKEN = SecretStr(f"00000:{'-' * 35}")
"""In place of a token that can't be used, for checks that need none."""


@dataclass(frozen=True)
class Known:
    """Problems by service, in the settings' own sentences; and each group of settings that can be used."""

    problems: dict[str, list[str]]
    groups: dict[type[Settings], Settings]

    @property
    def services(self) -> frozenset[str]:
        """The services that are looked at."""
        return frozenset(self.problems)

    def the(self, cls: type[S]) -> S:
        """Return a group.

        Raises:
            NotCheckedError: it can't be used.
        """
        found = self.may_be(cls)
        if found is None:
            raise NotCheckedError("not checked: its settings can't be used, see above")
        return found

    def may_be(self, cls: type[S]) -> S | None:
        """Return a group, None when it can't be used."""
        found = self.groups.get(cls)
        return found if isinstance(found, cls) else None


def services_here() -> tuple[str, ...]:
    """Return which services this environment is for."""
    return (BOT, WORKER) if named_servers() else (RUN,)


def read(services: Sequence[str], io_timeout: float) -> Known:
    """Read the settings of these services. One answer of Telegram's may take ``io_timeout`` seconds."""
    stand_in = {} if _usable(TelegramSettings) else {"telegram_bot_token": _NOBODYS_TOKEN}
    overrides: dict[type[Settings], dict[str, Any]] = {
        BotSettings: {
            "telegram_whitelist_ids": _ANYBODY,
            "admin_ids": None,
            "io_timeout_seconds": io_timeout,
            **stand_in,
        },
        WorkerSettings: stand_in,
    }
    wanted = (
        BotSettings,
        WorkerSettings,
        TelegramSettings,
        DatabaseSettings,
        FolderSettings,
        S3Settings,
        RabbitSettings,
    )
    found = {cls: _usable(cls, **overrides.get(cls, {})) for cls in wanted}
    return Known(
        problems={service: _problems(SERVICES[service]) for service in services},
        groups={cls: settings for cls, settings in found.items() if settings is not None},
    )


def _problems(cls: type[Settings]) -> list[str]:
    try:
        load_settings(cls)
    except ConfigurationError as error:
        return error.problems
    return []


def _usable(cls: type[S], **overrides: Any) -> S | None:
    try:
        return load_settings(cls, **overrides)
    except ConfigurationError:
        return None
