"""The stage of these tests is bot and workers as processes of their own, on a real broker and a real object store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import distributed.asserts  # noqa: F401  # before what it is about
from distributed.forkserver import Forkserver
from distributed.stage import DistributedStage, new_stage
from testbed.fixtures import own_minio, rabbitmq, s3
from testbed.minio import Minio, S3Address
from testbed.rabbitmq import AmqpAddress, RabbitMq

__all__ = ["own_minio", "rabbitmq", "s3"]


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    """What starts the services. It imports them while the servers start: ask for it before these."""
    server = Forkserver(["teltubby_bot.__main__", "teltubby_worker.__main__", "integration.killed_at"])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
async def stage(
    tmp_path: Path, forkserver: Forkserver, s3: S3Address, rabbitmq: AmqpAddress
) -> AsyncIterator[DistributedStage]:
    """One worker, on the servers that all tests share."""
    async with new_stage(tmp_path, s3, rabbitmq, forkserver=forkserver) as stage:
        yield stage


@pytest.fixture
async def two_workers(
    tmp_path: Path, forkserver: Forkserver, s3: S3Address, rabbitmq: AmqpAddress
) -> AsyncIterator[DistributedStage]:
    """Two workers, on the servers that all tests share."""
    async with new_stage(tmp_path, s3, rabbitmq, 2, forkserver) as stage:
        yield stage


@pytest.fixture
async def on_own_broker(
    tmp_path: Path, forkserver: Forkserver, s3: S3Address, own_rabbitmq: RabbitMq
) -> AsyncIterator[DistributedStage]:
    """Two workers, on a broker that may be stopped and killed."""
    if not own_rabbitmq.process.alive:  # a test before failed
        own_rabbitmq.start()
    async with new_stage(tmp_path, s3, own_rabbitmq.address, 2, forkserver) as stage:
        yield stage


@pytest.fixture
async def on_own_store(
    tmp_path: Path, forkserver: Forkserver, own_minio: Minio, rabbitmq: AmqpAddress
) -> AsyncIterator[DistributedStage]:
    """Two workers, on an object store that may be suspended and killed."""
    async with new_stage(tmp_path, own_minio.address, rabbitmq, 2, forkserver) as stage:
        yield stage
