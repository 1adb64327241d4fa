"""Whatever an object names, another one has: Secrets and their keys, volumes, ports, Services and their pods."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from chart.rendering import KINDS, LEAST, NAMESPACE, RELEASE, SIMULATED, Object, Rendered, rendered, texts

MINE = "my-"
"""How the names begin of what a release finds in its namespace."""
LONGEST = 53
"""Characters that helm allows a release's name."""


def workloads(release: Rendered) -> list[Object]:
    return [each for each in release.objects if "template" in each.get("spec", {})]


def services(release: Rendered) -> dict[str, Object]:
    return {each["metadata"]["name"]: each["spec"] for each in release.objects if each["kind"] == "Service"}


def ports(spec: Object) -> set[str]:
    return {port["name"] for container in spec["containers"] for port in container.get("ports", [])}


def volumes(release: Rendered) -> Iterator[tuple[str, Object]]:
    for name, pod in release.pods().items():
        for volume in pod.get("volumes", []):
            yield f"{name}/{volume['name']}", volume


def test_every_key_of_a_secret_is_there(release: Rendered):
    held = {(name, key) for name, content in release.secrets().items() for key in content}
    named = set()
    for _, container in release.containers():
        references = [each.get("valueFrom", {}).get("secretKeyRef") for each in container.get("env", [])]
        named |= {(each["name"], each["key"]) for each in references if each}
    for _, volume in volumes(release):
        sources = [each["secret"] for each in volume.get("projected", {}).get("sources", [])]
        named |= {(each["name"], item["key"]) for each in sources for item in each["items"]}
    assert {name for name in named if not name[0].startswith(MINE)} <= held
    assert {name for name, _ in held} <= {name for name, _ in named}, "a Secret that nobody reads"


def test_every_other_source_of_a_volume_is_there(release: Rendered):
    for name, volume in volumes(release):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        assert claim is None or claim in release.names("PersistentVolumeClaim"), name
        written = volume.get("configMap", {}).get("name", MINE)
        assert written.startswith(MINE) or written in release.names("ConfigMap"), name


def test_what_a_pod_is_to_read_alone_is_mounted_so(release: Rendered):
    given = {name for name, volume in volumes(release) if "configMap" in volume or "projected" in volume}
    for name, container in release.containers():
        pod = name.partition("/")[0]
        mounts = [each for each in container["volumeMounts"] if f"{pod}/{each['name']}" in given]
        assert [each["name"] for each in mounts if not each.get("readOnly")] == [], name


def test_every_volume_is_mounted_and_every_mount_has_one(release: Rendered):
    claimed = {
        each["metadata"]["name"]: {claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])}
        for each in workloads(release)
    }
    for name, pod in release.pods().items():
        has = {volume["name"] for volume in pod.get("volumes", [])} | claimed.get(name, set())
        containers = [*pod.get("initContainers", []), *pod["containers"]]
        assert {mount["name"] for container in containers for mount in container["volumeMounts"]} == has, name
        for container in containers:
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths)), f"{name}/{container['name']}"


