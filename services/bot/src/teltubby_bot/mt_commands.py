"""The commands about logins for large files: /mtstatus, /mtcode, /mtpass. For admins alone."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from teltubby_bot import session_texts as texts
from teltubby_bot.access import Access, Command, explained
from teltubby_bot.catalogue import say
from teltubby_bot.confidential import Confidences, was_cut
from teltubby_bot.login_dialogue import Given, LoginDialogue
from teltubby_bot.sessions import current
from teltubby_bot.telegram import Telegram
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.sessions import SessionKind, SessionSight
from teltubby_core.errors import TeltubbyError, UserError
from teltubby_core.ports import ArchiveIndex, SessionStore

log = logging.getLogger(__name__)

_PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{6,24}")
_LEAST_PHONE, _MOST_PHONE = 7, 15  # digits; E.164
_MOST_CODE = 8  # digits
_LONGEST_PASSWORD = 1000  # characters

Answer = Callable[[IncomingMessage], Awaitable[str]]


@dataclass(frozen=True)
class LoginDesk:
    """What these commands work with.

    ``sessions`` are those that this process can see, ``dialogue`` logs people in; None of a bot whose workers log in by
    themselves.
    """

    index: ArchiveIndex
    telegram: Telegram
    kind: SessionKind
    access: Access
    confidences: Confidences
    sessions: SessionStore | None = None
    dialogue: LoginDialogue | None = None


class LoginCommands:
    """Answers the commands."""

    def __init__(self, desk: LoginDesk) -> None:
        self._desk = desk

    def by_name(self) -> dict[str, Command]:
        """Return each command's function by its name without the slash."""
        commands = {"mtstatus": self._status, "mtcode": self._code, "mtpass": self._pass}
        return {name: self._for_admins(command) for name, command in commands.items()}

    def _for_admins(self, command: Answer) -> Command:
        async def answer(message: IncomingMessage) -> str:
            self._desk.access.check_admin(message)
            return await command(message)

        return explained(answer)

    async def _status(self, message: IncomingMessage) -> str:
        words = (message.text or "").lower().split()[1:]
        if words == ["cancel"]:
            dialogue = self._desk.dialogue
            if dialogue is None or dialogue.chat_id != message.chat_id:
                return say("login-nothing-to-cancel")
            return say("login-cancelled") if dialogue.give_up(message.chat_id) else say("login-still-ending")
        if words:
            raise UserError(say("login-status-form"))
        now = datetime.now(UTC)
        reports = current(await self._desk.index.session_reports(), now)
        return texts.status(self._desk.kind, reports, await self._sights(), now)

    async def _sights(self) -> list[SessionSight]:
        if self._desk.sessions is None:
            return []
        try:
            return await self._desk.sessions.survey()
        except TeltubbyError as error:
            log.warning("the sessions can't be looked at: %s", error)
            return []

    async def _code(self, message: IncomingMessage) -> str:
        return await self._with_said(message, texts.form(), self._take_code)

    def _take_code(self, dialogue: LoginDialogue, chat_id: int, said: str) -> str:
        said = said.strip()
        if _is_qr(said):
            dialogue.begin(chat_id, None)
            return say("login-asking")
        digits = "".join(filter(str.isdecimal, said))
        if _PHONE.fullmatch(said) and (said.startswith("+") or len(digits) >= _LEAST_PHONE):
            if len(digits) > _MOST_PHONE:
                raise UserError(texts.form())
            dialogue.begin(chat_id, f"+{digits}")
            return say("login-asking")
        if not 1 <= len(digits) <= _MOST_CODE:
            raise UserError(texts.form())
        dialogue.give(chat_id, Given(said, is_code=True))
        return say("login-got-it")

    async def _pass(self, message: IncomingMessage) -> str:
        return await self._with_said(message, say("login-password-form"), self._take_password)

    def _take_password(self, dialogue: LoginDialogue, chat_id: int, said: str) -> str:
        if len(said) > _LONGEST_PASSWORD:
            raise UserError(say("login-password-form"))
        dialogue.give(chat_id, Given(said, is_code=False))
        return say("login-got-it")

    async def _with_said(
        self, message: IncomingMessage, form: str, take: Callable[[LoginDialogue, int, str], str]
    ) -> str:
        """Answer what the message said after its command, having deleted it from the chat; and tell when it stays."""
        said = self._desk.confidences.take(message.chat_id, message.message_id)
        hidden = was_cut(message.text) and not _is_qr(said or "")
        note = await self._delete(message) if hidden else ""
        dialogue = self._desk.dialogue
        try:
            if dialogue is None:
                raise UserError(say("login-not-for-people"))
            if said is None:
                raise UserError(f"{say('login-send-again')}\n\n{form}" if hidden else form)
            if not said.strip():
                raise UserError(form)
            return take(dialogue, message.chat_id, said) + note
        except UserError as error:
            raise UserError(f"{error}{note}") from error

    async def _delete(self, message: IncomingMessage) -> str:
        try:
            await self._desk.telegram.delete(message.chat_id, message.message_id)
        except TeltubbyError as error:
            log.warning("a message with a code or password stays in the chat: %s", error)
            return f"\n\n{say('login-not-deleted')}"
        return ""


def _is_qr(said: str) -> bool:
    return said.strip().lower() == "qr"
