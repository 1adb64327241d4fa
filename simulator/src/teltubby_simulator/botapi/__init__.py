"""The Bot API door: HTTP as core.telegram.org/bots/api describes it, error sentences as bots really get them."""

from teltubby_simulator.botapi.app import BotApi

__all__ = ["BotApi"]
