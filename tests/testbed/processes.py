"""A server as a process of ours: started, waited for, suspended, killed and ended, by its own pid and nothing else's.

Knows no server in particular. Everything here blocks and has a limit.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY = 0.02  # seconds
_LOG_TAIL = 3000  # characters of a log that an error shows
_SAID_TAIL = 2000  # of what a failed program said


class TestbedError(Exception):
    """A server can't be had, or does not do what it should; the text says why."""

    __test__ = False  # its name makes pytest look for tests in it


class Process:
    """One server process with a log of its own. It may be started again after it ended.

    Where the system has ``setpriv``, it also dies with the thread that started it, however that ends: start it from
    the main thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """``env`` is its whole environment; without it, it gets ours."""
        self.name = name
        self.command = list(command)
        self.log = log
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start it; it need not be ready yet."""
        if self.alive:
            raise TestbedError(f"{self.name} runs already")
        with self.log.open("ab") as out:
            self._popen = subprocess.Popen(  # what runs is named by the test-bed itself
                [*_leash(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,  # Ctrl-C is for pytest, which then ends it in order
            )

    def wait_ready(self, ready: Callable[[], bool], limit: float) -> None:
        """Wait until ``ready`` says so.

        Raises:
            TestbedError: it ended instead, or ``limit`` seconds passed; with the end of its log.
        """

        def ready_or_ended() -> bool:
            if not self.alive:
                raise TestbedError(f"{self.name} ended at its start:\n{self.tail()}")
            return ready()

        try:
            wait_for(ready_or_ended, limit, f"{self.name} to be ready")
        except TimeoutError as error:
            raise TestbedError(f"{error}\n{self.tail()}") from None

    def pause(self) -> None:
        """Suspend it: its connections stay open and silent. SIGSTOP."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on. SIGCONT."""
        self._running().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, without a chance to tidy up. SIGKILL."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(10)

    def stop(self, limit: float = 20) -> int | None:
        """End it in order, by force after ``limit`` seconds; return its exit status, None when it was never started."""
        if self._popen is None:
            return None
        if self.alive:
            self._popen.terminate()
            self._popen.send_signal(signal.SIGCONT)  # a suspended one would not hear of it
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(limit)
        self.kill()
        return self._popen.returncode

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-_LOG_TAIL:] if self.log.exists() else ""

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._popen is None:
            raise TestbedError(f"{self.name} was not started")
        return self._popen


def _leash() -> list[str]:
    # A server must not outlive a pytest that was killed. PR_SET_PDEATHSIG counts from the thread that started it.
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL"] if found else []


def run_tool(
    command: Sequence[str], *, limit: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a program that ends by itself; return what it printed.

    Raises:
        TestbedError: it can't be run, failed, or took longer than ``limit`` seconds; with the end of what it said.
    """
    said = " ".join(command)
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise TestbedError(f"{said}: not done after {limit:g} s") from None
    except OSError as error:
        raise TestbedError(f"{said}: {error}") from None
    if done.returncode:
        raise TestbedError(f"{said}: {(done.stderr or done.stdout).strip()[-_SAID_TAIL:]}")
    return done.stdout


def wait_for(condition: Callable[[], T], limit: float, what: str) -> T:
    """Return what ``condition`` returns once it is true.

    Raises:
        TimeoutError: it was not within ``limit`` seconds; the text names ``what``.
    """
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit:g} s for {what}")
        time.sleep(_LOOK_EVERY)
    return value


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens at now; somebody may before its server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int, timeout: float = 1) -> bool:
    """Whether something accepts connections at ``port`` of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout).close()
    except OSError:
        return False
    return True


def ended(pid: int) -> bool:
    """Whether no process has this id any more, ours that nobody waited for included."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return not _exists(pid)
    return state == "Z"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
