"""Programs that no package brings: built once from the Go module proxy into the user's cache, for every checkout.

Knows what to build and where it lies, not how it is run.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import TestbedError

_OLDEST_GO = (1, 21)
"""From 1.21 on Go fetches the toolchain that a module asks for (go.dev/doc/toolchain)."""
_LIMIT = 30 * 60  # seconds; about five minutes on two cores from nothing
_TOOL_LIMIT = 60


@dataclass(frozen=True)
class GoProgram:
    """A program of one Go module."""

    name: str
    module: str
    version: str
    package: str = "."

    @property
    def path(self) -> Path:
        """Where it lies once it is built."""
        return cache() / "testbed" / f"{self.name}-{self.version}"


MINIO = GoProgram("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")
"""The last release, RELEASE.2026-02-12: its community edition comes as source only."""


def cache() -> Path:
    """Return the folder that the Makefile and scripts/setup.sh use as well."""
    given = os.environ.get("TELTUBBY_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "teltubby"


def ensure(program: GoProgram) -> Path:
    """Return the program's path, building it when it is not there yet. Of several at once one builds, the others wait.

    Raises:
        TestbedError: it can't be built; one line says why.
    """
    if _usable(program.path):
        return program.path
    program.path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(program.path.with_name(f"{program.path.name}.lock")):
        if not _usable(program.path):
            _build(program, _go())
    return program.path


def built(program: GoProgram) -> Path:
    """Return the program's path; building takes longer than a test may.

    Raises:
        TestbedError: it is not there.
    """
    if not _usable(program.path):
        raise TestbedError(f"no {program.name} in {program.path.parent}; make it: cd tests && python -m testbed minio")
    return program.path


def _usable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
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


def _go() -> str:
    """Find a Go that is new enough, where PATH or its usual place has one."""
    wanted = ".".join(map(str, _OLDEST_GO))
    for candidate in filter(None, (shutil.which("go"), shutil.which("/usr/local/go/bin/go"))):
        told = _run([candidate, "env", "GOVERSION"], limit=_TOOL_LIMIT, env=_environment())
        found = re.match(r"go(\d+)\.(\d+)", told)
        if found and (int(found[1]), int(found[2])) >= _OLDEST_GO:
            return candidate
    # Debian 12's own package is 1.19: installing it would not help.
    raise TestbedError(f"Go {wanted} or newer is needed to build the test-bed's servers: see https://go.dev/dl/")


def _build(program: GoProgram, go: str) -> None:
    started = time.monotonic()
    _say(f"building {program.name} {program.version} from the Go module proxy; once, a few minutes")
    told = _run([go, "mod", "download", "-json", f"{program.module}@{program.version}"], limit=_LIMIT)
    with tempfile.TemporaryDirectory(prefix=f"{program.name}-", dir=program.path.parent) as folder:
        source = Path(folder, "source")
        # copyfile leaves the module cache's read-only modes behind; go build keeps go.mod and go.sum up to date
        shutil.copytree(json.loads(told)["Dir"], source, copy_function=shutil.copyfile)
        made = Path(folder, "made")
        _run([go, "build", "-ldflags", "-s -w", "-o", str(made), program.package], limit=_LIMIT, cwd=source)
        made.replace(program.path)
    _say(f"{program.path} made in {time.monotonic() - started:.0f} s")


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod", "GOWORK": "off"}


def _run(command: list[str], *, limit: float, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(  # Go itself, with arguments from this module
            command,
            cwd=cwd,
            env=env or _environment(),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise TestbedError(f"{' '.join(command)}: not done after {limit:g} s") from None
    if done.returncode:
        raise TestbedError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


def _say(text: str) -> None:
    sys.stderr.write(f"test-bed: {text}\n")
