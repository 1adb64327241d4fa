"""The process that ``forkserver`` starts: it imports the modules that its arguments name, then forks itself on order.

A line of JSON on its standard input is what to start, or whom to send a signal; on its standard output it tells the
process id of what it started, and the status of what has ended. When its input ends, it ends, and what it started
with it. Knows nothing of what it starts.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from typing import Any

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h


def _serve() -> Mapping[str, Any]:
    """Fork on order, until standard input ends; returns in what was forked, with its order."""
    children: set[int] = set()

    def reap(*_: object) -> None:
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                children.discard(pid)
                _tell(pid=pid, status=os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then close our input
    for line in sys.stdin.buffer:
        order: dict[str, Any] = json.loads(line)
        # A child's end is heard of between two orders: whom a signal is for is not reaped meanwhile.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        if "signal" in order:
            if order["pid"] in children:
                os.kill(order["pid"], order["signal"])
        elif pid := os.fork():
            children.add(pid)
            _tell(pid=pid)
        else:
            return order
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _tell(**told: int) -> None:
    os.write(1, json.dumps(told).encode() + b"\n")  # in one piece: a pipe keeps short writes whole


def _become(order: Mapping[str, Any]) -> None:
    """Become the program."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.close(log)
    os.close(nothing)
    first, *rest = order["program"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
        if name.endswith(".__main__"):
            del sys.modules[name]  # it is to run anew
    gc.freeze()  # or each process would copy, and look through, all that was imported
    _become(_serve())
