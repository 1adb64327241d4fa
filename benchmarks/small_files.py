"""Small files through the Bot API, 50 ms away: ``teltubby run`` beside the script that one would write instead.

Two things are measured, on a process that has just started:

    answers   single messages from several users, each sent once the one before has its final answer:
              seconds from sending to the bot's first answer in the chat, and to the final one
    burst     many messages at once from one user: seconds until each has its file and its document on disk

Telegram's limit of one message a second in a chat is in force. So users take turns, or it alone would be measured;
and the script leaves the burst unanswered, or it would be refused. teltubby answers the burst at Telegram's pace
while it archives.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

from measuring import processes, report
from teltubby_simulator.content import SeededContent, sha256_of
from teltubby_simulator.model import Message, User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

LATENCY = 0.05  # seconds before each answer of the Bot API
SIZE = 200_000  # bytes of each file
CURATORS = 10  # who take turns, so that each chat has been quiet for over a second
START_SECONDS = 60.0
ANSWER_SECONDS = 30.0
SLOWEST = 2.0  # seconds for one file of the burst; a contender that is slower is given up
FINAL = ("✅ Archived", "Archived ")


@dataclass(frozen=True)
class Answer:
    """Seconds from sending a message to the first and to the final state of the answer."""

    first_seconds: float
    final_seconds: float


@dataclass(frozen=True)
class Round:
    """What one process of a contender did. ``refused`` counts calls that Telegram answered with 429."""

    contender: str
    answers: list[Answer]
    burst_seconds: float
    refused: int


# The script that one would write


def run_script(order: dict[str, Any]) -> None:
    """Serve a bot that downloads, hashes, documents and answers, one message after the other."""
    folder, silent = Path(order["folder"]), order["silent_chat"]

    async def archive(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.effective_message
        if message is None or message.document is None:
            return
        file = await message.document.get_file()
        path = await file.download_to_drive(folder / f"{message.message_id}.bin")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps({"message_id": message.message_id, "sha256": sha256}))
        if message.chat_id != silent:
            await message.reply_text(f"Archived {path.name}")

    root = order["api_url"]
    builder = Application.builder().token(order["token"]).base_url(f"{root}/bot").base_file_url(f"{root}/file/bot")
    application = builder.build()
    application.add_handler(MessageHandler(filters.Document.ALL, archive))
    application.run_polling()


# The stage: a Telegram in this process, and users who send


class Stage:
    """A simulated Telegram, its users, and the folder that a contender archives into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.archive = folder / "archive"
        self.world = World(flood_limits=True)
        self.world.faults.bot_api.latency = LATENCY
        self.simulator = TelegramSimulator(self.world, mtproto=False)
        self.bot = self.world.add_bot("Archivist", "archivist_bot")
        self.curators = [self.world.add_user(f"Curator {number}") for number in range(CURATORS)]
        self.sender = self.world.add_user("Sender")
        self.sent: list[Message] = []

    def send(self, user: User) -> Message:
        """Let a user send a file like no other."""
        content = SeededContent(f"file {len(self.sent)}", SIZE)
        media = self.world.make_media("document", content, file_name="file.bin", mime_type="application/octet-stream")
        self.sent.append(self.world.send(user, self.bot, media=media))
        return self.sent[-1]

    def answers(self, user: User) -> list[Message]:
        """Return the bot's messages in the chat with a user."""
        return [each for each in self.world.chat_with(user.id, self.bot.id) if each.sender is self.bot]

    def polls(self) -> bool:
        """Tell whether the bot waits for messages."""
        return self.world.account(self.bot).poll is not None

    def refused(self) -> int:
        """Count the calls that came too soon."""
        return sum(entry.outcome.startswith("429") for entry in self.world.journal.entries())

    def check(self) -> None:
        """Compare what lies in the archive with what was sent.

        Raises:
            BenchmarkError: a file is missing, differs or was not sent.
        """
        stored = [path for path in self.archive.rglob("*") if path.is_file() and path.suffix != ".json"]
        found = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in stored)
        if found != sorted(sha256_of(message.media.file.content) for message in self.sent if message.media):
            raise processes.BenchmarkError("the archive does not hold what was sent")


Process = AbstractAsyncContextManager[asyncio.subprocess.Process]


@dataclass(frozen=True)
class Contender:
    """How a bot is started on a stage, and the pattern of the documents that it writes, one for each message."""

    start: Callable[[Stage], Process]
    documents: str


