"""``python -m testbed.run -- COMMAND…``: a RabbitMQ and a MinIO of its own, for as long as the command runs.

The command gets their addresses as the environment variables that teltubby reads. Its exit status is handed on.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from testbed.minio import Minio, S3Address
from testbed.processes import TestbedError
from testbed.rabbitmq import any_rabbitmq

_USAGE = "usage: python -m testbed.run -- COMMAND [ARGUMENT…]"
_STOPPED_BY = 128  # plus the signal's number, as shells have it
_STOP_SECONDS = 30  # for the command to end what it began


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its status, 1 when a server can't be had, 2 when there is no command."""
    command = list(arguments[1:]) if arguments[:1] == ["--"] else []
    if not command:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with servers() as settings:
            return run(command, settings)
    except TestbedError as error:
        sys.stderr.write(f"test-bed: {error}\n")
        return 1
    except KeyboardInterrupt:
        return _STOPPED_BY + signal.SIGINT


@contextmanager
def servers() -> Iterator[Mapping[str, str]]:
    """Give both servers, as environment variables."""
    with (
        tempfile.TemporaryDirectory(prefix="teltubby-servers-") as folder,
        Minio(Path(folder)) as minio,
        any_rabbitmq() as broker,
    ):
        yield {**_s3_environment(minio.address), **broker.environment}


def run(command: Sequence[str], settings: Mapping[str, str]) -> int:
    """Run a command to its end. When we are stopped, it gets the time to end in order before the servers go."""
    process = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        return process.wait()
    except SystemExit:
        process.terminate()
        raise
    finally:  # after Ctrl-C it ends by itself: the terminal tells all of us
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _s3_environment(address: S3Address) -> Mapping[str, str]:
    return {
        "S3_ENDPOINT": address.endpoint,
        "S3_ACCESS_KEY_ID": address.access_key_id,
        "S3_SECRET_ACCESS_KEY": address.secret_access_key,
    }


def _terminate(number: int, _: object) -> NoReturn:
    sys.exit(_STOPPED_BY + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
