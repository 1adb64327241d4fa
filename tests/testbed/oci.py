"""Puts layers together into an image archive (OCI) that container runtimes import: no registry, no engine."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_EPOCH = "1970-01-01T00:00:00Z"
_MEDIA = "application/vnd.oci.image"


def write_image(target: Path, reference: str, layers: Sequence[bytes], config: Mapping[str, Any]) -> None:
    """Write an image of these uncompressed tar layers. ``config`` as in an image: Entrypoint, User, Env."""
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    described = {
        "architecture": "amd64",
        "os": "linux",
        "created": _EPOCH,
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }
    blobs = dict(zip(digests, layers, strict=True))
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": _added(blobs, f"{_MEDIA}.config.v1+json", json.dumps(described).encode()),
        "layers": [_described(f"{_MEDIA}.layer.v1.tar", layer) for layer in layers],
    }
    named = _added(blobs, f"{_MEDIA}.manifest.v1+json", json.dumps(manifest).encode())
    named["annotations"] = {"io.containerd.image.name": reference}
    with tarfile.open(target, "w") as archive:
        _put(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _put(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [named]}).encode())
        for digest, content in blobs.items():
            _put(archive, f"blobs/sha256/{digest}", content)


def layer_of(files: Mapping[str, Path]) -> bytes:
    """Return a layer with these executables, by their path in it. Equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for name, path in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = path.stat().st_size, 0o755
            with path.open("rb") as content:
                layer.addfile(member, content)
    return buffer.getvalue()


def _added(blobs: dict[str, bytes], media_type: str, content: bytes) -> dict[str, Any]:
    described = _described(media_type, content)
    blobs[described["digest"].removeprefix("sha256:")] = content
    return described


def _described(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