def test_every_service_has_the_pods_of_one_workload_and_their_ports(release: Rendered):
    for name, service in services(release).items():
        (found,) = [
            each["spec"]["template"]
            for each in workloads(release)
            if service["selector"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert {port["targetPort"] for port in service["ports"]} <= ports(found["spec"]), name


def test_every_workload_selects_its_own_pods_alone(release: Rendered):
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in workloads(release)]
    for each in [each for each in workloads(release) if each["kind"] != "Job"]:
        selector = each["spec"]["selector"]["matchLabels"]
        assert [labels for labels in pods if selector.items() <= labels.items()] == [
            each["spec"]["template"]["metadata"]["labels"]
        ], each["metadata"]["name"]
        if each["kind"] == "StatefulSet":
            assert each["spec"]["serviceName"] in services(release)


def test_every_probe_asks_a_port_of_its_container(release: Rendered):
    for name, container in release.containers():
        probes = [each for field, each in container.items() if field.endswith("Probe")]
        asked = {(each.get("httpGet") or each["tcpSocket"])["port"] for each in probes}
        assert asked <= {port["name"] for port in container.get("ports", [])}, name


def numbers(container: Object) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def test_bot_and_worker_listen_at_the_ports_of_their_containers(release: Rendered):
    for component in ("bot", "worker"):
        environment, container = release.environment(component), release.container(component)
        told = {"http": environment["HEALTH_PORT"], "webhook": environment.get("WEBHOOK_PORT")}
        assert {name: int(port) for name, port in told.items() if port} == numbers(container)
        hosts = [value for name, value in environment.items() if name in {"HEALTH_HOST", "WEBHOOK_HOST"}]
        assert hosts == ["0.0.0.0"] * len(numbers(container))
        stop = container["lifecycle"]["preStop"]["exec"]["command"]
        pages = [text for text in stop if text.startswith("http")]
        assert pages in ([], [f"http://127.0.0.1:{environment['HEALTH_PORT']}/healthz"])


def test_the_store_listens_at_the_ports_of_its_container():
    container = rendered(LEAST).container("minio")
    options = dict(zip(container["args"][2::2], container["args"][3::2], strict=True))
    ports = numbers(container)
    assert options == {"--address": f":{ports['s3']}", "--console-address": f":{ports['console']}"}


def test_the_simulator_listens_at_the_ports_of_its_container():
    container = rendered(SIMULATED).container("simulator")
    options = dict(each.removeprefix("--").split("=") for each in container["args"] if "port" in each)
    # --mtproto-media-port-dc4 and its port mtproto-4-media
    told = {
        name.replace("-port", "").replace("media-dc4", "4-media").replace("dc4", "4"): port
        for name, port in options.items()
    }
    assert {name: int(port) for name, port in told.items()} == numbers(container)


def files(container: Object) -> set[str]:
    """Paths of the files that a container's program is told of."""
    named = {each["value"] for each in container.get("env", []) if re.search("_(FILE|PATH|BASE)$", each["name"])}
    return named | {each.partition("=")[2] for each in container.get("args", []) if "-file=" in each}


def test_every_file_that_a_program_is_told_of_lies_on_a_volume(release: Rendered):
    written = {each["metadata"]["name"]: set(each["data"]) for each in release.objects if each["kind"] == "ConfigMap"}
    for name, container in release.containers():
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        has = {volume["name"]: volume for volume in release.pods()[name.partition("/")[0]].get("volumes", [])}
        for path in map(PurePosixPath, files(container)):
            (mount,) = [each for each in mounts if path.is_relative_to(each)]
            volume = has.get(mounts[mount], {})
            sources = volume.get("projected", {}).get("sources", [])
            held = {item["path"] for each in sources for item in each["secret"]["items"]}
            held |= written.get(volume.get("configMap", {}).get("name"), set())
            assert not held or path.name in held, f"{name}: {path}"


def test_what_must_outlive_a_pod_lies_on_its_claim():
    for component, variable in {
        "bot": "SQLITE_PATH",
        "rabbitmq": "RABBITMQ_MNESIA_BASE",
    }.items():
        (data,) = [each for each in rendered(LEAST).container(component)["volumeMounts"] if each["name"] == "data"]
        assert PurePosixPath(rendered(LEAST).environment(component)[variable]).is_relative_to(data["mountPath"])


def test_no_variable_is_there_twice(release: Rendered):
    for name, container in release.containers():
        names = [each["name"] for each in container.get("env", [])]
        assert len(names) == len(set(names)), name


def test_every_address_in_the_release_is_a_service_with_that_port(release: Rendered):
    has = {(name, port["port"]) for name, service in services(release).items() for port in service["ports"]}
    told = {
        (host, int(port))
        for pod in release.pods().values()
        for text in texts(pod)
        for host, port in re.findall(rf"({RELEASE}-teltubby-[a-z]+):([0-9]+)", text)
    }
    assert told <= has
    hosts = {release.environment(component)["RABBITMQ_HOST"] for component in ("bot", "worker")}
    assert hosts <= {*services(release), "broker.example.org"}


def test_every_object_says_whose_it_is(release: Rendered):
    for each in release.objects:
        metadata = each["metadata"]
        of_the_cluster = each["kind"].startswith("ClusterRole")
        assert metadata.get("namespace") == (None if of_the_cluster else NAMESPACE), metadata["name"]
        told = {name.rpartition("/")[2]: value for name, value in metadata["labels"].items()}
        assert told["instance"] == RELEASE
        assert told["managed-by"] == "Helm"
        of_its_component = f"{RELEASE}-teltubby-{told['component']}"
        if of_the_cluster:  # where releases of all namespaces meet
            of_its_component = f"{NAMESPACE}-{of_its_component}"
        of_the_release = each["kind"] == "TeltubbyArchive" and metadata["name"] == f"{RELEASE}-teltubby"
        assert metadata["name"] == of_its_component or "-session-" in metadata["name"] or of_the_release


def test_no_name_or_label_is_longer_than_kubernetes_takes():
    for values in KINDS.values():
        release = rendered(values, release="a" * LONGEST)
        # pods and revisions carry the name of what makes them, and up to 11 further characters, in a label of 63
        assert [each["metadata"]["name"] for each in workloads(release) if len(each["metadata"]["name"]) > 52] == []
        assert [name for name in services(release) if len(name) > 63] == []
        labels = [value for each in release.objects for value in each["metadata"]["labels"].values()]
        assert [value for value in labels if len(value) > 63] == []
