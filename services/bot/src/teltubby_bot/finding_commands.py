"""The commands that find stored files again and send them back: /find, /last, /get. Everyone finds their own."""

import re
from collections.abc import Callable

from teltubby_bot import finding_texts as texts
from teltubby_bot.access import Command, explained
from teltubby_bot.catalogue import say
from teltubby_bot.job_buttons import in_rows, turning
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import ItemRecord
from teltubby_core.domain.speech import Answer, Button, Buttons
from teltubby_core.errors import UserError
from teltubby_core.ports import ArchiveIndex

PAGE = 8
"""Files on a page."""
_LONGEST = 200  # characters that are looked for
_FURTHER = re.compile(r"#([0-9]{1,12}) ([0-9]{1,6})")
_NUMBER = re.compile(r"#?([0-9]{1,15})")


class FindingCommands:
    """Answers them with pages of files."""

    def __init__(self, index: ArchiveIndex, refused: Callable[[int], None]) -> None:
        """``refused`` is told who asked for another user's file."""
        self._index = index
        self._refused = refused

    def by_name(self) -> dict[str, Command]:
        """Return each command's function by its name without the slash."""
        commands: dict[str, Command] = {"find": self._find, "last": self._last, "get": self._get}
        return {name: explained(command) for name, command in commands.items()}

    async def _find(self, message: IncomingMessage) -> Answer:
        """Answer /find WORDS, and further pages of it: /find #SEARCH PAGE."""
        words = _said(message)
        if further := _FURTHER.fullmatch(words):
            return await self._further(message, int(further[1]), int(further[2]))
        if not words or len(words) > _LONGEST:
            return Answer(say("find-form"))
        search = await self._index.keep_search(message.chat_id, words)
        return await self._page(message.chat_id, search, words, 1)

    async def _further(self, message: IncomingMessage, search: int, page: int) -> Answer:
        words = await self._index.kept_search(message.chat_id, search)
        if words is None:
            return Answer(say("find-forgotten"))
        return await self._page(message.chat_id, search, words, page)

    async def _page(self, user: int, search: int, words: str, page: int) -> Answer:
        page = max(page, 1)
        found = await self._index.find(user, words, (page - 1) * PAGE, PAGE)
        pages = max(-(-found.total // PAGE), 1)
        text = texts.found(found, words, page, pages)
        return Answer(text, _gets(found.items) + turning(f"find #{search}", page, pages), in_place=True)

    async def _last(self, message: IncomingMessage) -> Answer:
        """Answer /last."""
        if _said(message):
            return Answer(say("last-form"))
        items = tuple(await self._index.latest(message.chat_id, PAGE))
        return Answer(texts.latest(items), _gets(items))

    async def _get(self, message: IncomingMessage) -> Answer:
        """Answer /get NUMBER with the file; it goes out with the replies, so a large one keeps nobody waiting."""
        number = _NUMBER.fullmatch(_said(message))
        if number is None:
            return Answer(say("get-form"))
        item = await self._index.item(int(number[1]))
        if item is not None and item.incoming.chat_id != message.chat_id:
            self._refused(message.chat_id)
            item = None
        if item is None:
            raise UserError(say("get-unknown", number=number[1]))
        return Answer(texts.caption(item), file=item.id)


def _gets(items: tuple[ItemRecord, ...]) -> Buttons:
    return in_rows([Button(say("button-get", number=str(item.id)), f"get {item.id}") for item in items])


def _said(message: IncomingMessage) -> str:
    """Return what follows the command."""
    return (message.text or "").partition(" ")[2].strip()
