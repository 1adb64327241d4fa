"""``teltubby run`` killed with SIGKILL right before and after each named step, and at random ones: nothing is lost.

Each process that is started after a kill first takes up what the one before left, then gets messages of its own, and is
killed at the next step: at the end one that is left alone must bring everything to its end.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from integration import killed_at
from integration.harness import MIB, Stage
from integration.killed_at import ANY, STEPS
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import Media, Message, User

BOT_API_LIMIT = 100_000  # bytes: so that a worker's file need not be large
LARGE = 3 * BOT_API_LIMIT
KILLS = 20
SENT_BETWEEN = 3  # messages between two of them


@dataclass
class Reaper:
    """Starts processes that kill themselves, and counts the replies that a kill may cost a second one."""

    stage: Stage
    excused: int = 0
    texts: list[Message] = field(default_factory=list)

    async def kill(self, side: str, number: int, step: str) -> str | None:
        """Run until it is killed; returns at which step, None when it came to the end of its work before."""
        stage = self.stage
        report = stage.folder / f"killed-{len(stage.logs)}.json"
        usual, stage.program = stage.program, (killed_at.__file__, str(report), side, str(number), step)
        await stage.launch()
        stage.program = usual
        process = stage.process
        assert process is not None
        await stage.until(lambda: process.returncode is not None or self.all_done(), what=f"{side} {step}")
        if not report.exists():
            status = await stage.stop()
            if not report.exists():  # its moment may come while it stops
                assert status == 0
                return None
        assert process.returncode == -9
        at = json.loads(report.read_text())
        self.excused += at["unrecorded_replies"]
        found: str = at["step"]
        return found

    def all_done(self) -> bool:
        stage = self.stage
        return stage.ended(*stage.cast.sent) and all(map(stage.said_to, self.texts)) and not self._open_work()

    def _open_work(self) -> bool:
        try:
            self.stage.assert_nothing_left()
        except AssertionError:
            return True
        return False

    async def finish(self, curators: list[User]) -> None:
        """Let one more process end everything, and judge."""
        stage = self.stage
        await stage.start()
        await stage.until(self.all_done, what="the end of all work")
        assert await stage.stop() == 0
        stage.assert_archived_once(stage.cast.sent)
        expected = len(groups(stage.cast.sent)) + len(self.texts)
        answers = sum(len(stage.answers(curator)) for curator in curators)
        assert expected <= answers <= expected + self.excused


def groups(messages: list[Message]) -> set[str | int]:
    return {message.media_group_id or message.id for message in messages}


def prepare(stage: Stage, curators: int) -> list[User]:
    """More users, since Telegram allows one answer a second in each chat."""
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(BOT_API_LIMIT)
    return [stage.add_curator(f"Curator{number}") for number in range(curators)]


def send(stage: Stage, user: User, media: Media, caption: str | None = None) -> Message:
    message = stage.world.send(user, stage.cast.bot, media=media, caption=caption)
    stage.cast.sent.append(message)
    return message


def send_album(stage: Stage, user: User, media: list[Media]) -> None:
    items: list[tuple[Media, str | None]] = [(each, f"c{number}") for number, each in enumerate(media)]
    stage.cast.sent += stage.world.send_album(user, stage.cast.bot, items)


def send_one_of_each(stage: Stage, user: User) -> None:
    name = user.first_name
    send(stage, user, stage.document(f"large {name}", LARGE))
    send(stage, user, stage.document(f"large {name}", LARGE, "its twin.bin"))  # the same bytes in another file
    send(stage, user, stage.document(f"small {name}", 5000))
    send_album(stage, user, [stage.photo(f"a {name}".encode()), stage.photo(f"b {name}".encode())])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_at_each_step_each_message_is_archived_once(stage: Stage, side: str):
    curators = prepare(stage, len(STEPS))
    reaper = Reaper(stage)
    for step, curator in zip(STEPS, curators, strict=True):
        # An answer is only edited when its file takes longer than the moment that first answers are held back.
        stage.world.faults.mtproto.latency = 1.0 if step == "reply edited" else 0.0
        send_one_of_each(stage, curator)
        assert await reaper.kill(side, 1, step) == step
    await reaper.finish(curators)


class Script:
    """What a few users send in an afternoon, the same for the same seed."""

    def __init__(self, stage: Stage, curators: list[User], rng: random.Random, texts: list[Message]) -> None:
        self._stage = stage
        self._curators = curators
        self._rng = rng
        self._texts = texts
        self._files: list[Media] = []
        self._number = 0
        rare = [self._very_large] * 3
        common = [self._small, self._voice, self._album, self._again, self._twin, self._large, self._command]
        self._acts: list[Callable[[User], None]] = [*rare, *(rng.choice(common) for _ in range(57))]
        rng.shuffle(self._acts)

    def go_on(self, count: int) -> None:
        """Send the next messages."""
        for _ in range(count):
            self._number += 1
            self._acts.pop()(self._rng.choice(self._curators))

    def _keep(self, media: Media) -> Media:
        self._files.append(media)
        return media

    def _document(self, size: int) -> Media:
        return self._keep(self._stage.document(f"file {self._number}", size, f"{self._number}.bin"))

    def _small(self, user: User) -> None:
        send(self._stage, user, self._document(self._rng.randrange(1, BOT_API_LIMIT)), "Words")

    def _large(self, user: User) -> None:
        send(self._stage, user, self._document(LARGE))

    def _very_large(self, user: User) -> None:
        send(self._stage, user, self._document(25 * MIB))

    def _voice(self, user: User) -> None:
        content = BytesContent(self._rng.randbytes(2000))
        send(self._stage, user, self._keep(self._stage.world.files.make_media("voice", content, duration=2)))

    def _album(self, user: User) -> None:
        names = [f"{self._number} {part}".encode() for part in range(self._rng.randint(2, 4))]
        send_album(self._stage, user, [self._stage.photo(name) for name in names])

    def _again(self, user: User) -> None:
        send(self._stage, user, self._rng.choice(self._files) if self._files else self._document(10))

    def _twin(self, user: User) -> None:
        """The same bytes as another file."""
        if not self._files:
            return self._small(user)
        content = self._rng.choice(self._files).file.content
        twin = self._stage.world.files.make_media("document", content, file_name="twin.bin")
        send(self._stage, user, twin)
        return None

    def _command(self, user: User) -> None:
        text = self._rng.choice(["/status", "/help", "hello"])
        self._texts.append(self._stage.world.send(user, self._stage.cast.bot, text=text))


@pytest.mark.timeout(400)
async def test_killed_at_twenty_random_moments_each_message_is_archived_once(stage: Stage):
    rng = random.Random(20)
    curators = prepare(stage, 6)
    reaper = Reaper(stage)
    script = Script(stage, curators, rng, reaper.texts)
    met = set()
    for number in range(KILLS):
        script.go_on(SENT_BETWEEN)
        met.add(await reaper.kill(rng.choice(["before", "after"]), rng.randint(1, 40), ANY))
        if number % 5 == 4:  # a job that kills its worker more than ten times is rightly given up: let it end before
            await reaper.kill("after", 1, "job acked")
    assert len(met) > 5, "kills at steps of many kinds"
    await reaper.finish(curators)
