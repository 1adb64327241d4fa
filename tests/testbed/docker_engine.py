"""A Docker engine of the test-bed's own, from Debian's package: started to build images, and ended again.

It makes no networks and touches no firewall: what it builds uses this machine's own network.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed import cache, packages
from testbed.processes import Process, TestbedError

_ENGINE, _CLIENT = "/usr/sbin/dockerd", "/usr/bin/docker"
_START_LIMIT = 60.0  # seconds
_BUILD_LIMIT = 1200.0
_TAIL = 3000  # characters of an error
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class Engine:
    """A running one."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def import_base(self, archive: Path, tag: str, environment: Mapping[str, str]) -> None:
        """Make an image of a whole file system."""
        changes = [f"--change=ENV {name}={value}" for name, value in environment.items()]
        self.run("import", *changes, str(archive), tag)

    def build(self, context: Path, tag: str, *, dockerfile: Path, base: str, target: str = "") -> None:
        """Build an image by a Dockerfile, on ``base``; its last stage, or the one that ``target`` names."""
        passed = [f"--build-arg={name}" for name in _PROXIES if name in os.environ]
        how = ["--quiet", "--network=host", *passed, f"--build-arg=BASE_IMAGE={base}", f"--target={target}"]
        self.run("build", *how, f"--file={dockerfile}", f"--tag={tag}", str(context))

    def save(self, tag: str, target: Path) -> None:
        """Write an image into an archive."""
        part = target.with_name(f"{target.name}.part")
        self.run("save", f"--output={part}", tag)
        part.replace(target)

    def run(self, *arguments: str) -> str:
        """Run the client.

        Raises:
            TestbedError: it fails; with the end of what it says.
        """
        done = self.try_out(*arguments)
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-_TAIL:]
            raise TestbedError(f"docker {' '.join(arguments)}: {said}")
        return done.stdout

    def try_out(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the client, come of it what may.

        Raises:
            TestbedError: it does not end.
        """
        command = [_CLIENT, f"--host=unix://{self._socket}", *arguments]
        # the older builder: it needs no plugin
        environment = os.environ | {"DOCKER_BUILDKIT": "0"}
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_BUILD_LIMIT,
                check=False,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise TestbedError(f"docker {' '.join(arguments)}: not done after {_BUILD_LIMIT:g} s") from None


@contextmanager
def engine() -> Iterator[Engine]:
    """Give a running engine; one at a time on this machine, since they share what was built before.

    Raises:
        TestbedError: it can't be had.
    """
    if not packages.is_installed("docker.io"):
        packages.ensure("docker.io")
        packages.keep_from_running("docker")
    home = cache.folder() / "docker"
    with cache.alone(home):
        home.mkdir(exist_ok=True)
        process = _engine_in(home)
        process.start()
        try:
            found = Engine(home / "socket")
            process.wait_ready(lambda: found.try_out("version").returncode == 0, _START_LIMIT)
            yield found
        finally:
            process.stop(30)


def _engine_in(home: Path) -> Process:
    (home / "pid").unlink(missing_ok=True)  # of one that was killed: its lock is ours now
    off: Sequence[str] = ("bridge=none", "iptables=false", "ip6tables=false", "ip-forward=false")
    command = [
        _ENGINE,
        f"--data-root={home}/data",
        f"--exec-root={home}/exec",
        f"--pidfile={home}/pid",
        f"--host=unix://{home}/socket",
        *(f"--{each}" for each in off),
    ]
    return Process("dockerd", command, home / "log")
