"""Small and large files mixed in time, sent to the distributed system and to what one would run or write instead.

    bot + 2 workers       each a process of its own, on RabbitMQ and MinIO
    teltubby run          the same in one process, on SQLite and a local folder
    script                python-telegram-bot for small files, Telethon and boto3 for large ones, one after the other
    script, side by side  the same, with as many files at once as bot and workers take

Twenty messages a second come from forty chats. The Bot API is 50 ms away, MTProto 40 ms; Telegram's limits on answers
are in force. Every process of a contender is new in each round, its servers included, and what was stored is compared
with what was sent. Needs the test-bed's servers: ``make test-bed``, and tests/ in PYTHONPATH.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from measuring import processes, report
from measuring.meter import Usage, usage_of
from testbed.processes import TestbedError
from traffic import script
from traffic.contenders import CONTENDERS, System
from traffic.depth import Series, watched
from traffic.stage import MIB, Load, Stage
from traffic.stores import Stored

GB = 10**9
OURS = "bot + 2 workers"
LIMIT_SECONDS = 300.0  # for all files of a round; a contender that is slower is given up
ANSWER_SECONDS = 30.0  # for answers still on their way when all is archived
DEPTHS = {
    "backlog": "sent, not yet archived",
    "pending": "jobs that wait",
    "ready": "ready at RabbitMQ",
    "processing": "jobs with workers",
}


@dataclass(frozen=True)
class Round:
    """What one contender did with all files.

    ``first_answers``: seconds from sending each small file to the bot's first answer. ``archived_seconds``: from the
    first message until the last object got its last state. ``usage``: of each process, CPU from the first message on,
    memory since its start. ``depth``: one sample a second.
    """

    contender: str
    first_answers: list[float]
    unanswered: int
    refused: int
    archived_seconds: float
    usage: dict[str, Usage]
    simulator_cpu_seconds: float
    depth: list[dict[str, float]]

    @property
    def cpu_seconds(self) -> float:
        """Of all processes, the simulator's apart."""
        return sum(each.cpu_seconds for each in self.usage.values())

    @property
    def peak_bytes(self) -> int:
        """Sum of the peaks of all processes."""
        return sum(each.peak_bytes for each in self.usage.values())


# Measuring


async def measure(options: argparse.Namespace, load: Load) -> list[Round]:
    """Run all contenders in turns, each on a stage of its own."""
    rounds: list[Round] = []
    for number in range(options.runs):
        for name in report.in_turns(list(CONTENDERS), number):
            with TemporaryDirectory(prefix="teltubby-benchmark-") as folder:
                rounds.append(await _round(name, Stage(Path(folder), load)))
            report.note(f"round {number + 1}: {name} took {rounds[-1].archived_seconds:.1f} s")
    return rounds


async def _round(name: str, stage: Stage) -> Round:
    async with stage.simulator, CONTENDERS[name](stage) as system:
        own, before = usage_of(os.getpid()), _usage(system)
        async with watched(system.probes) as series:
            await _traffic(stage, system)
        usage = {each: _since(before[each], now) for each, now in _usage(system).items()}
        simulator = _since(own, usage_of(os.getpid()))
        stored = await asyncio.to_thread(system.store.stored)
        if await asyncio.to_thread(system.store.digests) != await asyncio.to_thread(stage.digests):
            raise processes.BenchmarkError(f"{name} did not store what was sent")
    waits = stage.waits()
    answers = [wait for wait in waits if wait is not None]
    return Round(
        name,
        first_answers=answers,
        unanswered=len(waits) - len(answers),
        refused=stage.refused(),
        archived_seconds=max(*stored.files, *stored.documents) - stage.sent[0].sent_at,
        usage=usage,
        simulator_cpu_seconds=simulator.cpu_seconds,
        depth=_with_backlog(series, stage, stored),
    )


async def _traffic(stage: Stage, system: System) -> None:
    """Send all, and wait until it is archived and answered."""

    def archived() -> bool:
        return {len(kind) for kind in system.store.stored()} == {stage.load.messages}

    start = asyncio.get_running_loop().time()
    await stage.send_all()
    limit = LIMIT_SECONDS - (asyncio.get_running_loop().time() - start)
    await system.until(archived, limit, "all is archived")
    with suppress(TimeoutError):  # what was refused stays unanswered
        await stage.world.changed.wait_for(stage.all_answered, ANSWER_SECONDS)


def _usage(system: System) -> dict[str, Usage]:
    system.check()
    return {name: usage_of(pid) for name, pid in system.pids.items()}


def _since(before: Usage, now: Usage) -> Usage:
    return Usage(now.cpu_seconds - before.cpu_seconds, now.peak_bytes)


def _with_backlog(series: Series, stage: Stage, stored: Stored) -> list[dict[str, float]]:
    """Add to each sample how many files were sent and not yet archived then, as the disk tells afterwards."""

    def backlog(moment: float) -> int:
        return sum(each.sent_at <= moment for each in stage.sent) - sum(at <= moment for at in stored.files)

    return [sample | {"backlog": backlog(series.started_at + sample["seconds"])} for sample in series.samples]


# Showing


