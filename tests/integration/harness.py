"""``teltubby run`` as a real process beside a simulated Telegram, and what a test may ask of the two."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from teltubby_cli.demo.answers import Answers
from teltubby_cli.demo.cast import Cast, new_cast, settings_of_run
from teltubby_cli.demo.check import check
from teltubby_simulator.content import BytesContent, SeededContent
from teltubby_simulator.model import Media, Message, User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

PATIENCE = 60.0  # seconds for anything to happen
ENDS = ("✅ Archived", "♻️", "⚠️")
READY = "takes messages from"
MIB = 1024 * 1024


@dataclass
class Stage:
    """A simulator, the settings of a ``teltubby run`` that speaks to it, and the processes of it so far."""

    simulator: TelegramSimulator
    cast: Cast
    folder: Path
    settings: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    wrapper: tuple[str, ...] = ()
    program: tuple[str, ...] = ("-m", "teltubby_cli", "run")
    logs: list[Path] = field(default_factory=list)

    @property
    def archive(self) -> Path:
        return Path(self.settings["ARCHIVE_DIR"])

    @property
    def database(self) -> Path:
        return Path(self.settings["SQLITE_PATH"])

    @property
    def world(self) -> World:
        return self.cast.world

    def add_curator(self, name: str) -> User:
        """One more user on the whitelist; before the start."""
        user = self.world.add_user(name, username=name.lower())
        self.settings["TELEGRAM_WHITELIST_IDS"] += f",{user.id}"
        return user

    async def start(self) -> None:
        """Start it and wait until it takes messages in."""
        log = await self.launch()
        await self.until(lambda: self._ended() or READY in log.read_text("utf-8"), what="the start")
        assert not self._ended(), self.log()

    def _ended(self) -> bool:
        return self.process is not None and self.process.returncode is not None

    async def launch(self) -> Path:
        """Start it, come of it what may; returns its log."""
        log = self.folder / f"run-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as out:
            self.process = await asyncio.create_subprocess_exec(
                *self.wrapper,
                sys.executable,
                *self.program,
                cwd=self.folder,
                env=self.settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        return log

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            raise

    def log(self) -> str:
        return "\n".join(log.read_text("utf-8") for log in self.logs)

    async def until(self, condition: Callable[[], object], limit: float = PATIENCE, what: str = ""):
        """Wait for a condition on the world or on files: looked at on every change, and every few milliseconds."""
        try:
            async with asyncio.timeout(limit):
                while not (result := condition()):
                    try:
                        await self.world.changed.wait_for(condition, 0.005)
                    except TimeoutError:
                        continue
        except TimeoutError:
            raise AssertionError(f"not within {limit} s: {what or condition}\n{self.log()[-6000:]}") from None
        return result

    def answers(self, user: User | None = None) -> list[Message]:
        user = user or self.cast.curator
        chat = self.world.chat_with(user.id, self.cast.bot.id)
        return [message for message in chat if message.sender is self.cast.bot]

    def answer_to(self, message: Message) -> Message | None:
        """The latest of the bot's answers to a message: a kill may have cost a second one."""
        assert isinstance(message.chat, User)
        return self._answers(message.chat).to(message.id)

    def said_to(self, message: Message) -> str:
        """What the bot's answer says now; empty while there is none."""
        answer = self.answer_to(message)
        return (answer.text or "") if answer else ""

    def ended(self, *messages: Message) -> bool:
        chats: dict[int, list[int]] = {}
        for message in _leaders(messages):
            chats.setdefault(message.chat.id, []).append(message.id)
        return all(self._answers(self.world.users[chat]).all_begin(ids, ENDS) for chat, ids in chats.items())

    def _answers(self, user: User) -> Answers:
        return Answers(self.world.chat_with(user.id, self.cast.bot.id))

    async def until_ended(self, *messages: Message, limit: float = PATIENCE) -> None:
        await self.until(lambda: self.ended(*messages), limit, "the bot's final answers")

    def assert_answered_once(self, sent: list[Message]) -> None:
        """Each message has one answer, or shares one with others of its burst; nothing else was said."""
        chats = {message.chat.id: self.world.users[message.chat.id] for message in sent}
        said = sorted(answer.id for user in chats.values() for answer in self.answers(user))
        used = {answer.id for message in _leaders(sent) if (answer := self.answer_to(message))}
        assert said == sorted(used), "one reply a message, or a burst of them"

    def assert_archived_once(self, sent: list[Message]) -> None:
        """Every file is there, its bytes as sent, each message documented once, nothing else lies about."""
        problems = [finding for finding in check(self.archive, sent) if finding.problem]
        assert problems == []
        documents = list(self.archive.rglob("message.json"))
        assert len(documents) == len(_leaders(sent))
        contents = {message.media.file.content for message in sent if message.media}
        objects = [path for path in self.archive.rglob("*") if path.is_file() and path.suffix != ".json"]
        assert len(objects) == len(contents)
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        assert [path for path in (self.archive / ".parts").glob("*") if path.is_file()] == []
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            assert database.execute("SELECT update_id, state FROM inbox WHERE state <> 'done'").fetchall() == []
            assert database.execute("SELECT * FROM queued_jobs").fetchall() == []
            assert database.execute("SELECT * FROM outbox").fetchall() == []
            assert database.execute("SELECT * FROM pending_deletes").fetchall() == []
        database.close()

    # files

    def document(self, seed: str, size: int, name: str = "file.bin") -> Media:
        return self.world.make_media("document", SeededContent(seed, size), file_name=name)

    def photo(self, seed: bytes) -> Media:
        sizes = [("s", 90, 60), ("y", 1280, 853)]
        return self.world.make_photo([(name, w, h, BytesContent(seed * w)) for name, w, h in sizes])


def _leaders(messages) -> list[Message]:
    """The messages that get an answer and a document: of an album, the first."""
    groups: dict[str, Message] = {}
    for message in messages:
        groups.setdefault(message.media_group_id or str(message.id), message)
    return list(groups.values())


@asynccontextmanager
async def new_stage(folder: Path) -> AsyncIterator[Stage]:
    """A simulator and settings; the test starts the process, this ends it."""
    cast = new_cast()
    async with TelegramSimulator(cast.world) as simulator:
        settings = settings_of_run(simulator, cast, folder) | {
            "ALBUM_AGGREGATION_WINDOW_SECONDS": "0.5",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        stage = Stage(simulator, cast, folder, settings)
        try:
            yield stage
        finally:
            if stage.process is not None and stage.process.returncode is None:
                await stage.kill()
