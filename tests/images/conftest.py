"""The stage of these tests is a Docker engine with what the Dockerfiles make."""

from collections.abc import Iterator

import pytest

from testbed import images
from testbed.docker_engine import Engine, engine
from testbed.node import why_not


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """An engine of the tests' own that has the product's images."""
    if reason := why_not():
        pytest.skip(reason)
    with engine() as docker:
        images.load(docker)
        yield docker
