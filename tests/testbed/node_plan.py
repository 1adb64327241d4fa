"""What a test node is made of: addresses, folders, and the configuration of each of its programs. Starts nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.control_plan import ControlPlan

PAUSE = "localhost/pause:test"
STORAGE = "test-folder"
"""The StorageClass, and what makes its volumes."""


@dataclass(frozen=True, kw_only=True)
class NodePlan(ControlPlan):
    """A node called ``name``. ``number`` (1–254) tells its addresses from another node's."""

    name: str
    number: int
    containerd_root: Path

    @classmethod
    def numbered(cls, name: str, number: int, folder: Path, containerd_root: Path) -> "NodePlan":
        """Plan a node with the addresses of this number."""
        return cls(
            folder=folder,
            address=f"10.{number}.0.2",
            services=f"10.{number}.64.0/18",
            name=name,
            number=number,
            containerd_root=containerd_root,
        )

    @property
    def host_address(self) -> str:
        """This machine, as the node and its pods see it."""
        return f"10.{self.number}.0.1"

    @property
    def pods(self) -> str:
        """The pods' addresses."""
        return f"10.{self.number}.128.0/17"

    @property
    def link(self) -> str:
        """The network device on this machine's side."""
        return f"tt-{self.number}"

    # Command lines

    def kubelet(self) -> list[str]:
        """The node itself."""
        return [
            "kubelet",
            f"--config={self.folder}/kubelet.json",
            f"--kubeconfig={self.kubeconfig('kubelet')}",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet-pki",
            f"--hostname-override={self.name}",
            f"--node-ip={self.address}",
        ]

    def kube_proxy(self) -> list[str]:
        """Services."""
        return ["kube-proxy", f"--config={self.folder}/proxy.json"]

    def coredns(self) -> list[str]:
        """Names of Services."""
        return ["coredns", "-conf", f"{self.folder}/Corefile"]

    def containerd(self) -> list[str]:
        """Containers."""
        return ["containerd", "--config", f"{self.folder}/containerd.toml"]

    # Files

    def write(self, tokens: Mapping[str, tuple[str, str, str]]) -> None:
        """Write all configuration; ``tokens`` as in ``write_users``."""
        self.write_users(tokens)
        for part in ("cni", "volumes"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for name, content in {
            "cni/10-test.conflist": self._cni(),
            "kubelet.json": self._kubelet(),
            "proxy.json": self._proxy(),
        }.items():
            (self.folder / name).write_text(json.dumps(content), "utf-8")
        # no forwarding: names outside of the cluster are not found, and nobody outside is asked
        plugins = f"bind {self.address}\n errors\n ready {self.address}:8181\n cache 1\n"
        options = f"kubeconfig {self.kubeconfig('dns')}\n pods insecure\n ttl 1\n"
        zone = f"kubernetes cluster.local in-addr.arpa {{\n {options} }}"
        (self.folder / "Corefile").write_text(f".:53 {{\n {plugins} {zone}\n}}\n", "utf-8")
        (self.folder / "resolv.conf").write_text(f"nameserver {self.address}\n", "utf-8")
        (self.folder / "containerd.toml").write_text(self._containerd(), "utf-8")

    def _cni(self) -> dict[str, Any]:
        addresses = {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": self.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        return {
            "cniVersion": "1.0.0",
            "name": "test",
            "plugins": [
                {"type": "ptp", "mtu": 1400, "ipMasq": False, "ipam": addresses},
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }

    def _kubelet(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [self.address],
            "clusterDomain": "cluster.local",
            "resolvConf": f"{self.folder}/resolv.conf",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            # images come from files: one that was thrown away would not come back
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "200Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "enforceNodeAllocatable": ["pods"],
            "nodeStatusUpdateFrequency": "5s",
            "serializeImagePulls": False,
            "podLogsDir": "/run/pod-logs",
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": self.pods,
            "hostnameOverride": self.name,
            "clientConnection": {"kubeconfig": str(self.kubeconfig("proxy"))},
            # limits of the whole machine, which a namespace may not set
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
            "iptables": {"minSyncPeriod": "200ms"},
        }

    def _containerd(self) -> str:
        unused = ("btrfs", "aufs", "zfs", "devmapper")
        disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        return f"""version = 2
root = "{self.containerd_root}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = {json.dumps(disabled)}
[grpc]
  address = "/run/containerd/containerd.sock"
[{cri}]
  sandbox_image = "{PAUSE}"
  # A root without CAP_SYS_RESOURCE can't lower anybody's score.
  restrict_oom_score_adj = true
[{cri}.containerd]
  snapshotter = "overlayfs"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[{cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{self.folder}/cni"
"""
