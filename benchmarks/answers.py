"""How soon the bot first answers small files that come quickly, and whether storing them keeps up.

    bot, MinIO, RabbitMQ    the bot as a process of its own, with both servers and two workers
    teltubby run            the same in one process, on SQLite and a local folder
    script, side by side    python-telegram-bot and boto3, eight files at once

Files of 200 KB come from forty chats to a Telegram that is 50 ms away and lets a bot write once a second in a chat, 30
times a second in all. At more than that, answers must come late or be shared: there it is told how far storing lags
behind. Needs the test-bed's servers: ``make test-bed``, and tests/ in PYTHONPATH.
"""

import argparse
import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from measuring import processes, report
from measuring.meter import usage_of
from testbed.processes import TestbedError
from traffic import script
from traffic.contenders import CONTENDERS
from traffic.stage import Load, Stage

CHOSEN = ("bot + 2 workers", "teltubby run", "script, side by side")
LIMIT_SECONDS = 300.0  # for all files of a round
ANSWER_SECONDS = 30.0  # for answers that are still on their way then


@dataclass(frozen=True)
class Round:
    """What one contender did at one pace.

    ``answers``: seconds from sending each file to the first words about it. ``lags``: seconds from sending the last
    file until the last object, and until the last document. ``cpu_ms``: of all its programs, servers aside, a message.
    """

    contender: str
    per_second: int
    answers: list[float]
    unanswered: int
    refused: int
    lags: tuple[float, float]
    cpu_ms: float


async def measure(options: argparse.Namespace) -> list[Round]:
    """Run all contenders in turns at each pace, each on a stage of its own."""
    rounds: list[Round] = []
    for number in range(options.runs):
        for pace in options.paces:
            for name in report.in_turns(list(options.only or CHOSEN), number):
                load = Load(pace * options.seconds, 0, 0, pace)
                with TemporaryDirectory(prefix="teltubby-benchmark-") as folder:
                    rounds.append(await _round(name, Stage(Path(folder), load)))
                report.note(f"round {number + 1}: {_line(rounds[-1])}")
    return rounds


async def _round(name: str, stage: Stage) -> Round:
    async with stage.simulator, CONTENDERS[name](stage) as system:
        programs = [process.pid for process in system.programs.values()]
        before = sum(usage_of(pid).cpu_seconds for pid in programs)

        def archived() -> bool:
            return {len(kind) for kind in system.store.stored()} == {stage.load.messages}

        await stage.send_all()
        await system.until(archived, LIMIT_SECONDS, "all is archived")
        with suppress(TimeoutError):  # what was refused stays unanswered
            await stage.world.changed.wait_for(stage.all_answered, ANSWER_SECONDS)
        cpu = sum(usage_of(pid).cpu_seconds for pid in programs) - before
        stored = await asyncio.to_thread(system.store.stored)
        if await asyncio.to_thread(system.store.digests) != await asyncio.to_thread(stage.digests):
            raise processes.BenchmarkError(f"{name} did not store what was sent")
    waits = stage.waits()
    last = stage.sent[-1].sent_at
    return Round(
        name,
        stage.load.per_second,
        answers=[wait for wait in waits if wait is not None],
        unanswered=waits.count(None),
        refused=stage.refused(),
        lags=(max(stored.files) - last, max(stored.documents) - last),
        cpu_ms=1000 * cpu / stage.load.messages,
    )


def _line(found: Round) -> str:
    p95 = report.percentile(found.answers, 95)
    lag = max(found.lags)
    return f"{found.contender} at {found.per_second}/s: p95 {p95:.2f} s, lag {lag:.1f} s, {found.cpu_ms:.1f} ms CPU"


def table(rounds: list[Round]) -> list[list[str]]:
    """Return the rows that compare the contenders at each pace; figures over all rounds, lags and CPU as medians."""
    rows = [["", "a second", "first answer p50 / p95 / p99", "unanswered", "refused calls", "all stored after", "CPU"]]
    for name, pace in dict.fromkeys((each.contender, each.per_second) for each in rounds):
        found = [each for each in rounds if (each.contender, each.per_second) == (name, pace)]
        answers = [seconds for each in found for seconds in each.answers]
        told = " / ".join(f"{report.percentile(answers, share):.2f}" for share in (50, 95, 99))
        counts = [str(sum(each.unanswered for each in found)), str(sum(each.refused for each in found))]
        lag = median(max(each.lags) for each in found)
        cpu = median(each.cpu_ms for each in found)
        rows.append([name, str(pace), f"{told} s", *counts, f"{lag:.1f} s", f"{cpu:.1f} ms a message"])
    return rows


def main() -> int:
    """Run the benchmark, or the script that it is compared with."""
    parser = report.parser("Answer small files that come quickly from a simulated Telegram.")
    parser.add_argument("--seconds", type=report.at_least_one, default=30, help="for which files are sent")
    parser.add_argument("--paces", type=int, nargs="+", default=[20, 50], help="files a second")
    parser.add_argument("--only", choices=CHOSEN, nargs="+", help="these contenders alone")
    parser.add_argument("--markdown", action="store_true", help="print a table to be pasted into docs/benchmarks.md")
    options = parser.parse_args()
    if options.role:
        script.run(processes.received_order())
        return 0
    try:
        rounds = processes.run(measure(options))
    except TestbedError as error:
        raise SystemExit(f"no result: {error}") from error
    (report.markdown if options.markdown else report.show)("First answers, 40 chats", table(rounds))
    machine = report.machine("python-telegram-bot", "boto3", "aio-pika")
    runs = [asdict(each) for each in rounds]
    report.write(options.json, {"benchmark": "answers", "machine": machine, "cores": os.cpu_count(), "runs": runs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
