"""The only room that knows python-telegram-bot and the Bot API's JSON."""

import os

from teltubby_bot.botapi.client import BotApi
from teltubby_bot.botapi.parsing import parse_press, parse_update

os.environ.setdefault("PTB_TIMEDELTA", "true")
"""The library's own switch, read at each use: without it every duration is a warning on standard error."""

__all__ = ["BotApi", "parse_press", "parse_update"]
