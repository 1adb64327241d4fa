"""``python -m testbed [minio] [rabbitmq]``: have the servers ready before any test's time counts; by default all."""

import sys
from collections.abc import Callable, Mapping

from testbed import binaries, packages
from testbed.processes import TestbedError


def _minio() -> str:
    return f"MinIO is {binaries.ensure(binaries.MINIO)}"


def _rabbitmq() -> str:
    if not packages.is_installed("rabbitmq-server"):
        packages.ensure("rabbitmq-server")
        packages.keep_from_running("rabbitmq-server")
    return "RabbitMQ is the Debian package rabbitmq-server"


PARTS: Mapping[str, Callable[[], str]] = {"minio": _minio, "rabbitmq": _rabbitmq}


def main(names: list[str]) -> int:
    """Make or install what is missing, and say where it is; 1 when something can't be had."""
    if unknown := [name for name in names if name not in PARTS]:
        sys.stderr.write(f"test-bed: there is no {', '.join(unknown)}; there are {', '.join(PARTS)}\n")
        return 2
    try:
        for name in names or PARTS:
            sys.stdout.write(f"test-bed: {PARTS[name]()}\n")
    except TestbedError as error:
        sys.stderr.write(f"test-bed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
