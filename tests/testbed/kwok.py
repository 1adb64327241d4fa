"""Nodes that are played: with KWOK and Kubernetes's own controllers, Deployments get pods that run nothing."""

import json
import secrets
from pathlib import Path
from typing import Self

import yaml

from testbed import binaries
from testbed.control_plane import ControlPlane
from testbed.processes import TestbedError, free_port, wait_for

_STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
_NODES = 3
_START_LIMIT = 60.0  # seconds; four to six without other work
_ROOM = {"cpu": "64", "memory": "256Gi", "pods": "4000"}


class PlayedCluster(ControlPlane):
    """A control plane with controller-manager, scheduler and three such nodes; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in ``folder``."""
        super().__init__(folder, audited=True)

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            TestbedError: it does not come up; with the end of its log.
        """
        super().__enter__()
        try:
            self._start("kube-controller-manager", self.plan.controller_manager())
            self._start("kube-scheduler", self.plan.scheduler())
            self._start_kwok()
            self.apply(*(_node(number) for number in range(_NODES)))
            wait_for(self._nodes_ready, _START_LIMIT, "the played nodes are ready")
        except BaseException:
            self.stop()
            raise
        return self

    def _users(self) -> dict[str, tuple[str, str, str]]:
        names = ("admin", "controller-manager", "scheduler")
        return {name: (secrets.token_hex(16), name, "system:masters") for name in names}

    def _start_kwok(self) -> None:
        kwok = binaries.built(binaries.KWOK)
        command = [
            str(kwok),
            f"--kubeconfig={self.plan.kubeconfig('admin')}",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
            f"--config={self._stages()}",
            f"--server-address=127.0.0.1:{free_port()}",
        ]
        self._start("kwok", command)

    def _stages(self) -> Path:
        """Write how nodes and pods live, as KWOK's own module has it, into one file."""
        source = binaries.source_of(binaries.KWOK.module, binaries.KWOK.version.removeprefix("v"))
        files = [path for stage in _STAGES for path in sorted((source / "kustomize" / "stage" / stage).glob("*.yaml"))]
        found = [each for path in files for each in yaml.safe_load_all(path.read_text("utf-8"))]
        stages = [each for each in found if each and each.get("kind") == "Stage"]
        if not stages:
            raise TestbedError(f"{source} has no stages for KWOK")
        path = self.plan.folder / "stages.yaml"
        path.write_text("---\n".join(json.dumps(each) + "\n" for each in stages), "utf-8")
        return path

    def _nodes_ready(self) -> bool:
        nodes = self.get("nodes")["items"]
        ready = [each for each in nodes for told in _conditions(each) if told == ("Ready", "True")]
        return len(ready) == _NODES


def _conditions(node: dict[str, dict[str, list[dict[str, str]]]]) -> list[tuple[str, str]]:
    return [(each["type"], each["status"]) for each in node.get("status", {}).get("conditions", [])]


def _node(number: int) -> dict[str, object]:
    name = f"played-{number}"
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata,
        "status": {"allocatable": _ROOM, "capacity": _ROOM},
    }
