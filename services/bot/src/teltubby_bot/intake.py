"""From the inbox to the index: who may send, what came, what is answered at once."""

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from teltubby_bot import texts
from teltubby_bot.addressee import addressee_of
from teltubby_bot.catalogue import say, speaking
from teltubby_bot.languages import Languages
from teltubby_bot.presses import Press, PressReader
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.speech import Answer
from teltubby_core.errors import InfrastructureError
from teltubby_core.observability import Metrics, SecurityKind, SkipReason
from teltubby_core.ports import ArchiveIndex, Clock, Inbox, RawUpdate

log = logging.getLogger(__name__)

_BATCH = 100
MAX_ATTEMPTS = 5
"""After so many failures of its own an update is parked, for people to look at."""
_RETRY_SECONDS = 1.0
_MOST_EARLY = _BATCH // 2

_STRANGER, _NOT_PRIVATE = "stranger", "not a private chat"
_SECURITY_KINDS = {_STRANGER: SecurityKind.STRANGER, _NOT_PRIVATE: SecurityKind.FOREIGN_CHAT}

Parse = Callable[[dict[str, Any]], IncomingMessage | None]
Command = Callable[[IncomingMessage], Awaitable[str | Answer]]


class Reading(Enum):
    """What became of an update in one step: it is through, it is left for the next step, or it failed."""

    DONE = "done"
    LEFT = "left"
    FAILED = "failed"


