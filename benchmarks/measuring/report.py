"""How results are shown: a table for people, JSON for whoever asks for it, nothing written unasked."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark takes."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    made.add_argument("--runs", type=at_least_one, default=3, help="runs of each contender, taken in turns")
    made.add_argument("--json", type=Path, help="write all figures there")
    made.add_argument("--role", help=argparse.SUPPRESS)  # what a process started by the benchmark is to do
    return made


def at_least_one(text: str) -> int:
    """Read a count from the command line."""
    if (value := int(text)) < 1:
        raise ValueError(text)
    return value


def in_turns(names: Sequence[str], number: int) -> list[str]:
    """Return the order of one round: each round begins with another contender, so that none always goes first."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def machine(*packages: str) -> dict[str, Any]:
    """Return what it ran on."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def ratios(own: Sequence[float], peers: Sequence[float]) -> list[float]:
    """Return own/peer of each round, sorted."""
    return sorted(mine / theirs for mine, theirs in zip(own, peers, strict=True))


def paired(own: Sequence[float], peers: Sequence[float]) -> float:
    """Return the median of own/peer, each pair from the same round."""
    return median(ratios(own, peers))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of the values, interpolated between two of them; with one value, that one."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Draw values of equal distances in time in at most ``width`` characters, the most of each stretch, from zero."""
    marks = "▁▂▃▄▅▆▇█"
    size = -(-len(values) // width) or 1
    peaks = [max(values[start : start + size]) for start in range(0, len(values), size)]
    top = max(peaks, default=0) or 1
    return "".join(marks[round(peak / top * (len(marks) - 1))] for peak in peaks)


def note(line: str) -> None:
    """Tell on standard error how far it is."""
    sys.stderr.write(line + "\n")


def show(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first row names the columns, the first column the rows."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    sys.stdout.write("\n".join(["", title, "", lines[0], "-" * len(lines[0]), *lines[1:], ""]))


def markdown(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print a table as ``show`` does, to be pasted into a document."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    sys.stdout.write("\n".join(["", title, "", head, "|" + "---|" * len(rows[0]), *body, ""]))


def write(path: Path | None, results: Mapping[str, Any]) -> None:
    """Write the JSON, if asked to."""
    if path is not None:
        path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
