"""The commands that tell how things are; those about jobs are in ``job_commands``."""

from collections.abc import Awaitable, Callable, Mapping

from teltubby_bot import mode_texts, texts
from teltubby_bot.access import user_of
from teltubby_bot.catalogue import LANGUAGES, say, speaking
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.languages import Languages
from teltubby_bot.ownership import OWNER_KEY
from teltubby_bot.quota import Room
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.speech import Answer, Button
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import ArchiveIndex, Clock, ObjectStore


class Commands:
    """Answers commands. Reads, and changes nothing but the language that is spoken."""

    def __init__(
        self,
        index: ArchiveIndex,
        store: ObjectStore,
        clock: Clock,
        room: Room,
        *,
        modes: mode_texts.Modes,
        languages: Languages,
        admins: frozenset[int],
        jobs_wait_for: str | None,
        ignored: Callable[[], Mapping[str, int]],
        reception: Callable[[], tuple[str, str | None]],
    ) -> None:
        """``ignored`` returns how many updates were left alone, by reason; ``reception`` how messages come in, and
        what keeps them from it.
        """
        self._index = index
        self._store = store
        self._clock = clock
        self._room = room
        self._modes = modes
        self._languages = languages
        self._admins = admins
        self._jobs_wait_for = jobs_wait_for
        self._ignored = ignored
        self._reception = reception
        self._started = clock.now()

    def by_name(self) -> dict[str, Callable[[IncomingMessage], Awaitable[str | Answer]]]:
        """Return each command's function by its name without the slash."""
        return {
            "start": self._start,
            "help": self._help,
            "status": self._status,
            "quota": self._quota,
            "mode": self._mode,
            "language": self._language,
        }

    async def _start(self, _: IncomingMessage) -> str:
        return say("start")

    async def _help(self, message: IncomingMessage) -> str:
        for_admins = ["", say("help-admins")] if user_of(message) in self._admins else []
        return "\n".join([say("help"), *for_admins])

    async def _status(self, _: IncomingMessage) -> str:
        return texts.status(
            await self._index.stats(),
            uptime_seconds=self._clock.now() - self._started,
            bucket=self._store.bucket,
            store=await self._store_state(),
            jobs_wait_for=self._jobs_wait_for,
            ignored=self._ignored(),
            reception=self._reception(),
        )

    async def _quota(self, _: IncomingMessage) -> str:
        return texts.quota(*await self._room.state())

    async def _mode(self, _: IncomingMessage) -> str:
        return mode_texts.mode(self._modes, self._reception()[0], self._store.bucket)

    async def _language(self, message: IncomingMessage) -> str | Answer:
        words = (message.text or "").lower().split()[1:]
        if words == ["auto"] or (len(words) == 1 and words[0] in LANGUAGES):
            await self._languages.choose(message.chat_id, None if words == ["auto"] else words[0])
            with speaking(self._languages.of(message.chat_id)):
                return Answer(say("language-chosen"), in_place=True)
        buttons = tuple(Button(name, f"language {code}") for code, name in LANGUAGES.items())
        return Answer(say("language-form"), (buttons, (Button(say("language-auto"), "language auto"),)))

    async def _store_state(self) -> str:
        try:
            await self._store.head(OWNER_KEY)
        except TeltubbyError as error:
            return f"⚠️ {reason(str(error))}"
        return say("store-answers")
