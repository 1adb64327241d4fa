"""A release of the chart on a cluster, and the archive that it is: installed, changed, disturbed, looked at."""

import base64
import copy
import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teltubby_cli.demo.bucket import Bucket
from teltubby_core.settings import S3Settings
from teltubby_simulator.far_world import FarWorld
from testbed.images import TAG
from testbed.kubectl import Cluster
from testbed.processes import TestbedError, wait_for

CHART = Path(__file__).parents[2] / "charts" / "teltubby"
CURATOR = 1001
"""Who may send while the simulator is on and nobody else is named."""
COMPONENTS = ("bot", "worker", "rabbitmq", "minio", "simulator")
SECRETS = ("telegram", "rabbitmq", "s3", "session-keys", "simulator")
READY_LIMIT = 180.0  # seconds; twenty to forty when the machine has nothing else to do


TIMES: dict[str, float] = {}
"""Seconds by what took them, for the end of the run."""


def _image(repository: str) -> dict[str, Any]:
    return {"image": {"repository": repository, "tag": TAG, "pullPolicy": "Never"}}


FIXED: Mapping[str, Any] = {"worker": {"scaling": {"enabled": False}}, "operator": {"enabled": False}}
"""One worker, which tests that look at it need."""
_VALUES: Mapping[str, Any] = {
    "simulator": {"enabled": True},
    **{part: _image(f"teltubby-{part}") for part in ("bot", "worker", "operator", "tools")},
    **{part: _image(part) for part in ("rabbitmq", "minio")},
}


class Release:
    """One release in a namespace of its own, which allows only what Pod Security ``restricted`` does."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str = "teltubby", base: Mapping[str, Any] = FIXED
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.name = name
        self.values: dict[str, Any] = copy.deepcopy(dict(_VALUES))
        _merge(self.values, copy.deepcopy(dict(base)))

    # Doing

    def make_namespace(self) -> None:
        """Make it."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
        )

    def install(self, **changed: Any) -> str:
        """Install it, with values beside or instead of ours, and wait until everything is ready."""
        return self._helm("install", changed)

    def upgrade(self, **changed: Any) -> str:
        """Change values, and wait until everything is ready."""
        return self._helm("upgrade", changed)

    def uninstall(self) -> None:
        """Uninstall it, and wait until its pods are gone."""
        self.cluster.helm("uninstall", self.name, *self._in, "--wait", "--timeout=3m")
        wait_for(lambda: not any(map(self.pods, COMPONENTS)), READY_LIMIT, "every pod to be gone")

    def remove(self) -> None:
        """Uninstall it, and let go of its namespace.

        In this order: for a pod that may take an hour to end, Kubernetes lets a namespace wait half an hour.
        """
        self.uninstall()
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def test(self) -> str:
        """Run ``helm test``; return what it prints."""
        return self.cluster.helm("test", self.name, *self._in, "--logs", "--timeout=5m")

    def delete_pod(self, component: str) -> None:
        """Delete a component's pod as an operator would; it may take its time to end."""
        self.kubectl("delete", "pod", self.pod(component), "--wait=false")

    def evict(self, pod: str) -> None:
        """Ask for a pod's eviction, as ``kubectl drain`` does."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.cluster.kubectl("create", "--raw", path, "--filename=-", given=json.dumps(eviction))

    def kubectl(self, *arguments: str, limit: float = 60) -> str:
        """Return what kubectl prints, in the release's namespace."""
        return self.cluster.kubectl(*self._in, *arguments, limit=limit)

    # Looking

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what ``kubectl get`` finds in the namespace."""
        return self.cluster.get(*self._in, *arguments)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Return a component's pods, those that are ending included."""
        found: list[dict[str, Any]] = self.get("pods", f"--selector={self._selector(component)}")["items"]
        return found

    def pod(self, component: str) -> str:
        """Return the name of the component's pod that is not ending."""
        (pod,) = [each for each in self.pods(component) if "deletionTimestamp" not in each["metadata"]]
        return str(pod["metadata"]["name"])

    def ready(self, component: str) -> bool:
        """Whether one pod of the component stands ready, and none is ending."""
        pods = self.pods(component)
        return len(pods) == 1 and "deletionTimestamp" not in pods[0]["metadata"] and _is_ready(pods[0])

    def until_ready(self, *components: str, limit: float = READY_LIMIT) -> None:
        """Wait until each of these stands ready."""
        for component in components:
            wait_for(lambda component=component: self.ready(component), limit, f"{component} to be ready")  # type: ignore[misc]

    def until_gone(self, kind: str, limit: float = READY_LIMIT) -> None:
        """Wait until the namespace holds nothing of this kind."""
        wait_for(lambda: not self.get(kind)["items"], limit, f"every {kind} to be gone")

    def logs(self, component: str, tail: int = 40) -> str:
        """Return the last lines of each container of a component's pods; all of them with -1."""
        selector = f"--selector={self._selector(component)}"
        return self.kubectl("logs", selector, "--all-containers", f"--tail={tail}", "--prefix")

    def worker_is_busy(self) -> bool:
        """Whether a worker holds a job, by its own page."""
        return any(self._jobs_of(pod["status"].get("podIP")) for pod in self.pods("worker"))

    def _jobs_of(self, address: str | None) -> Any:
        if address is None:
            return None
        try:
            with urllib.request.urlopen(f"http://{address}:8081/status", timeout=5) as answer:
                return json.load(answer)["worker"]["jobs"]
        except OSError:
            return None  # just starting, or just ending

    def address(self, component: str, port: int) -> str:
        """Return host and port of a Service."""
        service = self.get("service", f"{self.name}-{component}")
        return f"{service['spec']['clusterIP']}:{port}"

    def secret(self, component: str) -> dict[str, str]:
        """Return a Secret's content."""
        data = self.get("secret", f"{self.name}-{component}").get("data", {})
        return {name: base64.b64decode(value).decode() for name, value in data.items()}

    def world(self) -> FarWorld:
        """Return its Telegram."""
        return FarWorld(f"http://{self.address('simulator', 8080)}/control")

    def bucket(self, name: str = "teltubby") -> Bucket:
        """Return its archive, or another bucket in its store."""
        keys = self.secret("s3")
        settings = S3Settings(
            s3_endpoint=f"http://{self.address('minio', 9000)}",
            s3_access_key_id=keys["S3_ACCESS_KEY_ID"],
            s3_secret_access_key=keys["S3_SECRET_ACCESS_KEY"],
        )
        return Bucket(settings, name)

    @property
    def _in(self) -> tuple[str, ...]:
        return ("--namespace", self.namespace)

    def _selector(self, component: str) -> str:
        return f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"

    def _helm(self, action: str, changed: Mapping[str, Any]) -> str:
        _merge(self.values, changed)
        given = json.dumps(self.values)
        try:
            return self.cluster.helm(
                action, self.name, str(CHART), *self._in, "--values=-", "--wait", "--timeout=4m", given=given, limit=270
            )
        except TestbedError as error:
            raise TestbedError(f"{error}\n{self.describe()}") from None

    def describe(self) -> str:
        """Return what a person would look at first."""
        parts = [
            self.kubectl("get", "pods,leases,secrets,tta", "--output=wide"),
            self.kubectl("get", "events", "--sort-by=lastTimestamp"),
        ]
        for component in (*COMPONENTS, "operator"):
            try:
                parts.append(self.logs(component))
            except TestbedError as error:
                parts.append(str(error))
        return "\n".join(part[-4000:] for part in parts)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def _merge(into: dict[str, Any], changed: Mapping[str, Any]) -> None:
    for name, value in changed.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """So many."""
        return time.monotonic() - self._started