def summary(rounds: list[Round], load: Load) -> dict[str, dict[str, float]]:
    """Return each contender's figures; a ratio is the median of the rounds' own ratios, between their extremes."""
    chosen = {name: [each for each in rounds if each.contender == name] for name in CONTENDERS}
    ours = chosen[OURS]
    figures: dict[str, dict[str, float]] = {}
    for name, found in chosen.items():
        answers = [seconds for each in found for seconds in each.first_answers]
        faster = report.ratios([each.archived_seconds for each in found], [each.archived_seconds for each in ours])
        sooner = report.ratios([_p95(each) for each in found], [_p95(each) for each in ours])
        figures[name] = {
            "first_answer_p50": report.percentile(answers, 50),
            "first_answer_p95": report.percentile(answers, 95),
            "first_answer_max": max(answers),
            "unanswered": sum(each.unanswered for each in found),
            "refused_calls": sum(each.refused for each in found),
            "archived_seconds": median(each.archived_seconds for each in found),
            "cpu_seconds_per_gb": median(each.cpu_seconds for each in found) / load.size_bytes * GB,
            "peak_mib": median(each.peak_bytes for each in found) / MIB,
            "distributed_times_as_fast": median(faster),
            "distributed_times_as_fast_least": faster[0],
            "distributed_times_as_fast_most": faster[-1],
            "distributed_times_sooner_p95": median(sooner),
            "distributed_share_of_cpu": report.paired(
                [each.cpu_seconds for each in ours], [each.cpu_seconds for each in found]
            ),
            "simulator_cpu_seconds_per_gb": median(each.simulator_cpu_seconds for each in found) / load.size_bytes * GB,
        }
    return figures


def _p95(found: Round) -> float:
    return report.percentile(found.first_answers, 95)


def table(figures: dict[str, dict[str, float]]) -> list[list[str]]:
    """Return the rows that compare the contenders."""
    head = ["", "first answer p50 / p95 / max", "unanswered", "refused calls", "all archived", "CPU s/GB", "peaks, MiB"]
    head += ["bot + 2 workers: faster", "first answer p95 sooner", "takes of its CPU"]
    rows = []
    for name, found in figures.items():
        answers = " / ".join(f"{found[f'first_answer_{which}']:.2f}" for which in ("p50", "p95", "max"))
        counts = [f"{found['unanswered']:.0f}", f"{found['refused_calls']:.0f}"]
        costs = [f"{found['archived_seconds']:.1f} s", f"{found['cpu_seconds_per_gb']:.1f}", f"{found['peak_mib']:.0f}"]
        extremes = "–".join(f"{found[f'distributed_times_as_fast_{which}']:.1f}" for which in ("least", "most"))
        against = [f"{found['distributed_times_as_fast']:.1f} × ({extremes})"]
        against += [f"{found['distributed_times_sooner_p95']:.1f} ×", f"{found['distributed_share_of_cpu']:.2f} ×"]
        rows.append([name, f"{answers} s", *counts, *costs, *(["", "", ""] if name == OURS else against)])
    return [head, *rows]


def process_table(rounds: list[Round], load: Load) -> list[list[str]]:
    """Return the rows that tell each process's cost, medians of all rounds."""
    rows = [["", "process", "CPU s/GB", "peak RSS, MiB"]]
    for name in CONTENDERS:
        found = [each for each in rounds if each.contender == name]
        for process in found[0].usage:
            cpu = median(each.usage[process].cpu_seconds for each in found) / load.size_bytes * GB
            peak = median(each.usage[process].peak_bytes for each in found) / MIB
            rows.append([name, process, f"{cpu:.2f}", f"{peak:.0f}"])
        simulator = median(each.simulator_cpu_seconds for each in found) / load.size_bytes * GB
        rows.append([name, "(simulator)", f"{simulator:.2f}", "–"])
    return rows


def depth_table(rounds: list[Round]) -> list[list[str]]:
    """Return the rows that draw queues over time, of the last round of each contender."""
    rows = [["", "of the last round", "most", "seconds", "over time"]]
    for name, samples in {each.contender: each.depth for each in rounds}.items():
        for kind, title in DEPTHS.items():
            values = [sample[kind] for sample in samples if kind in sample]
            if values:
                rows.append(
                    [name, title, f"{max(values):.0f}", f"{samples[-1]['seconds']:.0f}", report.sparkline(values)]
                )
    return rows


def show(rounds: list[Round], load: Load, options: argparse.Namespace) -> None:
    """Print all tables."""
    printed = report.markdown if options.markdown else report.show
    what = f"{load.small} small files and {load.large} of {load.large_mib} MiB, {load.size_bytes / GB:.2f} GB in all"
    tables: Sequence[tuple[str, list[list[str]]]] = [
        (f"{what}; {options.runs} runs of each", table(summary(rounds, load))),
        ("What each process took", process_table(rounds, load)),
        ("Queues over time, one sample a second", depth_table(rounds)),
    ]
    for title, rows in tables:
        printed(title, rows)


def main() -> int:
    """Run the benchmark, or the script that it is compared with."""
    parser = report.parser("Archive small and large files, mixed in time, from a simulated Telegram.")
    parser.add_argument("--small", type=report.at_least_one, default=500, help="files of 200 KB")
    parser.add_argument(
        "--large", type=report.at_least_one, default=20, help="files that the Bot API does not hand out"
    )
    parser.add_argument("--large-mib", type=report.at_least_one, default=64, help="size of a large file, above 20")
    parser.add_argument("--markdown", action="store_true", help="print tables to be pasted into docs/benchmarks.md")
    options = parser.parse_args()
    if options.role:
        script.run(processes.received_order())
        return 0
    if options.large_mib <= 20:
        parser.error("--large-mib: the Bot API hands out files of up to 20 MiB")
    load = Load(options.small, options.large, options.large_mib)
    try:
        rounds = processes.run(measure(options, load))
    except TestbedError as error:
        raise SystemExit(f"no result: {error}") from error
    show(rounds, load, options)
    report.write(
        options.json,
        {
            "benchmark": "distributed",
            "machine": report.machine("python-telegram-bot", "telethon", "cryptg", "boto3", "aio-pika"),
            "load": asdict(load),
            "figures": summary(rounds, load),
            "runs": [asdict(each) for each in rounds],
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
