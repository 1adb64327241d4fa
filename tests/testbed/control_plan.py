"""What a control plane is made of: addresses, users, the command line of each of its programs. Starts nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ControlPlan:
    """A control plane in ``folder``, at an ``address`` of this machine's or of a namespace of its own."""

    folder: Path
    address: str
    services: str
    """The Services' addresses."""

    api_port: int = 6443
    etcd_ports: tuple[int, int] = (2379, 2380)
    """For clients, and for the peers that it does not have."""

    @property
    def api_url(self) -> str:
        """Where kube-apiserver listens."""
        return f"https://{self.address}:{self.api_port}"

    @property
    def authority(self) -> Path:
        """The certificate that kube-apiserver signs for itself."""
        return self.folder / "pki" / "apiserver.crt"

    @property
    def account_key(self) -> Path:
        """What service accounts' tokens are signed with."""
        return self.folder / "pki" / "accounts.key"

    def kubeconfig(self, user: str) -> Path:
        """Where this user's kubeconfig lies."""
        return self.folder / "pki" / f"{user}.conf"

    def log(self, program: str) -> Path:
        """Where a program logs."""
        return self.folder / "log" / f"{program}.log"

    # Command lines

    def etcd(self) -> list[str]:
        """Without fsync: it is thrown away."""
        client, peer = (f"http://127.0.0.1:{port}" for port in self.etcd_ports)
        return [
            "etcd",
            f"--data-dir={self.folder}/etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        ]

    def apiserver(self) -> list[str]:
        """Users by a file of tokens, so that no authority has to sign anything."""
        return [
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_ports[0]}",
            f"--advertise-address={self.address}",
            f"--bind-address={self.address}",
            f"--secure-port={self.api_port}",
            f"--cert-dir={self.folder}/pki",
            f"--service-cluster-ip-range={self.services}",
            f"--token-auth-file={self.folder}/pki/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self.account_key}",
            f"--service-account-signing-key-file={self.account_key}",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
            "--profiling=false",
        ]

    def controller_manager(self) -> list[str]:
        """Its own default of 20 requests a second would be what tests wait for."""
        return [
            "kube-controller-manager",
            *self._client("controller-manager"),
            f"--service-account-private-key-file={self.account_key}",
            f"--root-ca-file={self.authority}",
            "--use-service-account-credentials",
        ]

    def scheduler(self) -> list[str]:
        """See controller_manager."""
        return ["kube-scheduler", *self._client("scheduler")]

    def _client(self, user: str) -> list[str]:
        config = self.kubeconfig(user)
        return [
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--leader-elect=false",
            f"--cert-dir={self.folder}/{user}-pki",
            "--kube-api-qps=300",
            "--kube-api-burst=600",
        ]

    # Files

    def write_users(self, tokens: Mapping[str, tuple[str, str, str]]) -> None:
        """Write kubeconfigs. ``tokens``: token, user name and group by the short name of a user."""
        for part in ("pki", "log"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        lines = [f'{token},{user},{name},"{group}"' for name, (token, user, group) in tokens.items()]
        (self.folder / "pki" / "tokens.csv").write_text("\n".join(lines) + "\n", "utf-8")
        for name, (token, _, _) in tokens.items():
            self.kubeconfig(name).write_text(json.dumps(self.kubeconfig_with(token)), "utf-8")

    def kubeconfig_with(self, token: str) -> dict[str, Any]:
        """Return a kubeconfig for whoever this token is of."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": self.api_url, "certificate-authority": str(self.authority)}}
            ],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
            "current-context": "test",
        }
