"""The bot's surroundings on fakes: what the tests of its parts are played on."""

from dataclasses import dataclass, field
from typing import Any

from support import CURATOR, a_file, a_message
from teltubby_bot.botapi import parse_press
from teltubby_bot.languages import Languages
from teltubby_bot.presses import PressReader, Signer
from teltubby_bot.quota import Room
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.media import IncomingMessage, MediaItem
from teltubby_core.domain.records import ItemRecord, MessageRecord, Queued, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.ports import RawUpdate
from teltubby_core.testing import MemoryObjectStore, SteppedClock, sample_job
from unit.teltubby_bot.fakes import BOT_ID, FakeTelegram

WINDOW = AlbumWindow(2.0, 10.0)


@dataclass
class Stage:
    """Index and inbox in memory, a bucket, Telegram, and a clock that stands still."""

    database: Database
    clock: SteppedClock = field(default_factory=SteppedClock)
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    telegram: FakeTelegram = field(default_factory=FakeTelegram)
    calls: list[Any] = field(default_factory=list)
    """What callbacks were told."""

    def __post_init__(self) -> None:
        self.index = SqliteIndex(self.database)
        self.inbox = SqliteInbox(self.database, BOT_ID, self.clock)
        self.signer = Signer("5:token")
        self.languages = Languages(self.index)
        self._update_id = 100

    def presses(self) -> PressReader:
        """Return what reads presses of the buttons that ``signer`` makes."""
        telegram: Any = self.telegram
        return PressReader(telegram, self.signer, parse_press)

    def room(self, limit: int | None = None, **how: Any) -> Room:
        """Return the archive's room with a limit of so many bytes."""
        return Room(
            self.index,
            self.clock,
            limit_bytes=limit,
            store_quota=how.pop("store_quota", None),
            alert=lambda kind, text: self.note("alert", kind, text),
            now=self.clock.now,
            **how,
        )

    async def admit(self, message: IncomingMessage) -> int:
        """Take a message in; return its record's id."""
        self._update_id += 1
        await self.inbox.store([RawUpdate(self._update_id, "{}")])
        return await self.index.admit(self._update_id, message, WINDOW, self.clock.now())

    async def item(
        self,
        message_id: int = 7,
        media: MediaItem | None = None,
        *,
        content: bytes | None = None,
        chat: int = CURATOR,
        caption: str | None = None,
    ) -> ItemRecord:
        """Admit a single message, with its file at Telegram when there is ``content``."""
        size = 1000 if content is None else len(content)
        file = media or a_file(f"m{message_id}", size=size)
        if content is not None:
            self.telegram.files[file.file_id] = content
        record_id = await self.admit(a_message(message_id, file, chat=chat, caption=caption))
        return (await self.index.message(record_id)).items[0]

    async def again(self, item: ItemRecord) -> ItemRecord:
        """Read an item anew."""
        return next(i for i in (await self.record(item)).items if i.id == item.id)

    async def record(self, item: ItemRecord) -> MessageRecord:
        """Read an item's message."""
        return await self.index.message(item.message)

    async def stored(self, message_id: int = 7, *, chat: int = CURATOR) -> ItemRecord:
        """Admit a message and settle it as stored."""
        item = await self.item(message_id, chat=chat)
        key = f"teltubby/2025/03/ada/{message_id}/x.jpg"
        await self.index.settle(item.id, Stored(key, f"{message_id:064x}", 1000, Route.BOT_API))
        return await self.again(item)

    async def queued(self, message_id: int = 7) -> ItemRecord:
        """Admit a message and settle it as a job."""
        item = await self.item(message_id)
        await self.index.settle(item.id, Queued(sample_job(f"job-{message_id}", message_id=message_id)))
        return await self.again(item)

    def note(self, *call: Any) -> None:
        """Serve as a callback."""
        self.calls.append(call)
