"""The stage of these tests is a real Kubernetes node with the images of this checkout."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.release import TIMES, Release, Stopwatch
from testbed import binaries, images
from testbed.kubectl import Cluster
from testbed.node import Node, why_not

KUBECONFIG = "TELTUBBY_TEST_KUBECONFIG"
"""Names a cluster that is there already, with our images on it and its Services in reach from here."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what took how long: people ask."""
    for what, seconds in TIMES.items():
        terminalreporter.write_line(f"{what}: {seconds:.1f} s")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster: the one that the environment names, else a node of the tests' own."""
    if given := os.environ.get(KUBECONFIG):
        yield Cluster(Path(given), binaries.built_kubernetes())
        return
    if reason := why_not():
        pytest.skip(reason)
    with Node(tmp_path_factory.mktemp("cluster") / "node") as node:
        node.start(images.made())
        TIMES["node up"] = max(node.timings.values())
        yield node


@pytest.fixture(scope="session")
def release(cluster: Cluster) -> Iterator[Release]:
    """A release with the simulator, which the tests share: each leaves it ready."""
    release = Release(cluster, "teltubby-cluster-test")
    release.make_namespace()
    watch = Stopwatch()
    release.install()
    TIMES["helm install until all was ready"] = watch.seconds
    yield release
    release.remove()
