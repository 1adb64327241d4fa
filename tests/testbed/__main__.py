"""``python -m testbed [PART …]``: have the servers ready before any test's time counts; by default MinIO, RabbitMQ and
Kubernetes's programs.

``kwok`` is what tests of the operator need too, ``schemas`` and ``promtool`` those of the chart; ``kubernetes`` and
``images`` what a node does.
"""

import sys
from collections.abc import Callable, Mapping

from testbed import binaries, images, kubernetes_schemas, node, packages
from testbed.processes import TestbedError


def _minio() -> str:
    return f"MinIO is {binaries.ensure(binaries.MINIO)}"


def _kwok() -> str:
    return f"KWOK is {binaries.ensure(binaries.KWOK)}"


def _promtool() -> str:
    return f"promtool is {binaries.ensure(binaries.PROMTOOL)}"


def _rabbitmq() -> str:
    if not packages.is_installed("rabbitmq-server"):
        packages.ensure("rabbitmq-server")
        packages.keep_from_running("rabbitmq-server")
    return "RabbitMQ is the Debian package rabbitmq-server"


def _kubernetes() -> str:
    if reason := node.why_not():
        return f"no node here, and no tests on one: {reason}"
    node.ensure()
    return f"Kubernetes {binaries.KUBERNETES.version} is {binaries.KUBERNETES.folder}"


def _schemas() -> str:
    folders = [kubernetes_schemas.ensure(version) for version in kubernetes_schemas.VERSIONS]
    kubernetes_schemas.of_monitoring()
    return f"schemas of {len(folders)} versions of Kubernetes are in {folders[0].parent}"


def _programs() -> str:
    return f"kube-apiserver, helm and the like are in {binaries.ensure_kubernetes()}"


def _images() -> str:
    if reason := node.why_not():
        return f"no images here, and no tests of them: {reason}"
    return "images are " + ", ".join(str(path) for path in images.ensure().values())


PARTS: Mapping[str, Callable[[], str]] = {
    "minio": _minio,
    "kwok": _kwok,
    "promtool": _promtool,
    "rabbitmq": _rabbitmq,
    "programs": _programs,
    "schemas": _schemas,
    "kubernetes": _kubernetes,
    "images": _images,
}
_DEFAULT = ("minio", "rabbitmq", "programs")


def main(names: list[str]) -> int:
    """Make or install what is missing, and say where it is; 1 when something can't be had."""
    if unknown := [name for name in names if name not in PARTS]:
        sys.stderr.write(f"test-bed: there is no {', '.join(unknown)}; there are {', '.join(PARTS)}\n")
        return 2
    try:
        for name in names or _DEFAULT:
            sys.stdout.write(f"test-bed: {PARTS[name]()}\n")
    except TestbedError as error:
        sys.stderr.write(f"test-bed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
