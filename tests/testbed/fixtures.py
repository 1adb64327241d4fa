"""Fixtures for suites that run against real servers; their conftest.py imports what they need.

A server that can't be had skips its tests with the reason; under CI=true it fails them.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from testbed.brokers import remove_all
from testbed.buckets import SeenBucket, server_client
from testbed.control_plane import ControlPlane
from testbed.minio import Minio, S3Address
from testbed.processes import TestbedError
from testbed.rabbitmq import URL_VARIABLE, AmqpAddress, RabbitMq, any_rabbitmq

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_GIVEN = ("TELTUBBY_TEST_S3_ENDPOINT", "TELTUBBY_TEST_S3_ACCESS_KEY_ID", "TELTUBBY_TEST_S3_SECRET_ACCESS_KEY")


def unavailable(reason: object) -> NoReturn:
    """Say why a test can't run."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(reason))
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Address]:
    """A server that speaks S3, for the whole run: the one that the environment names, else a MinIO of our own."""
    given = [os.environ.get(name) for name in _GIVEN]
    if any(given):
        endpoint, key_id, secret = given
        if not endpoint or not key_id or not secret:
            unavailable(f"set all of {', '.join(_GIVEN)}, or none")
        yield S3Address(endpoint.rstrip("/"), key_id, secret)
        return
    server = Minio(tmp_path_factory.mktemp("minio"))
    try:
        server.start()
    except TestbedError as error:
        unavailable(error)
    try:
        yield server.address
    finally:
        server.stop()


@pytest.fixture
def own_minio(tmp_path: Path) -> Iterator[Minio]:
    """A MinIO of the test's own, to be suspended, killed and started again."""
    folder = tmp_path / "minio"
    folder.mkdir()
    server = Minio(folder)
    try:
        server.start()
    except TestbedError as error:
        unavailable(error)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_client(s3: S3Address) -> Iterator["S3Client"]:
    """boto3 at that server, to see what stores do there."""
    with server_client(s3) as client:
        yield client


@pytest.fixture
def seen_bucket(s3: S3Address, s3_client: "S3Client") -> Iterator[SeenBucket]:
    """A bucket of the test's own at the server of the whole run; not made yet, and removed afterwards."""
    seen = SeenBucket(s3, s3_client)
    try:
        yield seen
    finally:
        seen.remove()


@pytest.fixture
def own_bucket(own_minio: Minio) -> Iterator[SeenBucket]:
    """A bucket on it; not made yet."""
    with server_client(own_minio.address) as client:
        yield SeenBucket(own_minio.address, client)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A Kubernetes API, for the whole run."""
    with ExitStack() as stack:
        try:
            plane = stack.enter_context(ControlPlane(tmp_path_factory.mktemp("kubernetes") / "plane"))
        except TestbedError as error:
            unavailable(error)
        yield plane


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[AmqpAddress]:
    """A broker, for the whole run: the one that the environment names, else one of our own."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(any_rabbitmq())
        except TestbedError as error:
            unavailable(error)
        yield address
        if os.environ.get(URL_VARIABLE):
            asyncio.run(remove_all(address))


@pytest.fixture(scope="module")
def own_rabbitmq() -> Iterator[RabbitMq]:
    """A broker of the module's own, to be suspended, killed and started again; each test leaves it running."""
    broker = RabbitMq()
    try:
        broker.start()
    except TestbedError as error:
        broker.close()
        unavailable(error)
    try:
        yield broker
    finally:
        broker.close()
