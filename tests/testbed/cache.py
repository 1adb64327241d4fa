"""The test-bed's folder in the user's cache, which all checkouts share, and who may write there."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.processes import TestbedError

_LIMIT = 45 * 60  # seconds; longer than anything takes that is made there


def folder() -> Path:
    """Return it; the cache around it is the one that the Makefile and scripts/setup.sh use as well."""
    given = os.environ.get("TELTUBBY_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(given) if given else Path(base) / "teltubby") / "testbed"


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Let one process at a time make what shall lie at ``target``; its folder is there then.

    Raises:
        TestbedError: another one is at it for too long.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f"{target.name}.lock")
    with path.open("w") as file:
        deadline = time.monotonic() + _LIMIT
        while not _lock(file.fileno()):
            if time.monotonic() > deadline:
                raise TestbedError(f"{path} is still locked after {_LIMIT} s: another build hangs")
            time.sleep(0.2)
        yield


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
