"""The bot as a whole: its loops, what wakes which, and the order of start and stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from teltubby_bot.access import Access
from teltubby_bot.albums import AlbumCloser
from teltubby_bot.alerts import Alerts
from teltubby_bot.announcing import Announcer
from teltubby_bot.archiver import Archiver, ArchiverOptions
from teltubby_bot.catalogue import Text
from teltubby_bot.commands import Commands
from teltubby_bot.composing import Composer
from teltubby_bot.confidential import Confidences
from teltubby_bot.documents import DocumentWriter
from teltubby_bot.finding_commands import FindingCommands
from teltubby_bot.gauges import Gauges
from teltubby_bot.intake import Command, Intake, Parse
from teltubby_bot.job_commands import Desk, JobCommands
from teltubby_bot.jobs import EventReader, JobPublisher, Listeners
from teltubby_bot.languages import Languages
from teltubby_bot.login_dialogue import AccountLogin, LoginDialogue
from teltubby_bot.loops import Loop, done_before, wait_any
from teltubby_bot.maintenance_command import MaintenanceCommand
from teltubby_bot.menu import Menu
from teltubby_bot.mode_texts import Modes
from teltubby_bot.mt_commands import LoginCommands, LoginDesk
from teltubby_bot.ownership import Ownership
from teltubby_bot.pacing import PacedVoice, Pacer
from teltubby_bot.poller import Poller
from teltubby_bot.presses import Press, PressReader, Questions, Signer
from teltubby_bot.qr_picture import png_of
from teltubby_bot.queue_commands import QueueCommands
from teltubby_bot.quota import LOOK_SECONDS, Room, StoreQuota
from teltubby_bot.reception import InboxWriter, Reception
from teltubby_bot.reconciler import Patience, Reconciler
from teltubby_bot.registration import WebhookReception
from teltubby_bot.relay import Relay
from teltubby_bot.replier import Pace, Replier, Voice
from teltubby_bot.sending_back import SendingBack
from teltubby_bot.sessions import SessionWatch
from teltubby_bot.signs import Signs
from teltubby_bot.telegram import Telegram
from teltubby_bot.transfers import Transfers
from teltubby_bot.webhook import Receiver, WebhookOptions
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import JobFailed, JobMessage
from teltubby_core.domain.sessions import SessionKind
from teltubby_core.errors import ConfigurationError, InfrastructureError, TransientError
from teltubby_core.observability import Metrics, SecurityKind, SecurityLog
from teltubby_core.observability.service import Observed
from teltubby_core.ports import (
    ArchiveIndex,
    Clock,
    Control,
    DeadLetters,
    Events,
    Inbox,
    JobQueue,
    ObjectStore,
    SessionStore,
)

log = logging.getLogger(__name__)

_KEEP_DONE_UPDATES = 7 * 86400.0  # seconds; for people who look into what happened
_PRUNE_EVERY = 3600.0
_EDIT_GRACE = 15.0
"""Seconds that an edit waits for its message: webhook deliveries may overtake each other."""
_STOP_SECONDS = 2.0  # that a loop's step may go on after a stop
_LONGEST_STEP = 300.0  # seconds beside what a poll or a transfer may be silent: a loop that takes longer is stuck
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds between tries to start


@dataclass(frozen=True)
class Ports:
    """The world, as the bot sees it.

    ``secret`` is known to this bot alone and stays. ``store_quota`` asks for the bucket's own quota, where there is
    such a thing. ``sessions`` are the workers' logins, as far as they can be seen from here; ``new_login`` begins a
    person's.
    """

    telegram: Telegram
    parse: Parse
    parse_press: Callable[[dict[str, Any]], Press | None]
    inbox: Inbox
    index: ArchiveIndex
    queue: JobQueue
    events: Events
    control: Control
    dead_letters: DeadLetters
    store: ObjectStore
    ownership: Ownership
    clock: Clock
    secret: str
    store_quota: StoreQuota | None = None
    sessions: SessionStore | None = None
    new_login: Callable[[], AccountLogin] | None = None
    observed: Observed = field(default_factory=lambda: Observed("bot", Metrics("bot")))


@dataclass(frozen=True)
class BotOptions:
    """How the bot behaves.

    ``jobs_wait_for`` says why no worker can take jobs, None when one can; without ``webhook`` updates are polled for.
    ``quota_bytes`` is the most that the archive may hold, None leaves that to the bucket. With ``relay_channel_id``
    workers read large files from that channel.
    """

    whitelist: frozenset[int]
    window: AlbumWindow
    archiver: ArchiverOptions
    poll_seconds: int = 30
    pace: Pace = field(default_factory=Pace)
    jobs_wait_for: str | None = None
    webhook: WebhookOptions | None = None
    admins: frozenset[int] = frozenset()
    quota_bytes: int | None = None
    relay_channel_id: int | None = None
    session_kind: SessionKind = SessionKind.BOT
    room_seconds: float = LOOK_SECONDS
    patience: Patience = field(default_factory=Patience)


class Bot:
    """Runs until told to stop. All it knows is in the index: it may be killed at any moment."""

    def __init__(self, ports: Ports, options: BotOptions) -> None:
        self._ports = ports
        self._options = options
        index, clock = ports.index, ports.clock
        metrics = ports.observed.metrics
        self._pacer = Pacer(chat_seconds=options.pace.chat_seconds)
        self._voice = PacedVoice(ports.telegram, self._pacer)
        self._languages = Languages(index)
        self.alerts = Alerts(self._voice, options.admins, metrics=metrics, language_of=self._languages.of)
        """What admins hear of; whoever sees trouble may tell it."""
        self._security = SecurityLog(metrics, self._burst)
        self._announcer = Announcer(ports.events, clock, ports.store.bucket)
        self._room = self._make_room()
        self._reconciler = Reconciler(
            index,
            ports.queue,
            alert=self.alerts.tell,
            on_change=self._changed,
            patience=options.patience,
            metrics=metrics,
        )
        self._transfers = Transfers()
        self._signs = Signs(ports.telegram)
        self._signer = Signer(ports.secret)
        self._replier = self._make_replier()
        self.gauges = Gauges(metrics, index, ports.queue, self._room, clock)
        """What metrics and /status show of how things stand."""
        self._archiver = self._make_archiver()
        self._confidences = Confidences(lambda sender: sender in options.admins)
        self._dialogue = self._make_dialogue()
        self._presses = PressReader(ports.telegram, self._signer, ports.parse_press)
        self.reception = self._make_reception()
        """How updates come in, and what keeps them from it."""
        self.intake = self._make_intake()
        self._loops = self._make_loops()
        self._archiver.wake = self._archiving.wake
        self._replier.wake = self._replying.wake
        self._room.on_released = self._archiving.wake
        self.alerts.wake = self._alerting.wake

    def _make_intake(self) -> Intake:
        ports, options = self._ports, self._options
        return Intake(
            ports.inbox,
            ports.index,
            ports.clock,
            parse=ports.parse,
            whitelist=options.whitelist,
            commands=self._make_commands(),
            window=options.window,
            presses=self._presses,
            languages=self._languages,
            on_admitted=self._admitted,
            on_refused=self._security.report,
            on_parked=self._parked,
            edit_grace=_EDIT_GRACE if options.webhook else 0.0,
            metrics=ports.observed.metrics,
        )

    def _make_room(self) -> Room:
        ports, options = self._ports, self._options
        return Room(
            ports.index,
            ports.clock,
            limit_bytes=options.quota_bytes,
            store_quota=ports.store_quota,
            alert=self.alerts.tell,
            look_seconds=options.room_seconds,
        )

    def _make_replier(self) -> Replier:
        ports, options = self._ports, self._options
        composer = Composer(ports.index, self._transfers, self._languages, jobs_wait_for=options.jobs_wait_for)
        sending = SendingBack(ports.telegram, ports.index, ports.store, self._languages)
        voice = Voice(
            telegram=ports.telegram,
            pacer=self._pacer,
            signer=self._signer,
            composer=composer,
            transfers=self._transfers,
            send_file=sending.send,
            on_shown=self._signs.shown,
        )
        return Replier(voice, ports.index, ports.clock, pace=options.pace, metrics=ports.observed.metrics)

    def _make_archiver(self) -> Archiver:
        ports = self._ports
        return Archiver(
            ports.telegram,
            ports.store,
            ports.index,
            ports.clock,
            self._options.archiver,
            room=self._room,
            ensure_bucket=ports.ownership.ensure,
            on_stored=self._announcer.stored,
            on_change=self._changed,
            metrics=ports.observed.metrics,
        )

    def _make_commands(self) -> dict[str, Command]:
        ports, options = self._ports, self._options
        access = Access(options.admins, partial(self._security.report, SecurityKind.REFUSED_COMMAND))
        limits = options.archiver
        modes = Modes(
            limits.limits, limits.concurrency, limits.dedup, options.window.window_seconds, options.session_kind
        )
        commands = Commands(
            ports.index,
            ports.store,
            ports.clock,
            self._room,
            modes=modes,
            languages=self._languages,
            admins=options.admins,
            jobs_wait_for=options.jobs_wait_for,
            ignored=lambda: self.intake.ignored,
            reception=lambda: (self.reception.how, self.reception.trouble),
        )
        desk = Desk(
            index=ports.index,
            store=ports.store,
            queue=ports.queue,
            control=ports.control,
            dead_letters=ports.dead_letters,
            room=self._room,
            access=access,
            questions=Questions(),
            progress=lambda: self._transfers.current,
            changed=self._changed,
        )
        logins = LoginDesk(
            index=ports.index,
            telegram=ports.telegram,
            kind=options.session_kind,
            access=access,
            confidences=self._confidences,
            sessions=ports.sessions,
            dialogue=self._dialogue,
        )
        finding = FindingCommands(ports.index, access.refused)
        maintenance = MaintenanceCommand(ports.index, access)
        rooms = (commands, JobCommands(desk), QueueCommands(desk), finding, maintenance, LoginCommands(logins))
        return {name: command for room in rooms for name, command in room.by_name().items()}

    def _make_dialogue(self) -> LoginDialogue | None:
        ports, channel = self._ports, self._options.relay_channel_id
        if ports.sessions is None or ports.new_login is None or channel is None:
            return None
        return LoginDialogue(ports.sessions, self._voice, ports.new_login, png_of, channel)

    def _make_reception(self) -> Reception:
        ports, options = self._ports, self._options
        writer = InboxWriter(
            ports.telegram,
            ports.inbox,
            allowed=lambda sender: sender in options.whitelist,
            on_stored=self._stored,
            cut=self._confidences.cut,
            language_of=self._languages.of,
        )
        if options.webhook is None:
            return Poller(ports.telegram, writer, timeout_seconds=options.poll_seconds)
        webhook = replace(options.webhook, on_forged=partial(self._security.report, SecurityKind.WRONG_WEBHOOK_SECRET))
        return WebhookReception(ports.telegram, Receiver(writer, webhook), ports.clock, webhook)

    def _make_reader(self) -> EventReader:
        ports = self._ports
        listeners = Listeners(
            listened=self._reconciler.listened,
            heard=self._reconciler.heard,
            progress=self._replier.progress,
            changed=self._changed,
            stored=self._announcer.stored,
            alert=self.alerts.tell,
            session=SessionWatch(self.alerts.tell).heard,
            metrics=ports.observed.metrics,
        )
        return EventReader(ports.index, ports.events, ports.control, ports.store, listeners)

    def _make_relay(self) -> Relay | None:
        channel = self._options.relay_channel_id
        return None if channel is None else Relay(self._ports.telegram, self._ports.index, channel, self.alerts.tell)

    def _make_loops(self) -> list[Loop]:
        ports, index = self._ports, self._ports.index
        albums = AlbumCloser(
            index, ports.inbox, ports.clock, caught_up=self.reception.caught_up, on_closed=self._admitted
        )
        writer = DocumentWriter(
            ports.store,
            index,
            ports.clock,
            ensure_bucket=ports.ownership.ensure,
            on_written=self._replier.solved,
            on_trouble=self._replier.problem,
        )
        reader = self._make_reader()
        self._intake = self._loop("intake", self.intake.step)
        self._albums = self._loop("albums", albums.step)
        self._archiving = self._loop("archiving", self._archiver.step)
        self._documents = self._loop("documents", writer.step)
        relay = self._make_relay()
        publisher = JobPublisher(
            index, ports.queue, on_published=self._published, on_failed=self._not_relayed, relay=relay
        )
        self._publishing = self._loop("job publishing", publisher.step)
        self._relaying = self._loop("relay", relay.clear) if relay else None
        self._replying = self._loop("replies", self._replier.step)
        self._watching = self._loop("quota", self._room.step)
        self._alerting = self._loop("alerts", self.alerts.step, stop_seconds=0.0)
        others = [
            self._loop(
                self.reception.name, self.reception.step, stop_seconds=0.0
            ),  # what is not stored, Telegram keeps
            self._loop("job events", reader.step, stop_seconds=0.0),  # what it has not acknowledged comes again
            self._loop("reconciling", self._reconciler.step),
            self._loop("pruning", self._prune),
            self._loop("gauges", self.gauges.step),
            self._loop("menu", Menu(ports.telegram, self._options.whitelist, self._options.admins).step),
        ]
        return [
            *others,
            *([self._relaying] if self._relaying else []),
            self._intake,
            self._albums,
            self._archiving,
            self._documents,
            self._publishing,
            self._replying,
            self._watching,
            self._alerting,
        ]

    def _loop(
        self, name: str, step: Callable[[], Awaitable[float | None]], stop_seconds: float = _STOP_SECONDS
    ) -> Loop:
        longest = _LONGEST_STEP + self._options.poll_seconds + self._options.archiver.stall_timeout
        return Loop(name, step, stop_seconds, observed=self._ports.observed, longest_step=longest)

    def _stored(self) -> None:
        self._intake.wake()

    def _admitted(self) -> None:
        for loop in (self._albums, self._archiving, self._documents, self._replying):  # an edit changes documents
            loop.wake()

    def _changed(self) -> None:
        for loop in (self._documents, self._publishing, self._replying, self._watching, self._relaying):
            if loop:
                loop.wake()

    def _published(self, job: JobMessage) -> None:
        self._ports.observed.metrics.job_published()
        self._reconciler.published(job)
        self._announcer.queued(job)

    def _not_relayed(self, failed: JobFailed) -> None:
        self._ports.observed.metrics.item_failed(failed.category)
        self._changed()

    def _burst(self, kind: SecurityKind, sentence: str) -> None:
        self.alerts.tell(f"security: {kind}", Text("alert-security", what=sentence, advice=Text(f"advice-{kind}")))

    def _parked(self, update_id: int) -> None:
        self._ports.observed.metrics.update_parked()
        self.alerts.tell("parked updates", Text("alert-parked", update=str(update_id)))

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``.

        Raises:
            ConfigurationError: the token is refused, bucket or index are another bot's, or no webhook can be had.
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
        if not await self._begin(self._languages.load, stop):
            return
        try:
            if not await self._begin(self.reception.open, stop):
                return
            log.info("takes messages from %d users by %s", len(self._options.whitelist), self.reception.how)
            async with asyncio.TaskGroup() as group:
                for loop in self._loops:
                    group.create_task(done_before(stop, loop.run(stop), loop.stop_seconds), name=loop.name)
        finally:
            await self.reception.close()
            await self._archiver.stop()
            await self._replier.stop()
            for part in (self._announcer, self._presses, self._signs):
                await part.stop()
            if self._dialogue:
                await self._dialogue.stop()

    async def telegram_answers(self) -> None:
        """Return while messages come in.

        Raises:
            TransientError: why they don't.
        """
        if self.reception.trouble:
            raise TransientError(self.reception.trouble)

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
        await self._ports.ownership.sweep()
        return _PRUNE_EVERY
