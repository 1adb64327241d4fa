"""The images that a test node runs, as archives in the cache: what our Dockerfiles make, RabbitMQ and MinIO.

Those of the product are built by a Docker engine from the very Dockerfiles. Their base is made of Debian's packages,
where there is no registry to fetch ``python:3.11-slim`` from. What did not change is not made again.
"""

import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from testbed import binaries, cache, packages
from testbed.docker_engine import Engine, engine
from testbed.oci import layer_of, write_image
from testbed.processes import TestbedError, run_tool

REGISTRY = "docker.io/library"
"""What container runtimes put before a name without one."""
TAG = "test"
PRODUCT = {
    "teltubby-bot": "services/bot",
    "teltubby-worker": "services/worker",
    "teltubby-operator": "operator",
    "teltubby-tools": "cli",
}
"""Where each of our Dockerfiles lies."""
_ROOT = Path(__file__).parents[2]
_PACKAGED = ("core", "services", "operator", "cli", "simulator")
_RELEASE = "bookworm"  # Python 3.11, as in the Dockerfiles' own base, and RabbitMQ 3.10
_LIMIT = 1200.0
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BASE_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    # this machine's authorities: a company's proxy may sign with its own
    "PIP_CERT": _CERTIFICATES,
    "SSL_CERT_FILE": _CERTIFICATES,
    "UV_SYSTEM_CERTS": "1",
}
_RABBITMQ = {
    "Entrypoint": ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    "Env": ["PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "User": "999:999",
}


def reference(name: str) -> str:
    """Return an image's whole name."""
    return f"{REGISTRY}/{name}:{TAG}"


def ensure() -> Mapping[str, Path]:
    """Return the archive of every image by its whole name, having made what is not there.

    Raises:
        TestbedError: one can't be made.
    """
    archives = _archives()
    if not all(archive.exists() for archive in archives.values()):
        with cache.alone(_folder() / "all"):
            _make({name: archive for name, archive in archives.items() if not archive.exists()})
    return {reference(name): archive for name, archive in archives.items()}


def made() -> Mapping[str, Path]:
    """Return the same; making takes longer than a test may.

    Raises:
        TestbedError: one is not there.
    """
    archives = _archives()
    if missing := [name for name, archive in archives.items() if not archive.exists()]:
        raise TestbedError(f"no image {', '.join(missing)}; make it: cd tests && python -m testbed images")
    return {reference(name): archive for name, archive in archives.items()}


def load(docker: Engine) -> None:
    """Let an engine have those of the product; it may have thrown away what it built.

    Raises:
        TestbedError: one is not there.
    """
    for name in PRODUCT:
        docker.run("load", f"--input={made()[reference(name)]}")


def build(docker: Engine, name: str, tag: str, *, target: str = "") -> None:
    """Build one of the product's by its Dockerfile, the last stage or the one that ``target`` names.

    Raises:
        TestbedError: it can't be built.
    """
    base = _base(docker, _system("python", ["python3", "python3-venv", "ca-certificates"], "apt"))
    with tempfile.TemporaryDirectory(prefix="context-", dir=_folder()) as folder:
        context = Path(folder)
        for path in _context():
            place = context / path.relative_to(_ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
        docker.build(context, tag, dockerfile=context / PRODUCT[name] / "Dockerfile", base=base, target=target)


def _folder() -> Path:
    return cache.folder() / "images"


def _make(missing: Mapping[str, Path]) -> None:
    _folder().mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as beside:
        servers = beside.submit(_make_servers, {name: missing[name] for name in missing if name not in PRODUCT})
        _make_product({name: missing[name] for name in missing if name in PRODUCT})
        servers.result()
    for name, archive in missing.items():
        for old in _folder().glob(f"{name}-*.tar"):
            if old != archive:
                old.unlink()


def _make_servers(missing: Mapping[str, Path]) -> None:
    if "minio" in missing:
        with _told("minio"):
            layer = layer_of({"minio": binaries.ensure(binaries.MINIO)})
            _write(missing["minio"], "minio", layer, {"Entrypoint": ["/minio"], "User": "1000:1000"})
    if "rabbitmq" in missing:
        with _told("rabbitmq"):
            layer = _system("rabbitmq", ["rabbitmq-server"], "essential").read_bytes()
            _write(missing["rabbitmq"], "rabbitmq", layer, _RABBITMQ)


def _make_product(missing: Mapping[str, Path]) -> None:
    if not missing:
        return
    with engine() as docker:
        for name, archive in missing.items():
            with _told(name):
                build(docker, name, f"{name}:{TAG}")
                docker.save(f"{name}:{TAG}", archive)
        # layers of earlier builds make later ones fast, but not for ever
        docker.run("image", "prune", "--force", "--filter=until=72h")


def _base(docker: Engine, system: Path) -> str:
    """Return the tag of the base with this machine's authorities in it."""
    bare, tag = f"teltubby-bare:{system.stem}", f"teltubby-base:{system.stem}-{_digest([Path(_CERTIFICATES)])}"
    if docker.try_out("image", "inspect", tag).returncode == 0:
        return tag
    docker.import_base(system, bare, _BASE_ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="base-", dir=_folder()) as folder:
        shutil.copy(_CERTIFICATES, folder)
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(f"ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY ca-certificates.crt {_CERTIFICATES}\n", "utf-8")
        docker.build(Path(folder), tag, dockerfile=dockerfile, base=bare)
    return tag


def _system(name: str, included: list[str], variant: str) -> Path:
    """Return the archive of a small Debian with these packages."""
    target = _folder() / f"{name}-{_text_digest(_RELEASE, variant, *included)}.system.tar"
    if target.exists():
        return target
    packages.ensure("mmdebstrap")
    started = time.monotonic()
    part = target.with_name(f"{target.name}.part")
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale", "info")]
    command = [
        *("mmdebstrap", "--mode=root", f"--variant={variant}", "--format=tar", "--quiet", *left_out),
        *("--aptopt=APT::Install-Recommends=false", f"--include={','.join(included)}"),
        *(_RELEASE, str(part), f"deb {_mirror()} {_RELEASE} main"),
    ]
    run_tool(command, limit=_LIMIT)
    part.replace(target)
    _say(f"a Debian for {name} made in {time.monotonic() - started:.0f} s")
    return target


def _mirror() -> str:
    """Return where this machine's apt gets Debian from; a Debian of another release will do."""
    listed = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages"]
    try:
        told = run_tool(listed, limit=_LIMIT).split()
    except TestbedError:  # no Debian's apt
        told = []
    found = [address for address in told if "security" not in address]
    return found[0] if found else "http://deb.debian.org/debian"


def _write(archive: Path, name: str, layer: bytes, config: Mapping[str, object]) -> None:
    part = archive.with_name(f"{archive.name}.part")
    write_image(part, reference(name), [layer], config)
    part.replace(archive)


# What an image depends on


def _context() -> list[Path]:
    """Return the files that go into the product's images: what .dockerignore lets in."""
    files = [_ROOT / "pyproject.toml", _ROOT / "uv.lock"]
    for folder in _PACKAGED:
        files += [path for path in (_ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(files)


def _archives() -> Mapping[str, Path]:
    """Return where each image lies; another name tells another content."""
    product = _text_digest(_digest(_context()), _digest([Path(_CERTIFICATES)]))
    keys = {
        **dict.fromkeys(PRODUCT, product),
        "rabbitmq": _text_digest(_RELEASE, str(_RABBITMQ)),
        "minio": _text_digest(binaries.MINIO.version),
    }
    return {name: _folder() / f"{name}-{key}.tar" for name, key in keys.items()}


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        name = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
        found.update(f"{name}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _text_digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


@contextmanager
def _told(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    _say(f"image {name} made in {time.monotonic() - started:.0f} s")


def _say(text: str) -> None:
    sys.stderr.write(f"test-bed: {text}\n")
    sys.stderr.flush()
