"""JSON Schemas of Kubernetes's objects, one folder a version, made from the OpenAPI document that its source carries.

They are strict: a field that an object does not have is an error, as is one that came with a later version.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from testbed import binaries, cache

VERSIONS = ("1.29.6", "1.30.14", "1.31.14", "1.32.13", "1.33.13", "1.34.2")
_FORM = "1"
"""Of what is made here: another one is made anew."""
_SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["integer", "string"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}
"""What the document calls a string, while numbers are meant as well."""


def ensure(version: str) -> Path:
    """Return the folder of a version's schemas, having made them where they are not there.

    Raises:
        TestbedError: its source can't be had.
    """
    target = folder(version)
    if not target.exists():
        with cache.alone(target):
            if not target.exists():
                _make(binaries.source_of("k8s.io/kubernetes", version), target)
    return target


def of_monitoring() -> Path:
    """Return the folder of the Prometheus operator's CRDs.

    Raises:
        TestbedError: its source can't be had.
    """
    source = binaries.source_of("github.com/prometheus-operator/prometheus-operator", "0.85.0")
    return source / "example" / "prometheus-operator-crd"


def folder(version: str) -> Path:
    """Return where they lie, as ``<kind>-<group>-<version>.json`` in lower case; no group where it has none."""
    return cache.folder() / f"kubernetes-schemas-{version}-{_FORM}"


def _make(source: Path, target: Path) -> None:
    document = json.loads((source / "api" / "openapi-spec" / "swagger.json").read_text("utf-8"))
    definitions = {name: _strict(name, found) for name, found in document["definitions"].items()}
    with tempfile.TemporaryDirectory(prefix="schemas-", dir=target.parent) as name:
        made = Path(name, "made")
        made.mkdir()
        for each, definition in definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind", []):
                parts = (kind["kind"], kind["group"].partition(".")[0], kind["version"])
                file = made / f"{'-'.join(filter(None, parts))}.json".lower()
                file.write_text(json.dumps(_whole(each, definitions, kind)), "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        made.replace(target)


def _strict(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    if name in _SPECIAL:
        return dict(_SPECIAL[name])
    return {**found, "additionalProperties": False} if "properties" in found else dict(found)


def _whole(name: str, definitions: Mapping[str, Mapping[str, Any]], kind: Mapping[str, str]) -> dict[str, Any]:
    """Return a schema with everything that it refers to."""
    needed, new = {name}, [name]
    while new:
        found = set(_references(definitions[new.pop()])) - needed
        needed |= found
        new += found
    version = f"{kind['group']}/{kind['version']}" if kind["group"] else kind["version"]
    exact = {"apiVersion": {"const": version}, "kind": {"const": kind["kind"]}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [{"$ref": f"#/definitions/{name}"}, {"properties": exact, "required": ["apiVersion", "kind"]}],
        "definitions": {each: definitions[each] for each in sorted(needed)},
    }


def _references(found: Any) -> Iterator[str]:
    if isinstance(found, Mapping):
        if isinstance(reference := found.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for each in found.values():
            yield from _references(each)
    elif isinstance(found, list):
        for each in found:
            yield from _references(each)
