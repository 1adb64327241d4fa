"""A real Kubernetes node on this machine: API server, controllers, kubelet, containerd, Services, names and volumes.

All of it lives in namespaces of its own, below one process: when that ends, everything does. The machine's firewall and
forwarding stay as they are, and nothing gets out: the node knows no way but to this machine and to its own pods.
Only root on Linux can make one.
"""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from testbed import binaries, cache, packages
from testbed.control_plane import write_key
from testbed.kubectl import Cluster
from testbed.node_plan import PAUSE, STORAGE, NodePlan
from testbed.node_volumes import Volumes
from testbed.oci import layer_of, write_image
from testbed.processes import Process, TestbedError, run_tool, wait_for

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "iptables", "iproute2")
_START_LIMIT = 120.0  # seconds, of each step; all of them take ten to twenty
_TOOL_LIMIT = 300.0  # importing an image of some hundred MB
_SYSCTLS = (
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
)
"""What kubelet sets for the whole machine."""
_NAMESPACES = ("-m", "-n", "-p", "-u", "-i", "--fork", "--mount-proc", "--kill-child")
_CGROUPS = Path("/sys/fs/cgroup")
_USERS = {
    "admin": ("admin", "system:masters"),
    "kubelet": ("system:node:{name}", "system:nodes"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "dns": ("system:coredns", ""),
}
_INIT = """
mount --make-rprivate /; mount --make-rshared /
mount -t tmpfs tmpfs /run; mkdir -p /run/lock /run/netns
for each in /var/lib /var/log; do mount -t tmpfs tmpfs $each; done
ip link set lo up
: > "$1"
while :; do sleep 3600 & wait $!; done
"""


def why_not() -> str | None:
    """Return why this machine can't have a node for us, None when it can."""
    if not sys.platform.startswith("linux"):
        return "a Kubernetes node needs Linux"
    if os.geteuid() != 0:
        return "a Kubernetes node needs root"
    # root in a container may be a lesser one
    try:
        run_tool(["unshare", *_NAMESPACES, "true"], limit=_TOOL_LIMIT)
    except TestbedError as error:
        return f"a Kubernetes node needs a root who may make namespaces: {error}"
    if not all(os.access(controller, os.W_OK) for controller in _controllers()):
        return f"a Kubernetes node needs {_CGROUPS} to be writable"
    return None


def ensure() -> None:
    """Have what a node needs: packages and programs.

    Raises:
        TestbedError: something can't be had.
    """
    for package in PACKAGES:
        if not packages.is_installed(package):
            packages.ensure(package)
            if package == "containerd":
                packages.keep_from_running("containerd")
    binaries.ensure_kubernetes()


class Node(Cluster):
    """Use it as a context manager, or ``start`` and ``stop`` it."""

    def __init__(self, folder: Path, name: str = "teltubby-test", number: int = 77) -> None:
        """Keep everything in ``folder``, images in the cache. Nodes side by side need other names and numbers."""
        root = cache.folder() / f"containerd-{name}"
        self.plan = NodePlan.numbered(name, number, folder, root)
        self.timings: dict[str, float] = {}
        """Seconds from the start until each step was done."""
        self._tokens = {user: secrets.token_hex(16) for user in _USERS}
        self._processes: list[Process] = []
        self._init_pid = 0
        self._sysctls: dict[str, str] = {}
        self._volumes: Volumes | None = None
        super().__init__(self.plan.kubeconfig("admin"), binaries.built_kubernetes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, images: Mapping[str, Path]) -> None:
        """Start it with these images, by reference; archives as ``docker save`` or OCI writes them.

        Raises:
            TestbedError: something does not come up; with the end of its log.
        """
        started = time.monotonic()
        self._sysctls = {name: _read_sysctl(name) for name in _SYSCTLS}
        try:
            for name, step in {
                "namespaces": self._unshare,
                "API server": self._start_control_plane,
                "images": lambda: self._start_containerd(images),
                "node": self._start_kubelet,
            }.items():
                step()
                self.timings[name] = time.monotonic() - started
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, and leave the machine as it was."""
        if self._volumes is not None:
            self._volumes.stop()
            self._volumes = None
        for process in self._processes[:1]:
            process.kill()  # --kill-child: its namespaces end with it, and with them all that runs there
        for process in reversed(self._processes):
            process.stop(5)
        self._processes.clear()
        self._clear_machine()
        for name, value in self._sysctls.items():
            _write_sysctl(name, value)
        self._sysctls.clear()
        shutil.rmtree(self.plan.folder, ignore_errors=True)

    def import_images(self, images: Mapping[str, Path]) -> None:
        """Import those that are not there yet as they are now."""
        for reference, archive in images.items():
            found = archive.stat()
            state = f"{found.st_size} {found.st_mtime_ns}"
            stamp = self.plan.containerd_root / f"{reference.replace('/', '_')}.stamp"
            if not stamp.exists() or stamp.read_text("utf-8") != state:
                self._ctr("images", "import", str(archive))
                stamp.write_text(state, "utf-8")
        if listed := set(images) - set(self._ctr("images", "list", "--quiet").split()):
            raise TestbedError(f"not among the imported images: {', '.join(sorted(listed))}")

    # Steps

    def _unshare(self) -> None:
        plan = self.plan
        self._clear_machine()
        shutil.rmtree(plan.folder, ignore_errors=True)
        plan.write(
            {user: (self._tokens[user], who.format(name=plan.name), group) for user, (who, group) in _USERS.items()}
        )
        write_key(plan.account_key)
        init, ready = plan.folder / "init.sh", plan.folder / "init.ready"
        init.write_text(_INIT, "utf-8")
        process = Process("namespaces", ["unshare", *_NAMESPACES, "bash", str(init), str(ready)], plan.log("init"))
        self._processes.append(process)
        process.start()
        process.wait_ready(ready.exists, _START_LIMIT)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("utf-8").split()
        self._init_pid = int(children[0])
        self._inside("hostname", plan.name)
        self._connect()

    def _connect(self) -> None:
        plan = self.plan
        inner = ["netns", str(self._init_pid)]
        _run("ip", "link", "add", plan.link, "mtu", "1500", "type", "veth", "peer", "name", "eth0", *inner)
        _run("ip", "addr", "add", f"{plan.host_address}/30", "dev", plan.link)
        _run("ip", "link", "set", plan.link, "up")
        self._inside("ip", "addr", "add", f"{plan.address}/30", "dev", "eth0")
        self._inside("ip", "link", "set", "eth0", "up")
        # no default route: packets to anywhere else end here
        self._inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        for network in (plan.services, plan.pods):
            _run("ip", "route", "add", network, "via", plan.address)

    def _start_control_plane(self) -> None:
        plan = self.plan
        self._spawn("etcd", plan.etcd())
        apiserver = self._spawn("kube-apiserver", plan.apiserver())
        apiserver.wait_ready(self._api_ready, _START_LIMIT)
        self._spawn("kube-controller-manager", plan.controller_manager())
        self._spawn("kube-scheduler", plan.scheduler())
        rules = [{"apiGroups": ["", "discovery.k8s.io"], "resources": _NAMED, "verbs": ["list", "watch"]}]
        rbac = "rbac.authorization.k8s.io"
        self.apply(
            _object("rbac.authorization.k8s.io/v1", "ClusterRole", "test-names", rules=rules),
            _object(
                "rbac.authorization.k8s.io/v1",
                "ClusterRoleBinding",
                "test-names",
                roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": "test-names"},
                subjects=[{"apiGroup": rbac, "kind": "User", "name": "system:coredns"}],
            ),
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {
                    "name": STORAGE,
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": f"test/{STORAGE}",
            },
        )
        self._volumes = Volumes(plan, self._tokens["admin"])
        self._volumes.start()

    def _start_containerd(self, images: Mapping[str, Path]) -> None:
        plan = self.plan
        plan.containerd_root.mkdir(parents=True, exist_ok=True)
        containerd = self._spawn("containerd", plan.containerd())
        containerd.wait_ready(lambda: self._works("ctr", *_CTR, "version"), _START_LIMIT)
        # of a node that was killed: its processes are gone, only what is written of them is left
        for container in self._ctr("containers", "list", "--quiet").split():
            self._ctr("containers", "remove", container)
        pause = plan.containerd_root / "pause.tar"
        if not pause.exists():
            layer = layer_of({"pause": binaries.KUBERNETES.path("pause")})
            write_image(pause, PAUSE, [layer], {"Entrypoint": ["/pause"], "User": "65535:65535"})
        self.import_images({PAUSE: pause, **images})
        self._ctr("images", "label", PAUSE, "io.cri-containerd.pinned=pinned")

    def _start_kubelet(self) -> None:
        for controller in _controllers():
            (controller / self.plan.name).mkdir(exist_ok=True)
        kubelet = self._spawn("kubelet", self.plan.kubelet())
        self._spawn("kube-proxy", self.plan.kube_proxy())
        self._spawn("coredns", self.plan.coredns())
        kubelet.wait_ready(self._node_ready, _START_LIMIT)
        wait_for(lambda: self._can_get("serviceaccount", "default"), _START_LIMIT, "the default service account")

    # Looking

    def _api_ready(self) -> bool:
        return self.plan.authority.exists() and self._can_get("--raw=/readyz")

    def _can_get(self, *arguments: str) -> bool:
        try:
            self.kubectl("get", *arguments)
        except TestbedError:
            return False
        return True

    def _node_ready(self) -> bool:
        try:
            conditions = self.get("node", self.plan.name)["status"].get("conditions", [])
        except TestbedError:
            return False
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    # Doing

    def _spawn(self, name: str, command: Sequence[str]) -> Process:
        program = self.programs / command[0]
        path = str(program) if program.exists() else command[0]
        process = Process(name, [*self._entering(), path, *command[1:]], self.plan.log(name))
        process.start()
        self._processes.append(process)
        return process

    def _inside(self, *command: str) -> str:
        return _run(*self._entering(), *command)

    def _works(self, *command: str) -> bool:
        try:
            self._inside(*command)
        except TestbedError:
            return False
        return True

    def _ctr(self, *arguments: str) -> str:
        return self._inside("ctr", *_CTR, *arguments)

    def _entering(self) -> list[str]:
        return ["nsenter", "-t", str(self._init_pid), "-m", "-n", "-p", "-u", "-i", "--"]

    def _clear_machine(self) -> None:
        """Remove what a node of this name left behind, a killed one included. Nothing of it may run any more."""
        if Path("/sys/class/net", self.plan.link).exists():
            _run("ip", "link", "delete", self.plan.link)
        for controller in _controllers():
            for name in (self.plan.name, "k8s.io"):
                _remove_cgroup(controller / name)


_CTR = ("--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io")
_NAMED = ["endpoints", "services", "pods", "namespaces", "endpointslices"]


def _object(version: str, kind: str, name: str, **fields: object) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _controllers() -> list[Path]:
    """Return the folders below which groups of processes are made: cgroup v1 has one for each controller."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in _CGROUPS.iterdir() if path.is_dir() and (path / "cgroup.procs").exists()]


def _remove_cgroup(folder: Path) -> None:
    if not folder.is_dir():
        return
    for path in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
        with suppress(OSError):  # somebody else's, still in use: the next one finds it
            path.rmdir()
    with suppress(OSError):
        folder.rmdir()


def _read_sysctl(name: str) -> str:
    return Path("/proc/sys", *name.split(".")).read_text("utf-8").strip()


def _write_sysctl(name: str, value: str) -> None:
    if _read_sysctl(name) != value:
        Path("/proc/sys", *name.split(".")).write_text(value, "utf-8")


def _run(*command: str) -> str:
    return run_tool(command, limit=_TOOL_LIMIT)


def exports(cluster: Cluster) -> str:
    """Return the line that points a shell's kubectl and helm there."""
    return "export " + " ".join(f"{name}={json.dumps(cluster.environment[name])}" for name in ("KUBECONFIG", "PATH"))
