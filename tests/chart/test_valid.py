"""What is rendered is what Kubernetes has: its own API documents, one version after another, and Helm's linter."""

import atexit
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import CHART, FIXED, KINDS, LEAST, Object, Rendered, helm, merged, rendered
from testbed import binaries, kubernetes_schemas

_LIMIT = 60
_OF_MONITORING = ("servicemonitors", "prometheusrules")


@cache
def _own_schemas() -> Path:
    """Write schemas of kinds that are not Kubernetes's own as kubeconform wants them: strict, with what all have."""
    folder = Path(tempfile.mkdtemp(prefix="schemas-"))
    atexit.register(shutil.rmtree, folder)
    theirs = [kubernetes_schemas.of_monitoring() / f"monitoring.coreos.com_{kind}.yaml" for kind in _OF_MONITORING]
    for path in (CHART / "crds" / "teltubbyarchives.yaml", *theirs):
        spec = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["spec"]
        version = spec["versions"][0]
        schema = _strict(version["schema"]["openAPIV3Schema"])
        schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
        name = f"{spec['names']['kind']}-{spec['group'].partition('.')[0]}-{version['name']}.json"
        (folder / name.lower()).write_text(json.dumps(schema), "utf-8")
    return folder


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    if "items" in schema:
        return {**schema, "items": _strict(schema["items"])}
    if "properties" not in schema:
        return schema
    properties = {name: _strict(each) for name, each in schema["properties"].items()}
    return {**schema, "properties": properties, "additionalProperties": False}


def kubeconform(version: str, text: str) -> "subprocess.CompletedProcess[str]":
    folder = kubernetes_schemas.folder(version)
    assert folder.is_dir(), f"no schemas of Kubernetes {version}; make them: cd tests && python -m testbed schemas"
    file = "{{.ResourceKind}}{{.KindSuffix}}.json"
    locations = [f"-schema-location={each}/{file}" for each in (folder, _own_schemas())]
    command = [str(binaries.built_kubernetes() / "kubeconform"), "-strict", "-output=json", "-summary", "-verbose"]
    return subprocess.run(
        [*command, *locations, f"-kubernetes-version={version}"],
        input=text,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )


@pytest.mark.parametrize("version", kubernetes_schemas.VERSIONS)
def test_every_object_is_one_of_this_version_of_kubernetes(release: Rendered, version: str):
    told = json.loads(kubeconform(version, release.text).stdout)
    assert [each for each in told["resources"] if each["status"] != "statusValid"] == []
    assert told["summary"]["valid"] == len(release.objects)


def test_the_oldest_version_that_is_checked_is_the_oldest_that_the_chart_takes():
    oldest, newest = (
        ".".join(version.split(".")[:2])
        for version in kubernetes_schemas.VERSIONS[:: len(kubernetes_schemas.VERSIONS) - 1]
    )
    minor = int(oldest.rpartition(".")[2])
    assert templated(f"1.{minor - 1}.99").returncode != 0
    assert "kubeVersion" in templated(f"1.{minor - 1}.99").stderr
    assert [version for version in (f"{oldest}.0", f"{newest}.0") if templated(version).returncode] == []


def templated(version: str) -> "subprocess.CompletedProcess[str]":
    arguments = ("template", "media", str(CHART), "--values=-", f"--kube-version={version}")
    return helm(*arguments, given=json.dumps(LEAST))


def wrong(change: str) -> str:
    """One of our objects with a mistake in it."""
    found: Object = rendered(merged(LEAST, FIXED)).one("Deployment", "media-teltubby-worker")
    text = yaml.safe_dump(found)
    before, _, after = change.partition(" -> ")
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize("version", [kubernetes_schemas.VERSIONS[0], kubernetes_schemas.VERSIONS[-1]])
@pytest.mark.parametrize(
    "change",
    [
        "automountServiceAccountToken: -> automountServiceAccountTokens:",
        "replicas: 1 -> replicas: one",
        "apiVersion: apps/v1 -> apiVersion: apps/v1beta1",
        "kind: Deployment -> kind: Deploymant",
        "drop: -> dropped:",
    ],
)
def test_a_mistake_is_found(version: str, change: str):
    assert kubeconform(version, wrong(change)).returncode != 0
    assert kubeconform(version, wrong("replicas: 1 -> replicas: 2")).returncode == 0


def test_a_field_that_came_later_is_found_in_earlier_versions():
    # pod-level resources: since 1.32
    text = wrong("automountServiceAccountToken: true -> resources: {}\n      automountServiceAccountToken: true")
    assert [version for version in kubernetes_schemas.VERSIONS if kubeconform(version, text).returncode] == [
        version for version in kubernetes_schemas.VERSIONS if version < "1.32"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_helms_linter_finds_nothing(kind: str, tmp_path: Path):
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(KINDS[kind]), "utf-8")
    done = helm("lint", str(CHART), "--strict", f"--values={values}")
    assert done.returncode == 0, done.stdout
