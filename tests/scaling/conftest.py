"""A played cluster, a real broker with its management API, and the operator as a process of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scaling.stage import OperatorProcess, ScalingStage, install_rights, own_kubeconfig
from testbed.fixtures import unavailable
from testbed.kwok import PlayedCluster
from testbed.processes import TestbedError
from testbed.rabbitmq import RabbitMq

CRD = Path(__file__).parents[2] / "charts" / "teltubby" / "crds" / "teltubbyarchives.yaml"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedCluster]:
    """Kubernetes with the CRD of the chart."""
    with ExitStack() as stack:
        try:
            played = stack.enter_context(PlayedCluster(tmp_path_factory.mktemp("kubernetes") / "plane"))
        except TestbedError as error:
            unavailable(error)
        played.kubectl("apply", f"--filename={CRD}")
        played.kubectl("wait", "--for=condition=Established", "crd/teltubbyarchives.teltubby.io", "--timeout=30s")
        install_rights(played)
        yield played


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMq]:
    """RabbitMQ whose statistics are a second old at most."""
    server = RabbitMq(config=["collect_statistics_interval = 1000"], plugins=["rabbitmq_management"])
    try:
        server.start()
    except TestbedError as error:
        unavailable(error)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def operator(cluster: PlayedCluster, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that serves all namespaces."""
    process = OperatorProcess(cluster, tmp_path, "one", own_kubeconfig(cluster, tmp_path))
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
async def stage(cluster: PlayedCluster, broker: RabbitMq) -> AsyncIterator[ScalingStage]:
    """An archive's namespace, with a queue of its own at the broker."""
    async with ScalingStage.opened(cluster, broker) as stage:
        yield stage
