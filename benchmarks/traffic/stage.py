"""A simulated Telegram in which many users send small and large files; knows nothing of who archives them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from teltubby_cli.demo.answers import Answers
from teltubby_simulator.content import SeededContent, sha256_of
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from teltubby_simulator.model import Message, User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

BOT_API_SECONDS = 0.05  # before each answer of the Bot API
MTPROTO_SECONDS = 0.04  # before each answer over MTProto
SMALL_BYTES = 200_000
MIB = 1 << 20
CHATS = 40  # each hears of a message every other second, so that one answer a second in a chat is enough
PER_SECOND = 20  # messages sent; Telegram lets a bot write 30 a second


@dataclass(frozen=True)
class Load:
    """How many files, how large the large ones are, and how many are sent in a second."""

    small: int
    large: int
    large_mib: int
    per_second: int = PER_SECOND

    @property
    def messages(self) -> int:
        """How many messages are sent, one file in each."""
        return self.small + self.large

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return self.small * SMALL_BYTES + self.large * self.large_mib * MIB

    def contents(self) -> Iterator[SeededContent]:
        """Return the files in the order that they are sent in: the large ones spread evenly."""
        sent = 0
        for number in range(self.messages):
            due = (number + 1) * self.large // self.messages
            yield self._large(sent) if due > sent else SeededContent(f"small file {number}", SMALL_BYTES)
            sent = due

    def _large(self, number: int) -> SeededContent:
        return SeededContent(f"large file {number}", self.large_mib * MIB)


@dataclass(frozen=True)
class Sent:
    """A message and the Unix second that it was sent at."""

    message: Message
    sent_at: float
    small: bool


class Stage:
    """A Telegram, a bot, users on its whitelist, and a folder for all that a contender keeps."""

    api_id: Final = DEFAULT_API_ID
    api_hash: Final = DEFAULT_API_HASH

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self.load = load
        self.world = World(flood_limits=True)
        self.world.faults.bot_api.latency = BOT_API_SECONDS
        self.world.faults.mtproto.latency = MTPROTO_SECONDS
        self.simulator = TelegramSimulator(self.world)
        self.bot = self.world.add_bot("Archivist", "archivist_bot")
        self.users = [self.world.add_user(f"Curator {number}") for number in range(CHATS)]
        self.sent: list[Sent] = []

    def polls(self) -> bool:
        """Tell whether the bot waits for messages."""
        return self.world.account(self.bot).poll is not None

    async def send_all(self) -> None:
        """Send all files, at a steady pace, one user after the other."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number, content in enumerate(self.load.contents()):
            await asyncio.sleep(max(0.0, start + number / self.load.per_second - loop.time()))
            self._send(self.users[number % CHATS], content)

    def _send(self, user: User, content: SeededContent) -> None:
        media = self.world.make_media("document", content, file_name="file.bin", mime_type="application/octet-stream")
        now = self.world.clock()
        message = self.world.send(user, self.bot, media=media)
        self.sent.append(Sent(message, now, small=content.size == SMALL_BYTES))

    def waits(self) -> list[float | None]:
        """Return for each small file the seconds from sending to the bot's first answer, None while there is none."""
        chats = {user.id: Answers(self.world.chat_with(user.id, self.bot.id)) for user in self.users}
        told = [
            (each.sent_at, chats[each.message.chat.id].first_told(each.message.id)) for each in self.sent if each.small
        ]
        return [None if at is None else at - sent_at for sent_at, at in told]

    def all_answered(self) -> bool:
        """Tell whether each small file has an answer."""
        return None not in self.waits()

    def refused(self) -> int:
        """Count the calls that came too soon."""
        return sum(entry.outcome.startswith("429") for entry in self.world.journal.entries())

    def digests(self) -> list[str]:
        """Return the sha256 of every file sent, sorted."""
        return sorted(_digest(content) for content in self.load.contents())


@cache
def _digest(content: SeededContent) -> str:
    return sha256_of(content)
