"""Programs that no package brings: built once from the Go module proxy into the user's cache, for every checkout.

MinIO is built as it is; what belongs to Kubernetes from a module of ours, ``programs``, all at once, since they share
most of their packages.

Knows what to build and where it lies, not how it is run.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from testbed.cache import alone, folder
from testbed.processes import TestbedError, run_tool

_OLDEST_GO = (1, 21)
"""From 1.21 on Go fetches the toolchain that a module asks for (go.dev/doc/toolchain)."""
_LIMIT = 45 * 60  # seconds; about eight minutes on two cores from nothing
_TOOL_LIMIT = 60


@dataclass(frozen=True)
class GoProgram:
    """A program of one Go module."""

    name: str
    module: str
    version: str
    package: str = "."
    tags: str = ""

    @property
    def path(self) -> Path:
        """Where it lies once it is built."""
        return folder() / f"{self.name}-{self.version}"


class Kubernetes:
    """etcd, the programs of Kubernetes, CoreDNS, Helm, kubeconform and pause: one folder, built in one go."""

    PROGRAMS = (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
        "kubelet",
        "kubectl",
    )
    """All of them in one file, which is told by its name what to be."""
    OTHERS = ("coredns", "helm", "kubeconform", "pause")

    def __init__(self, source: Path) -> None:
        self._source = source

    @property
    def version(self) -> str:
        """Kubernetes's, like 1.34.2."""
        return self._required("k8s.io/kubernetes")

    @property
    def folder(self) -> Path:
        """Where they lie once they are built; another version is another folder."""
        content = b"".join(path.read_bytes() for path in self._sources())
        return folder() / f"kubernetes-{self.version}-{hashlib.sha256(content).hexdigest()[:12]}"

    def path(self, name: str) -> Path:
        """Return where one of them lies."""
        return self.folder / name

    @property
    def usable(self) -> bool:
        """Whether all of them are there."""
        return all(_usable(self.path(name)) for name in (*self.PROGRAMS, *self.OTHERS))

    def build(self, go: str) -> None:
        """Build all of them; another folder takes the old one's place at once, or not at all."""
        started = time.monotonic()
        _say(f"building Kubernetes {self.version} and what belongs to it from the Go module proxy; once, ten minutes")
        with tempfile.TemporaryDirectory(prefix="kubernetes-", dir=self.folder.parent) as name:
            made = Path(name, "made")
            made.mkdir()
            packages = ["./kubernetes", "./coredns", "./pause", "helm.sh/helm/v3/cmd/helm", _KUBECONFORM]
            command = [go, "build", "-ldflags", self._flags(), "-o", f"{made}/", *packages]
            _run(
                command,
                limit=_LIMIT,
                cwd=self._source,
                env=_environment() | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
            )
            for program in self.PROGRAMS:
                (made / program).symlink_to("kubernetes")
            shutil.rmtree(self.folder, ignore_errors=True)
            made.replace(self.folder)
        _say(f"{self.folder} made in {time.monotonic() - started:.0f} s")

    def _flags(self) -> str:
        major, minor, _ = self.version.split(".")
        told = {
            "k8s.io/component-base/version.gitVersion": f"v{self.version}",
            "k8s.io/component-base/version.gitMajor": major,
            "k8s.io/component-base/version.gitMinor": minor,
            "helm.sh/helm/v3/internal/version.version": f"v{self._required('helm.sh/helm/v3')}",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": major,
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": minor,
        }
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in told.items())])

    def _required(self, module: str) -> str:
        found = re.search(
            rf"^\s*{re.escape(module)} v(\S+)", (self._source / "go.mod").read_text("utf-8"), re.MULTILINE
        )
        if found is None:
            raise TestbedError(f"{self._source}/go.mod does not name {module}")
        return found[1]

    def _sources(self) -> list[Path]:
        return sorted([*self._source.glob("go.*"), *self._source.rglob("*.go")])


_KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform"
KUBERNETES = Kubernetes(Path(__file__).parent / "programs")
MINIO = GoProgram("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")
"""The last release, RELEASE.2026-02-12: its community edition comes as source only."""
KWOK = GoProgram("kwok", "sigs.k8s.io/kwok", "v0.8.0", "./cmd/kwok")
"""Plays nodes and the life of their pods, without running anything."""
PROMTOOL = GoProgram("promtool", "github.com/prometheus/prometheus", "v0.314.0", "./cmd/promtool", tags="remove_all_sd")
"""Prometheus's own judge of rules, without the code that finds targets at clouds: three minutes instead of many."""


def ensure(program: GoProgram) -> Path:
    """Return the program's path, building it when it is not there yet. Of several at once one builds, the others wait.

    Raises:
        TestbedError: it can't be built; one line says why.
    """
    if _usable(program.path):
        return program.path
    with alone(program.path):
        if not _usable(program.path):
            _build(program, _go())
    return program.path


def ensure_kubernetes() -> Path:
    """Return the folder of Kubernetes's programs, in the same way.

    Raises:
        TestbedError: they can't be built; one line says why.
    """
    if not KUBERNETES.usable:
        with alone(KUBERNETES.folder):
            if not KUBERNETES.usable:
                KUBERNETES.build(_go())
    return KUBERNETES.folder


def built_kubernetes() -> Path:
    """Return that folder; building takes longer than a test may.

    Raises:
        TestbedError: it is not there.
    """
    if not KUBERNETES.usable:
        raise TestbedError("Kubernetes's programs are not built; make them: cd tests && python -m testbed kubernetes")
    return KUBERNETES.folder


def built(program: GoProgram) -> Path:
    """Return the program's path; building takes longer than a test may.

    Raises:
        TestbedError: it is not there.
    """
    if not _usable(program.path):
        raise TestbedError(
            f"no {program.name} in {program.path.parent}; make it: cd tests && python -m testbed {program.name}"
        )
    return program.path


def source_of(module: str, version: str) -> Path:
    """Return the folder of a module's source, as the Go module proxy has it; nothing in it may be changed.

    Raises:
        TestbedError: it can't be had.
    """
    return _downloaded(_go(), module, f"v{version}")


def _downloaded(go: str, module: str, version: str) -> Path:
    told = _run([go, "mod", "download", "-json", f"{module}@{version}"], limit=_LIMIT)
    return Path(json.loads(told)["Dir"])


def _usable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _go() -> str:
    """Find a Go that is new enough, where PATH or its usual place has one."""
    wanted = ".".join(map(str, _OLDEST_GO))
    for candidate in filter(None, (shutil.which("go"), shutil.which("/usr/local/go/bin/go"))):
        told = _run([candidate, "env", "GOVERSION"], limit=_TOOL_LIMIT, env=_environment())
        found = re.match(r"go(\d+)\.(\d+)", told)
        if found and (int(found[1]), int(found[2])) >= _OLDEST_GO:
            return candidate
    # Debian 12's own package is 1.19: installing it would not help.
    raise TestbedError(f"Go {wanted} or newer is needed to build the test-bed's servers: see https://go.dev/dl/")


def _build(program: GoProgram, go: str) -> None:
    started = time.monotonic()
    _say(f"building {program.name} {program.version} from the Go module proxy; once, a few minutes")
    with tempfile.TemporaryDirectory(prefix=f"{program.name}-", dir=program.path.parent) as folder:
        source = Path(folder, "source")
        # copyfile leaves the module cache's read-only modes behind; go build keeps go.mod and go.sum up to date
        shutil.copytree(_downloaded(go, program.module, program.version), source, copy_function=shutil.copyfile)
        made = Path(folder, "made")
        _run(
            [go, "build", "-tags", program.tags, "-ldflags", "-s -w", "-o", str(made), program.package],
            limit=_LIMIT,
            cwd=source,
        )
        made.replace(program.path)
    _say(f"{program.path} made in {time.monotonic() - started:.0f} s")


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=mod", "GOWORK": "off"}


def _run(command: list[str], *, limit: float, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    return run_tool(command, limit=limit, cwd=cwd, env=env or _environment())


def _say(text: str) -> None:
    sys.stderr.write(f"test-bed: {text}\n")
