"""The only room that knows python-telegram-bot and the Bot API's JSON."""

from teltubby_bot.botapi.client import BotApi
from teltubby_bot.botapi.parsing import parse_update

__all__ = ["BotApi", "parse_update"]
