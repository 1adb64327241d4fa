"""How people log in with their accounts over MTProto: the only room of the bot that knows Telethon."""

from teltubby_bot.accounts.login import Access, TelethonLogin

__all__ = ["Access", "TelethonLogin"]
