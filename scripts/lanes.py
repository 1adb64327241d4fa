"""Run make targets in lanes side by side: ``lanes.py LINT UNIT -- CHART CLUSTER`` runs two after two.

Each line of their output comes with its target's name before it. After a failure no further target begins; the end of
what the failed one printed comes last, so that it need not be looked for. Exit status 1 when any failed.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from types import FrameType

_SHOWN_AGAIN = 120  # lines


class Lanes:
    """Targets that run, and those that failed with the last of what they said."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.failed: dict[str, deque[str]] = {}
        self._running: set[subprocess.Popen[str]] = set()
        self.ended = False

    def run(self, targets: Sequence[str]) -> None:
        """Make one target after the other, as long as all goes well in all lanes."""
        for target in targets:
            if self.ended or self.failed:
                return
            self._make(target)

    def end(self, *_: int | FrameType | None) -> None:
        """Let make end what runs."""
        self.ended = True
        for process in list(self._running):
            _interrupt(process)

    def _make(self, target: str) -> None:
        started = time.monotonic()
        command = ["make", "--no-print-directory", target]
        last: deque[str] = deque(maxlen=_SHOWN_AGAIN)
        with subprocess.Popen(  # noqa: S603  # targets of our own Makefile
            command,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
        ) as process:
            assert process.stdout is not None
            self._running.add(process)
            if self.ended:
                _interrupt(process)
            for line in process.stdout:
                last.append(line)
                _say(f"{target}: {line}")
            status = process.wait()
            self._running.discard(process)
        if status:
            self.failed[target] = last
        _say(
            f"{target}: {f'failed with status {status}' if status else 'done'} in {time.monotonic() - started:.0f} s\n"
        )


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C for it and all that it started: so tests end their servers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the lanes, and tell of failures."""
    lanes = Lanes()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lanes.end)
    groups = [list(targets) for parts, targets in groupby(arguments, lambda each: each == "--") if not parts]
    threads = [threading.Thread(target=lanes.run, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for target, lines in lanes.failed.items():
        _say(f"\n{target} failed; its last lines:\n{''.join(lines)}")
    return 1 if lanes.failed or lanes.ended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
