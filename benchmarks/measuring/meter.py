"""What a piece of work costs the process that does it. Linux with glibc only: memory is read from /proc (proc(5))."""

import ctypes
import gc
import resource
import time
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc/self")


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
        (_PROC / "clear_refs").write_text("5")  # VmHWM, the peak, counts from here
        self._idle = _memory("VmRSS")
        self._cpu = _cpu_seconds()
        self._start = time.perf_counter()

    def read(self) -> Cost:
        """Return the cost so far."""
        wall = time.perf_counter() - self._start
        return Cost(wall, _cpu_seconds() - self._cpu, max(0, _memory("VmHWM") - self._idle))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: str) -> int:
    lines = (_PROC / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
