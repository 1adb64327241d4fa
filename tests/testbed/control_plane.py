"""A control plane of Kubernetes on this machine's loopback: etcd and kube-apiserver as ordinary processes, no root."""

import json
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from testbed import binaries
from testbed.control_plan import ControlPlan
from testbed.kubectl import Cluster
from testbed.processes import Process, TestbedError, free_port

_START_LIMIT = 60.0  # seconds; three to six without other work
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Call:
    """A call of a service account to the API, as the audit log has it. ``credential``: id of the token it came with."""

    at: datetime
    credential: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    status: int


class ControlPlane(Cluster):
    """Use it as a context manager."""

    def __init__(self, folder: Path, *, audited: bool = False) -> None:
        """Keep everything in ``folder``. ``audited``: note what service accounts ask of the API."""
        self._audited = audited
        self.plan = ControlPlan(folder, _HOST, "10.96.0.0/16", free_port(), (free_port(), free_port()))
        self._processes: list[Process] = []
        super().__init__(self.plan.kubeconfig("admin"), binaries.built_kubernetes())

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            TestbedError: it does not come up; with the end of its log.
        """
        self.plan.write_users(self._users())
        write_key(self.plan.account_key)
        try:
            self._start("etcd", self.plan.etcd())
            self._start("kube-apiserver", [*self.plan.apiserver(), *self._auditing()]).wait_ready(
                self._ready, _START_LIMIT
            )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and leave nothing."""
        for process in reversed(self._processes):
            process.kill()  # etcd's data is thrown away
            process.stop(5)
        self._processes.clear()
        shutil.rmtree(self.plan.folder, ignore_errors=True)

    @property
    def apiserver(self) -> Process:
        """To suspend, kill and start again."""
        return self._processes[1]

    def kubeconfig_of(self, namespace: str, account: str) -> dict[str, Any]:
        """Return a kubeconfig with which one acts as a service account, with no more than its rights."""
        token = self.kubectl("create", "token", account, "--namespace", namespace, "--duration=1h").strip()
        return self.plan.kubeconfig_with(token)

    def calls(self, namespace: str, account: str) -> list[Call]:
        """Return what a service account asked of an audited API, in the order in which it was done."""
        user = f"system:serviceaccount:{namespace}:{account}"
        told = (json.loads(line) for line in self._audit_log.read_text("utf-8").splitlines())
        # a watch is told of when it begins: it may go on for minutes
        return [
            _call(each)
            for each in told
            if each["user"]["username"] == user and (each["stage"] == "ResponseStarted") == (each["verb"] == "watch")
        ]

    @property
    def _audit_log(self) -> Path:
        return self.plan.folder / "audit.log"

    def _auditing(self) -> list[str]:
        """Return further arguments of kube-apiserver."""
        if not self._audited:
            return []
        accounts = {"level": "Metadata", "userGroups": ["system:serviceaccounts"]}
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [accounts, {"level": "None"}],
        }
        path = self.plan.folder / "audit-policy.yaml"
        path.write_text(json.dumps(policy), "utf-8")
        self._audit_log.touch(mode=0o600)
        return [f"--audit-policy-file={path}", f"--audit-log-path={self._audit_log}", "--audit-log-mode=blocking"]

    def _users(self) -> dict[str, tuple[str, str, str]]:
        return {"admin": (secrets.token_hex(16), "admin", "system:masters")}

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(name, [str(self.programs / command[0]), *command[1:]], self.plan.log(name))
        process.start()
        self._processes.append(process)
        return process

    def _ready(self) -> bool:
        if not self.plan.authority.exists():
            return False
        try:
            self.kubectl("get", "--raw=/readyz")
        except TestbedError:
            return False
        return True


def _call(told: dict[str, Any]) -> Call:
    about = told.get("objectRef", {})
    extra = told["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", [""])
    parts = (about.get("resource", ""), about.get("subresource"))
    return Call(
        datetime.fromisoformat(told["stageTimestamp"]),
        extra[0],
        told["verb"],
        about.get("apiGroup", ""),
        "/".join(filter(None, parts)),
        about.get("namespace", ""),
        about.get("name", ""),
        told.get("responseStatus", {}).get("code", 0),
    )


def write_key(path: Path) -> None:
    """Write an RSA key that service accounts' tokens can be signed with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, nothing = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, nothing))
