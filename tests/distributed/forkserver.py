"""Starts programs by forking a process that has their modules imported: in milliseconds, where an import takes seconds.

What runs is the program itself, as ``python -m NAME`` or ``python FILE`` would run it, in a process of its own with an
environment, a working folder and a log of its own. Which process forks, and how it is spoken to: ``forking``.
"""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distributed import forking
from support import eventually

_START_SECONDS = 60.0


def _import_path() -> Iterator[str]:
    yield str(Path(__file__).parents[1])  # programs of these tests import from others
    if given := os.environ.get("PYTHONPATH"):
        yield given


class Forked:
    """A process that was forked, with as much of ``asyncio.subprocess.Process`` as tests use."""

    def __init__(self, server: "Forkserver", pid: int) -> None:
        self._server = server
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for the signal that ended it; None while it runs."""
        return self._server.ended.get(self.pid)

    async def wait(self) -> int:
        """Wait for its end."""
        await eventually(lambda: self.returncode is not None, math.inf)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; it goes to this process or to none."""
        self._server.ask({"signal": number, "pid": self.pid})

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Forkserver:
    """The process that forks, as seen by the tests."""

    def __init__(self, modules: Sequence[str]) -> None:
        """Start it. It imports ``modules`` while we go on."""
        self.ended: dict[int, int] = {}
        """Status by process id, of those that have ended."""
        self._started: list[int] = []
        self._heard = threading.Condition()
        self._process = subprocess.Popen(  # ours
            [sys.executable, forking.__file__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
        )
        self._reader = threading.Thread(target=self._read, name="forkserver", daemon=True)
        self._reader.start()

    def start(self, program: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Forked:
        """Start ``-m NAME ARGUMENTS…`` or ``FILE ARGUMENTS…``; both its outputs go to ``log``."""
        order = {"program": list(program), "env": dict(env), "folder": str(folder), "log": str(log)}
        with self._heard:
            self.ask(order)
            came = self._heard.wait_for(lambda: self._started or self._process.poll() is not None, _START_SECONDS)
            assert came, f"nothing was forked within {_START_SECONDS:g} s"
            assert self._started, "the forkserver has ended"
            return Forked(self, self._started.pop())

    def ask(self, order: Mapping[str, Any]) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it and all that it started."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._heard:
                if "status" in told:
                    self.ended[told["pid"]] = told["status"]
                else:
                    self.ended.pop(told["pid"], None)  # of an earlier process with the same number
                    self._started.append(told["pid"])
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()
