"""The settings of ``teltubby run``: those of bot and worker together."""

from teltubby_bot.settings import BotSettings
from teltubby_core.settings import LogSettings
from teltubby_worker.settings import WorkerSettings


class RunSettings(BotSettings, WorkerSettings, LogSettings):
    """Everything that bot and worker in one process can be told."""
