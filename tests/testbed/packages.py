"""Debian packages that the test-bed needs: installed as root or under CI=true, else named in a line to paste.

A server that comes in a package is not to run by itself: it stays ours to start.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.cache import alone, folder
from testbed.processes import TestbedError, run_tool

_POLICY = Path("/usr/sbin/policy-rc.d")
"""Asked by packages before they start a service; exit status 101 forbids it (Debian's invoke-rc.d)."""
_LIMIT = 15 * 60  # seconds, for one run of apt-get


def ensure(package: str) -> None:
    """Have the package installed.

    Raises:
        TestbedError: it is missing, and we may not install it; or that failed.
    """
    if is_installed(package):
        return
    prefix = _as_root(package)
    # apt-get does not wait for another one that reads its lists
    with alone(folder() / "apt"), _nothing_starts(prefix):
        sys.stderr.write(f"test-bed: installing {package} (Debian package)\n")
        _run([*prefix, "apt-get", "update", "-qq"])
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        _run([*prefix, *environment, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package])


def keep_from_running(service: str) -> None:
    """Stop the system's own instance of a service that we just installed, now and at the next boot."""
    if Path("/run/systemd/system").is_dir():
        _run([*_as_root(service), "systemctl", "disable", "--now", "--quiet", service])


def is_installed(package: str) -> bool:
    """Whether dpkg has it unpacked and set up."""
    if shutil.which("dpkg-query") is None:
        return False
    asked = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return told.stdout.startswith("ii")


def _as_root(package: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    if os.environ.get("CI") == "true":
        return ["sudo", "-n"]
    paste = f"sudo apt-get update && sudo apt-get install -y {package}"
    raise TestbedError(f"missing: {package}. Paste this, then try again:  {paste}")


@contextmanager
def _nothing_starts(prefix: list[str]) -> Iterator[None]:
    if _POLICY.exists():  # the machine has its own
        yield
        return
    script = f"printf '#!/bin/sh\\nexit 101\\n' > {_POLICY} && chmod 755 {_POLICY}"
    _run([*prefix, "sh", "-c", script])
    try:
        yield
    finally:
        _run([*prefix, "rm", "-f", str(_POLICY)])


def _run(command: list[str]) -> None:
    run_tool(command, limit=_LIMIT)
