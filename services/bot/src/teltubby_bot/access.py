"""Who may use the commands for admins, and what becomes of a command that somebody may not use or spells wrongly."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from teltubby_bot.catalogue import say
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.speech import Answer
from teltubby_core.errors import UserError

Command = Callable[[IncomingMessage], Awaitable[str | Answer]]


@dataclass(frozen=True)
class Access:
    """Knows the admins; ``refused`` is told who asked for what they may not have."""

    admins: frozenset[int]
    refused: Callable[[int], None]

    def check_admin(self, message: IncomingMessage) -> None:
        """Raise UserError unless an admin wrote it."""
        user = user_of(message)
        if user not in self.admins:
            self.refused(user)
            raise UserError(say("for-admins"))


def user_of(message: IncomingMessage) -> int:
    """Return who wrote a message; in a private chat its id is theirs."""
    return message.sender_id or message.chat_id


def explained(command: Command) -> Command:
    """Return the command with what is wrong with a message as its answer."""

    async def answer(message: IncomingMessage) -> str | Answer:
        try:
            return await command(message)
        except UserError as error:
            return str(error)

    return answer
