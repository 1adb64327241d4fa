"""What people send to a release's bot, and whether all of it arrives."""

import base64
import json
import time
import urllib.request
from collections.abc import Callable

from cluster.release import CURATOR, Release
from teltubby_cli.demo.answers import Answers
from teltubby_cli.demo.bucket import Bucket
from teltubby_cli.demo.check import check_objects, documents
from teltubby_core.domain import bursts
from teltubby_simulator.content import SeededContent
from teltubby_simulator.far_world import FarWorld
from teltubby_simulator.model import Message, User
from testbed.processes import TestbedError, wait_for

LARGE = 32 * 1024 * 1024
"""Bytes; more than the Bot API hands out."""
STORED = ("✅ Archived", "♻️")
_ENDS = (*STORED, "⚠️", "❌", "🛑")
PATIENCE = 240.0  # seconds for all answers


class Traffic:
    """One curator's messages to one release, each with another content."""

    def __init__(self, release: Release, curator: int = CURATOR, archive: Bucket | None = None) -> None:
        """``archive``: where its files must come to lie, when that is not the release's own store."""
        self.release = release
        self._archive = archive
        self.world: FarWorld = release.world()
        self.curator: User = self.world.person("Ada", "ada", curator)
        self.sent: list[Message] = []
        self._last_sent = 0.0  # by the monotonic clock
        self._mark = f"{release.namespace}-{self.world.clock()}"

    def small(self, count: int = 1, size: int = 40_000) -> list[Message]:
        """Send files that the bot fetches itself."""
        return [self._send(size) for _ in range(count)]

    def large(self, count: int = 1, size: int = LARGE) -> list[Message]:
        """Send files that a worker must fetch."""
        return [self._send(size) for _ in range(count)]

    def again(self, message: Message) -> Message:
        """Send the very file of an earlier message once more."""
        assert message.media is not None
        content = message.media.file.content
        media = self.world.make_media("document", content, file_name="again.bin")
        return self._kept(self.world.send(self.curator, self.world.bot, media=media))

    def pause(self) -> None:
        """Wait until the next five messages get answers of their own, which tell of each when it has ended."""
        self.until(lambda: time.monotonic() > self._last_sent + bursts.SECONDS + 2, 30, "quiet in the chat")

    def said_to(self, message: Message) -> str:
        """Return what the bot's latest answer to a message says."""
        answer = self._answers().to(message.id)
        return (answer.text or "") if answer else ""

    def _answers(self) -> Answers:
        return Answers(self.world.chat_with(self.curator.id, self.world.bot.id))

    def ended(self, *messages: Message) -> bool:
        """Whether the bot's answers to these, or to all, stand at an end."""
        self.world.look()
        return self._answers().all_begin([message.id for message in messages or self.sent], _ENDS)

    def until_ended(self, *messages: Message, limit: float = PATIENCE) -> None:
        """Wait for that."""
        self.until(lambda: self.ended(*messages), limit, "the bot's last answers")

    def until_moving(self, limit: float = PATIENCE) -> None:
        """Wait until a worker is at a large file."""
        self.until(self.release.worker_is_busy, limit, "a worker to be at a file")

    def assert_all_archived(self) -> None:
        """Every file lies in the archive as it was sent, and every answer says so."""
        self.until_ended()
        said = {message.id: self.said_to(message) for message in self.sent}
        assert [text for text in said.values() if not text.startswith(STORED)] == []
        findings = check_objects(self._bucket(), self.sent, shared=True)
        assert [finding for finding in findings if finding.problem] == []

    def worker_of(self, message: Message) -> str:
        """Return which worker brought a large file, as its metadata.json tells."""
        assert message.media is not None
        found = documents(self._bucket(), "metadata.json").values()
        name = message.media.file.file_name
        return next(str(each["worker"]) for each in found if each["file"]["original_filename"] == name)

    def redelivered(self) -> int:
        """Return how often the broker gave out a job once more, by its own count."""
        login = self.release.secret("rabbitmq")
        told = f"{login['RABBITMQ_USERNAME']}:{login['RABBITMQ_PASSWORD']}".encode()
        request = urllib.request.Request(
            f"http://{self.release.address('rabbitmq', 15672)}/api/queues/%2F/teltubby.large_files",
            headers={"Authorization": f"Basic {base64.b64encode(told).decode()}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(json.load(answer).get("message_stats", {}).get("redeliver", 0))

    def _bucket(self) -> Bucket:
        return self._archive or self.release.bucket()

    def _send(self, size: int) -> Message:
        name = f"{self._mark}-{len(self.sent)}.bin"
        media = self.world.make_media("document", SeededContent(name, size), file_name=name)
        return self._kept(self.world.send(self.curator, self.world.bot, media=media))

    def _kept(self, message: Message) -> Message:
        self.sent.append(message)
        self._last_sent = time.monotonic()
        return message

    def until(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        """Wait; what does not come is told with all that one would look at."""
        try:
            wait_for(condition, limit, what)
        except TimeoutError as error:
            missing = [f"{each.id}: {self.said_to(each)[:80]!r}" for each in self.sent if not self.ended(each)]
            raise TestbedError(f"{error}\n{missing}\n{self.release.describe()}") from None
