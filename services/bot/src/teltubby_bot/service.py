"""The bot as a whole: its loops, what wakes which, and the order of start and stop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from teltubby_bot.albums import AlbumCloser
from teltubby_bot.archiver import Archiver, ArchiverOptions
from teltubby_bot.commands import Commands
from teltubby_bot.documents import DocumentWriter
from teltubby_bot.intake import Intake, Parse
from teltubby_bot.jobs import EventReader, JobPublisher
from teltubby_bot.loops import Loop, done_before, wait_any
from teltubby_bot.ownership import Ownership
from teltubby_bot.poller import Poller
from teltubby_bot.replier import Pace, Replier
from teltubby_bot.telegram import Telegram
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.errors import ConfigurationError, InfrastructureError, TransientError
from teltubby_core.ports import ArchiveIndex, Clock, Events, Inbox, JobQueue, ObjectStore

log = logging.getLogger(__name__)

_KEEP_DONE_UPDATES = 7 * 86400.0  # seconds; for people who look into what happened
_PRUNE_EVERY = 3600.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds between tries to start


@dataclass(frozen=True)
class Ports:
    """The world, as the bot sees it."""

    telegram: Telegram
    parse: Parse
    inbox: Inbox
    index: ArchiveIndex
    queue: JobQueue
    events: Events
    store: ObjectStore
    ownership: Ownership
    clock: Clock


@dataclass(frozen=True)
class BotOptions:
    """How the bot behaves. ``jobs_wait_for`` says why no worker can take jobs, None when one can."""

    whitelist: frozenset[int]
    window: AlbumWindow
    archiver: ArchiverOptions
    poll_seconds: int = 30
    pace: Pace = field(default_factory=Pace)
    jobs_wait_for: str | None = None


class Bot:
    """Runs until told to stop. All it knows is in the index: it may be killed at any moment."""

    def __init__(self, ports: Ports, options: BotOptions) -> None:
        self._ports = ports
        self._options = options
        index, clock = ports.index, ports.clock
        self._replier = Replier(ports.telegram, index, clock, pace=options.pace, jobs_wait_for=options.jobs_wait_for)
        self._archiver = Archiver(
            ports.telegram,
            ports.store,
            index,
            clock,
            options.archiver,
            ensure_bucket=ports.ownership.ensure,
            on_change=self._changed,
        )
        self._poller = Poller(
            ports.telegram,
            ports.inbox,
            timeout_seconds=options.poll_seconds,
            allowed=lambda sender: sender in options.whitelist,
            on_stored=self._stored,
        )
        commands = Commands(
            index,
            ports.store,
            clock,
            jobs_wait_for=options.jobs_wait_for,
            ignored=lambda: self.intake.ignored,
        )
        self.intake = Intake(
            ports.inbox,
            index,
            clock,
            parse=ports.parse,
            whitelist=options.whitelist,
            commands=commands.by_name(),
            window=options.window,
            on_admitted=self._admitted,
        )
        self._loops = self._make_loops()
        self._archiver.wake = self._archiving.wake
        self._replier.wake = self._replying.wake

    def _make_loops(self) -> list[Loop]:
        ports, index = self._ports, self._ports.index
        albums = AlbumCloser(
            index, ports.inbox, ports.clock, caught_up=self._poller.caught_up, on_closed=self._admitted
        )
        writer = DocumentWriter(
            ports.store,
            index,
            ports.clock,
            ensure_bucket=ports.ownership.ensure,
            on_written=self._replier.solved,
            on_trouble=self._replier.problem,
        )
        reader = EventReader(
            index, ports.events, ports.store, on_progress=self._replier.progress, on_change=self._changed
        )
        self._intake = Loop("intake", self.intake.step)
        self._albums = Loop("albums", albums.step)
        self._archiving = Loop("archiving", self._archiver.step)
        self._documents = Loop("documents", writer.step)
        self._publishing = Loop("job publishing", JobPublisher(index, ports.queue).step)
        self._replying = Loop("replies", self._replier.step)
        others = [
            Loop("polling", self._poller.step, stop_seconds=0.0),  # what it has not stored, Telegram keeps
            Loop("job events", reader.step, stop_seconds=0.0),  # what it has not acknowledged comes again
            Loop("pruning", self._prune),
        ]
        return [
            *others,
            self._intake,
            self._albums,
            self._archiving,
            self._documents,
            self._publishing,
            self._replying,
        ]

    def _stored(self) -> None:
        self._intake.wake()

    def _admitted(self) -> None:
        for loop in (self._albums, self._archiving, self._documents, self._replying):  # an edit changes documents
            loop.wake()

    def _changed(self) -> None:
        for loop in (self._documents, self._publishing, self._replying):
            loop.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``.

        Raises:
            ConfigurationError: the token is refused, or bucket or index are another bot's.
        """
        ownership = self._ports.ownership
        if not (await self._begin(self._greet, stop) and await self._begin(ownership.ensure_index, stop)):
            return
        try:
            await ownership.ensure()
        except ConfigurationError:
            raise
        except InfrastructureError as error:
            log.warning("the store is not ready: %s; messages are taken in all the same, and wait", error)
        await self._give_parked_another_try()
        log.info("takes messages from %d users", len(self._options.whitelist))
        try:
            async with asyncio.TaskGroup() as group:
                for loop in self._loops:
                    group.create_task(done_before(stop, loop.run(stop), loop.stop_seconds), name=loop.name)
        finally:
            await self._archiver.stop()
            await self._replier.stop()

    async def _give_parked_another_try(self) -> None:
        """Whoever starts us may have mended what kept them from being read: with a newer version, most likely."""
        try:
            parked = await self._ports.inbox.unpark()
        except InfrastructureError as error:
            log.warning("parked updates stay parked until the next start: %s", error)
            return
        if parked:
            log.warning("%d parked updates are read anew", parked)

    async def _greet(self) -> None:
        me = await self._ports.telegram.me()
        log.info("bot @%s (%d)", me.username, me.id)

    async def _begin(self, action: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event) -> bool:
        """Do what must come before everything else, as often as it takes; False when told to stop meanwhile."""
        wait = _FIRST_WAIT
        while not stop.is_set():
            try:
                return await done_before(stop, action())
            except ConfigurationError:
                raise
            except (TransientError, InfrastructureError) as error:
                pause = max(wait, getattr(error, "retry_after", None) or 0.0)
                log.warning("waiting to start: %s; next try in %.0f s", error, pause)
                await wait_any([stop], pause)
                wait = min(wait * 2, _LONGEST_WAIT)
        return False

    async def _prune(self) -> float:
        removed = await self._ports.inbox.prune(self._ports.clock.now() - _KEEP_DONE_UPDATES)
        if removed:
            log.info("inbox: %d done updates pruned", removed)
        return _PRUNE_EVERY