def _teltubby(stage: Stage) -> Process:
    settings = {
        "TELEGRAM_BOT_TOKEN": stage.bot.token or "",
        "TELEGRAM_WHITELIST_IDS": ",".join(str(user.id) for user in (*stage.curators, stage.sender)),
        "TELEGRAM_API_URL": stage.simulator.bot_api_url,
        "ARCHIVE_DIR": str(stage.archive),
        "SQLITE_PATH": str(stage.folder / "data" / "teltubby.db"),
        "HEALTH_PORT": "0",
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-m", "teltubby_cli", "run"]
    return processes.serving(command, stage.log, environment=settings, folder=stage.folder)


def _script(stage: Stage) -> Process:
    stage.archive.mkdir()
    order = {
        "token": stage.bot.token,
        "api_url": stage.simulator.bot_api_url,
        "folder": str(stage.archive),
        "silent_chat": stage.sender.id,
    }
    return processes.started(processes.own_role("script"), order, stage.log)


CONTENDERS = {"teltubby": Contender(_teltubby, "message.json"), "script": Contender(_script, "*.json")}


# Measuring


async def measure(options: argparse.Namespace) -> list[Round]:
    """Run both contenders in turns, each on a stage of its own."""
    rounds: list[Round] = []
    for number in range(options.runs):
        for name in report.in_turns(list(CONTENDERS), number):
            with TemporaryDirectory(prefix="teltubby-benchmark-") as folder:
                rounds.append(await _round(name, Stage(Path(folder)), options))
            report.note(f"round {number + 1}: {name} took {rounds[-1].burst_seconds:.2f} s for the burst")
    return rounds


async def _round(name: str, stage: Stage, options: argparse.Namespace) -> Round:
    contender = CONTENDERS[name]
    async with stage.simulator, contender.start(stage) as process:
        await processes.until(stage.polls, process, stage.log, START_SECONDS, "the first poll")
        await _answer(stage, stage.curators[-1])  # the first one makes connections: not counted
        answers = [await _answer(stage, stage.curators[each % CURATORS]) for each in range(options.singles)]
        burst = await _burst(stage, process, contender, options.messages)
        refused = stage.refused()
    await asyncio.to_thread(stage.check)
    return Round(name, answers, burst, refused)


async def _answer(stage: Stage, user: User) -> Answer:
    before = len(stage.answers(user))
    start = stage.world.clock()
    stage.send(user)

    def final() -> Message | None:
        found = stage.answers(user)[before:]
        return found[0] if found and (found[0].text or "").startswith(FINAL) else None

    try:
        answer = await stage.world.changed.wait_for(final, ANSWER_SECONDS)
    except TimeoutError:
        tail = processes.tail(stage.log)
        raise processes.BenchmarkError(f"no final answer within {ANSWER_SECONDS:g} s\n{tail}") from None
    assert answer is not None
    return Answer(answer.edits[0][0] - start, answer.edits[-1][0] - start)


async def _burst(stage: Stage, process: asyncio.subprocess.Process, contender: Contender, messages: int) -> float:
    wanted = len(stage.sent) + messages

    def archived() -> bool:
        return sum(1 for _ in stage.archive.rglob(contender.documents)) == wanted

    start = time.perf_counter()
    for _ in range(messages):
        stage.send(stage.sender)
    await processes.until(archived, process, stage.log, START_SECONDS + SLOWEST * messages, "the burst is archived")
    return time.perf_counter() - start


# Showing


def summary(rounds: list[Round], messages: int) -> dict[str, dict[str, float]]:
    """Return each contender's figures; answers of all rounds are taken together, bursts are compared by round."""
    chosen = {name: [each for each in rounds if each.contender == name] for name in CONTENDERS}
    bursts = {name: [each.burst_seconds for each in found] for name, found in chosen.items()}
    figures: dict[str, dict[str, float]] = {}
    for name, found in chosen.items():
        first = [answer.first_seconds for each in found for answer in each.answers]
        final = [answer.final_seconds for each in found for answer in each.answers]
        figures[name] = {
            "first_answer_p50": report.percentile(first, 50),
            "first_answer_p95": report.percentile(first, 95),
            "final_answer_p50": report.percentile(final, 50),
            "final_answer_p95": report.percentile(final, 95),
            "burst_seconds": median(bursts[name]),
            "burst_files_per_second": messages / median(bursts[name]),
            "teltubby_times_as_fast_in_burst": report.paired(bursts[name], bursts["teltubby"]),
            "refused_calls": sum(each.refused for each in found),
        }
    return figures


def table(figures: dict[str, dict[str, float]]) -> list[list[str]]:
    """Return the rows to print."""
    units = {"burst_seconds": "{:.2f} s", "burst_files_per_second": "{:.1f}", "refused_calls": "{:.0f}"}
    units |= {"teltubby_times_as_fast_in_burst": "{:.2f}"}
    names = list(next(iter(figures.values())))
    rows = [
        [name.replace("_", " "), *(units.get(name, "{:.3f} s").format(each[name]) for each in figures.values())]
        for name in names
    ]
    return [["", *figures], *rows]


def main() -> int:
    """Run the benchmark, or the script it is compared with."""
    parser = report.parser("Archive small files through a simulated Bot API that is 50 ms away.")
    parser.add_argument("--messages", type=report.at_least_one, default=200, help="messages of the burst")
    parser.add_argument("--singles", type=report.at_least_one, default=20, help="single messages of each run")
    options = parser.parse_args()
    if options.role:
        run_script(processes.received_order())
        return 0
    rounds = processes.run(measure(options))
    figures = summary(rounds, options.messages)
    title = f"Burst of {options.messages} files of {SIZE // 1000} KB, {LATENCY * 1000:g} ms before each answer"
    report.show(f"{title}; {options.runs} runs, {options.singles} single messages each", table(figures))
    report.write(
        options.json,
        {
            "benchmark": "small_files",
            "machine": report.machine("python-telegram-bot"),
            "messages": options.messages,
            "figures": figures,
            "runs": [asdict(each) for each in rounds],
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
