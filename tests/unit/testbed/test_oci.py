"""Image archives: every blob under its digest, the same files always the same bytes."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from testbed.oci import layer_of, write_image


def members(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
    return found


def written(folder: Path) -> tuple[bytes, dict[str, bytes]]:
    program = folder / "program"
    program.write_bytes(b"#!/bin/sh\n")
    layer = layer_of({"bin/program": program})
    write_image(folder / "image.tar", "docker.io/library/it:test", [layer], {"Entrypoint": ["/bin/program"]})
    return layer, members(folder / "image.tar")


def blob(found: dict[str, bytes], described: dict[str, Any]) -> bytes:
    content = found[f"blobs/{described['digest'].replace(':', '/')}"]
    assert len(content) == described["size"]
    return content


def test_from_the_index_one_finds_manifest_configuration_and_layers(tmp_path: Path):
    layer, found = written(tmp_path)
    (named,) = json.loads(found["index.json"])["manifests"]
    assert named["annotations"]["io.containerd.image.name"] == "docker.io/library/it:test"
    manifest = json.loads(blob(found, named))
    config = json.loads(blob(found, manifest["config"]))
    assert config["config"]["Entrypoint"] == ["/bin/program"]
    assert config["rootfs"]["diff_ids"] == [each["digest"] for each in manifest["layers"]]
    assert [blob(found, each) for each in manifest["layers"]] == [layer]


def test_every_blob_lies_under_its_digest(tmp_path: Path):
    _, found = written(tmp_path)
    blobs = {name: content for name, content in found.items() if name.startswith("blobs/")}
    assert len(blobs) == 3
    assert all(hashlib.sha256(content).hexdigest() == Path(name).name for name, content in blobs.items())


def test_a_layer_holds_executables_and_is_the_same_whenever_it_is_made(tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(b"x")
    layer = layer_of({"bin/program": program})
    program.touch()
    assert layer_of({"bin/program": program}) == layer
    (tmp_path / "layer.tar").write_bytes(layer)
    with tarfile.open(tmp_path / "layer.tar") as archive:
        (member,) = archive.getmembers()
    assert (member.name, member.mode, member.mtime) == ("bin/program", 0o755, 0)
