"""The stage of these tests is the distributed one, with logins in Secrets and Leases of a real Kubernetes API."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import distributed.asserts  # noqa: F401  # before what it is about
from distributed.forkserver import Forkserver
from sessions.search import assert_nothing_shows
from sessions.stage import SessionStage, new_session_stage
from testbed.control_plane import ControlPlane
from testbed.fixtures import control_plane, rabbitmq, s3
from testbed.minio import S3Address
from testbed.rabbitmq import AmqpAddress

__all__ = ["control_plane", "rabbitmq", "s3"]

WORKERS = 4


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    """What starts the services."""
    server = Forkserver(["teltubby_bot.__main__", "teltubby_worker.__main__"])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
async def stage(
    tmp_path: Path, forkserver: Forkserver, s3: S3Address, rabbitmq: AmqpAddress, control_plane: ControlPlane
) -> AsyncIterator[SessionStage]:
    """Four workers and four sessions. Whatever a test does with them, no secret shows afterwards."""
    async with new_session_stage(tmp_path, s3, rabbitmq, control_plane, WORKERS, forkserver) as stage:
        yield stage
        assert_nothing_shows(stage)