class Intake:
    """Reads new updates in order. Only an update that is itself at fault counts a failure."""

    def __init__(
        self,
        inbox: Inbox,
        index: ArchiveIndex,
        clock: Clock,
        *,
        parse: Parse,
        whitelist: frozenset[int],
        commands: dict[str, Command],
        window: AlbumWindow,
        presses: PressReader,
        languages: Languages,
        on_admitted: Callable[[], None],
        on_refused: Callable[[SecurityKind, int | None], None] = lambda _, __: None,
        on_parked: Callable[[int], None] = lambda _: None,
        edit_grace: float = 0.0,
        metrics: Metrics | None = None,
    ) -> None:
        """Answer ``commands`` by their name, archive what those on the ``whitelist`` send, ignore the rest.

        ``presses`` reads buttons, which type commands; ``languages`` hears what language each speaks.
        ``on_refused`` is told why somebody was not heard, and their id; ``on_parked`` which update could not be read.
        ``edit_grace``: seconds for which an edit may wait for its message, where updates can overtake each other.
        """
        self._inbox = inbox
        self._index = index
        self._clock = clock
        self._parse = parse
        self._whitelist = whitelist
        self._commands = commands
        self._window = window
        self._presses = presses
        self._languages = languages
        self._on_admitted = on_admitted
        self._on_refused = on_refused
        self._on_parked = on_parked
        self._edit_grace = edit_grace
        self._metrics = metrics or Metrics("bot")
        self._early: dict[int, float] = {}  # edits that wait for their message, since when; by update_id
        self._after_failure = False  # in this step
        self.ignored: Counter[str] = Counter()
        """Updates left alone, by reason."""

    async def step(self) -> float | None:
        """Read what is new."""
        updates = await self._inbox.pending(_BATCH)
        self._after_failure = False
        counts = Counter([await self._read(update) for update in updates])
        left = len(updates) - counts[Reading.DONE]
        if updates:
            self._on_admitted()
        if len(updates) == _BATCH and left < _BATCH:
            return 0.0
        return _RETRY_SECONDS if left else None

    async def _read(self, update: RawUpdate) -> Reading:
        try:
            return await self._take(update)
        except InfrastructureError:
            raise
        except Exception as error:  # one update that can't be read must not hold up the others
            parked = await self._inbox.fail(update.update_id, f"{type(error).__name__}: {error}", MAX_ATTEMPTS)
            level = logging.ERROR if parked else logging.WARNING
            what = "parked" if parked else "failed"
            log.log(level, "update %d %s", update.update_id, what, exc_info=parked, extra=_trace(update))
            if parked:
                self._on_parked(update.update_id)
                await self._tell_author(update)
            self._after_failure = True
            return Reading.FAILED

    async def _tell_author(self, update: RawUpdate) -> None:
        who = addressee_of(update.raw)
        if who is not None and who.chat_id in self._whitelist:
            with speaking(self._languages.of(who.chat_id)):
                said = Answer(say("not-read"))
            await self._index.answer(update.update_id, who.chat_id, who.message_id, said)

    async def _take(self, update: RawUpdate) -> Reading:
        raw = json.loads(update.raw)
        message = self._parse(raw)
        if message is None and raw.get("callback_query") is not None:
            return await self._take_press(update, raw)
        refusal = self._refusal(message)
        if message is not None and not refusal:
            await self._languages.seen(message.chat_id, message.sender_language)
        if message is None or refusal:
            self.ignored[refusal or "other update"] += 1
            if message is not None and refusal:
                self._on_refused(_SECURITY_KINDS[refusal], message.sender_id or message.chat_id)
            log.info("u%d ignored: %s", update.update_id, refusal or "not a message", extra=_trace(update))
            await self._inbox.discard(update.update_id)
        elif message.edited:
            return await self._take_edit(update, message)
        elif message.media:
            await self._index.admit(update.update_id, message, self._window, self._clock.now())
            self._metrics.message_ingested()
            kind = message.media.kind
            log.info("u%d: %s from %s", update.update_id, kind, message.sender_id, extra=_trace(update))
        else:
            said = await self._answer(message)
            await self._index.answer(update.update_id, message.chat_id, message.message_id, said)
        return Reading.DONE

    async def _take_press(self, update: RawUpdate, raw: dict[str, Any]) -> Reading:
        press = self._presses.parse(raw)
        allowed = press is not None and press.private and press.user_id == press.chat_id in self._whitelist
        command = self._presses.command(press) if press and allowed else None
        if press is None or command is None:
            self.ignored["forged press"] += 1
            self._on_refused(SecurityKind.FORGED_CALLBACK, press.user_id if press else _presser(raw))
            if press and allowed:
                self._presses.refuse(press)
            log.info("u%d ignored: a press of no button of ours", update.update_id, extra=_trace(update))
            await self._inbox.discard(update.update_id)
            return Reading.DONE
        await self._languages.seen(press.chat_id, press.language)
        said = await self._answer(_typed(press, command, self._clock.now()))
        self._presses.take(press)
        await self._index.answer(update.update_id, press.chat_id, press.message_id, said, press.message_id)
        return Reading.DONE

    async def _take_edit(self, update: RawUpdate, message: IncomingMessage) -> Reading:
        if await self._index.edit(update.update_id, message) is not None:
            self._early.pop(update.update_id, None)
            log.info("u%d: edit of message %d", update.update_id, message.message_id, extra=_trace(update))
            return Reading.DONE
        # What failed before it may be its message, or its message is still to come; both end, so this does.
        if self._after_failure or (message.media and self._may_be_early(update.update_id)):
            return Reading.LEFT
        self._early.pop(update.update_id, None)
        self.ignored["edit of an unknown message"] += 1
        log.info("u%d ignored: edit of an unknown message", update.update_id, extra=_trace(update))
        await self._inbox.discard(update.update_id)
        return Reading.DONE

    def _may_be_early(self, update_id: int) -> bool:
        """Whether an edit has not waited long enough yet. Only so many wait: they must not fill a batch."""
        now = self._clock.now()
        if update_id not in self._early and len(self._early) >= _MOST_EARLY:
            return False
        return now < self._early.setdefault(update_id, now) + self._edit_grace

    def _refusal(self, message: IncomingMessage | None) -> str | None:
        if message is None:
            return None
        if message.chat_type != "private":
            return _NOT_PRIVATE
        if message.sender_id not in self._whitelist:
            return _STRANGER
        return None

    async def _answer(self, message: IncomingMessage) -> Answer:
        with speaking(self._languages.of(message.chat_id)):
            said = await self._said(message)
        return Answer(said) if isinstance(said, str) else said

    async def _said(self, message: IncomingMessage) -> str | Answer:
        name = _command(message)
        if name is None:
            self._metrics.skipped(SkipReason.NOT_A_FILE)
            return texts.hint(message.unsupported)
        command = self._commands.get(name)
        return await command(message) if command else texts.unknown_command(name, list(self._commands))


def _typed(press: Press, command: str, now: float) -> IncomingMessage:
    """Return the message by which the user would have typed what they pressed."""
    text = f"/{command}"
    name = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
    return IncomingMessage(
        chat_id=press.chat_id,
        chat_type="private",
        message_id=press.message_id,
        date=datetime.fromtimestamp(now, UTC),
        sender_id=press.user_id,
        text=text,
        entities=(name,),
    )


def _presser(raw: dict[str, Any]) -> int | None:
    """Return who pressed, of a press that can't be read otherwise."""
    press = raw.get("callback_query")
    sender = press.get("from") if isinstance(press, dict) else None
    who = sender.get("id") if isinstance(sender, dict) else None
    return who if isinstance(who, int) else None


def _trace(update: RawUpdate) -> dict[str, str]:
    """Return what lets a log line be found by the update that it is about."""
    return {"correlation_id": f"u{update.update_id}"}


def _command(message: IncomingMessage) -> str | None:
    first = next((entity for entity in message.entities if entity.get("offset") == 0), None)
    if not message.text or first is None or first.get("type") != "bot_command":
        return None
    return message.text[1 : first["length"]].partition("@")[0].lower()
