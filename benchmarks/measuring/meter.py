"""What a piece of work costs the processes that do it. Linux with glibc only: memory is read from /proc (proc(5))."""

import ctypes
import gc
import os
import resource
import time
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")  # a second has so many; what /proc counts CPU in


class Cost(NamedTuple):
    """Seconds on the wall, seconds of CPU in all threads, and bytes of memory at the peak above the start."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


class Meter:
    """Counts from the moment it is made. One at a time: the peak belongs to the process."""

    def __init__(self) -> None:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # or what the start left free would hide what the work takes
        (_proc() / "clear_refs").write_text("5")  # VmHWM, the peak, counts from here
        self._idle = _memory("VmRSS")
        self._cpu = _cpu_seconds()
        self._start = time.perf_counter()

    def read(self) -> Cost:
        """Return the cost so far."""
        wall = time.perf_counter() - self._start
        return Cost(wall, _cpu_seconds() - self._cpu, max(0, _memory("VmHWM") - self._idle))


class Usage(NamedTuple):
    """What a process has used since its start: seconds of CPU in all threads, and bytes of memory at the peak."""

    cpu_seconds: float
    peak_bytes: int


def usage_of(pid: int) -> Usage:
    """Return what any running process has used; those that it started do not count.

    Raises:
        OSError: it has ended.
    """
    # the second field, the name, may hold anything; utime and stime are the 14th and the 15th
    fields = (_proc(pid) / "stat").read_text().rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, _memory("VmHWM", pid))


def _proc(pid: int | None = None) -> Path:
    return Path("/proc", "self" if pid is None else str(pid))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: str, pid: int | None = None) -> int:
    lines = (_proc(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
