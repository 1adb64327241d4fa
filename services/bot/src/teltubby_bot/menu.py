"""The menu of commands that Telegram shows beside the field where people write, in each language."""

import logging

from teltubby_bot.catalogue import DEFAULT, LANGUAGES, say, speaking
from teltubby_bot.telegram import Telegram
from teltubby_core.errors import ConfigurationError, PermanentError

log = logging.getLogger(__name__)

EVERYBODYS = ["find", "last", "get", "queue", "jobs", "retry", "cancel", "status", "quota", "mode", "language", "help"]
EVERYBODYS += ["start"]
"""Commands for everybody, the most useful first."""
ADMINS = ["purge", "db_maint", "mtstatus", "mtcode", "mtpass"]
"""Commands for admins besides."""


class Menu:
    """Sets it once after the start; Telegram keeps it."""

    def __init__(self, telegram: Telegram, whitelist: frozenset[int], admins: frozenset[int]) -> None:
        self._telegram = telegram
        everybody_is_admin = whitelist <= admins
        self._common = EVERYBODYS + (ADMINS if everybody_is_admin else [])
        self._todo: list[int | None] = [None, *([] if everybody_is_admin else sorted(admins))]

    async def step(self) -> float | None:
        """Set what is not set yet.

        Raises:
            TransientError: Telegram takes nothing now; the rest comes with the next try.
        """
        while self._todo:
            await self._set(self._todo[0])
            del self._todo[0]
        return None

    async def _set(self, admin: int | None) -> None:
        names = self._common if admin is None else EVERYBODYS + ADMINS
        for language in LANGUAGES:
            with speaking(language):
                commands = [(name, say(f"menu-{name}")) for name in names]
            try:
                await self._telegram.set_commands(
                    commands, language=None if language == DEFAULT else language, chat_id=admin
                )
            except ConfigurationError:
                raise
            except PermanentError as error:  # an admin who has never written to the bot: Telegram knows no such chat
                log.info("no menu for %s: %s", "everybody" if admin is None else f"admin {admin}", error)
                return
