"""Bot and workers as processes of their own, on the broker and the object store that the environment names."""

import secrets
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from teltubby_cli.demo.broker import remove_from_broker
from teltubby_cli.demo.bucket import Bucket
from teltubby_cli.demo.cast import Cast, settings_of_run
from teltubby_cli.demo.objects import Objects
from teltubby_cli.demo.programs import Program
from teltubby_cli.demo.systems import simulated
from teltubby_cli.settings import named_servers
from teltubby_core.errors import ConfigurationError
from teltubby_core.settings import RabbitSettings, S3Settings, Settings, load_settings
from teltubby_simulator.server import TelegramSimulator

_WORKERS = 2
_NAMES = {
    "JOB_QUEUE_NAME": "large_files",
    "JOB_DEAD_LETTER_QUEUE": "failed_jobs",
    "JOB_EXCHANGE": "exchange",
    "JOB_DLX_EXCHANGE": "dlx",
    "EVENT_EXCHANGE": "events",
}


class Distributed:
    """A bot, two workers, a broker and an object store, all of them processes that share nothing but the network.

    Bucket and names at the broker are the demo's own, whatever else lies there. Use it as a context manager: it removes
    them.
    """

    introduction = (
        "[bold]A Telegram of its own is up.[/] python -m teltubby_bot [bold]serves its bot, and two[/] python -m"
        " teltubby_worker [bold]wait for large files; between them are RabbitMQ and an S3 bucket.[/]"
    )
    workers = _WORKERS
    shared = False
    trouble: str | None = None

    def __init__(self, folder: Path) -> None:
        """Keep databases in ``folder``.

        Raises:
            ConfigurationError: broker or object store are not named, or wrongly.
        """
        missing = {"RABBITMQ_HOST", "S3_ENDPOINT"} - named_servers()
        if missing:
            what = " and ".join(sorted(missing))
            raise ConfigurationError([f"{what}: missing; name the servers to play on, or run `make demo-distributed`"])
        mark = f"teltubby-demo-{secrets.token_hex(4)}"
        own: dict[str, Any] = {setting.lower(): f"{mark}.{name}" for setting, name in _NAMES.items()}
        self._folder = folder
        self._broker = load_settings(RabbitSettings, **own)
        self._store = load_settings(S3Settings, s3_bucket=mark, s3_create_bucket=True)
        self._bucket = Bucket(self._store, mark)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bucket.remove()
        remove_from_broker(self._broker)

    @property
    def objects(self) -> Objects:
        """See System."""
        return self._bucket

    def on_stage(self) -> AbstractAsyncContextManager[tuple[Cast, Sequence[Program]]]:
        """See System."""
        return simulated(self._programs)

    def _programs(self, simulator: TelegramSimulator, cast: Cast) -> Sequence[Program]:
        common = settings_of_run(simulator, cast, self._folder) | _environment(self._broker) | _environment(self._store)
        bot = self._own(common, "bot")
        workers = [self._own(common, f"worker-{number}") for number in range(1, _WORKERS + 1)]
        return [
            Program("bot", ("-m", "teltubby_bot"), bot),
            *(Program(each["WORKER_NAME"], ("-m", "teltubby_worker"), each) for each in workers),
        ]

    def _own(self, common: dict[str, str], name: str) -> dict[str, str]:
        database = self._folder / name / "teltubby.db"
        return common | {"SQLITE_PATH": str(database), "WORKER_NAME": name, "HEALTH_PORT": "0"}


def _environment(settings: Settings) -> dict[str, str]:
    values = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in settings}
    return {name.upper(): str(value) for name, value in values.items() if value is not None}
