"""helm install gives a working archive."""

import pytest

from cluster.release import COMPONENTS, SECRETS, TIMES, Release, Stopwatch
from cluster.traffic import Traffic
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from testbed.kubectl import Cluster
from testbed.processes import wait_for

SOON_IDLE = {"worker": {"scaling": {"scaleDownStabilizationSeconds": 2, "cooldownSeconds": 5}}}
"""As the chart has it, but for patience."""


@pytest.mark.timeout(400)
def test_a_file_is_archived_by_what_helm_installed(cluster: Cluster):
    release = Release(cluster, "teltubby-first-file", base=SOON_IDLE)
    release.make_namespace()
    watch = Stopwatch()
    notes = release.install()
    assert f"helm test teltubby -n {release.namespace} --logs" in notes
    traffic = Traffic(release)
    traffic.small()
    traffic.until_ended()
    TIMES["helm install to the first archived file"] = watch.seconds
    traffic.assert_all_archived()
    # there is no worker: one comes for the large files among those that helm's test sends
    wait_for(lambda: release.get("deployment", "teltubby-worker")["spec"]["replicas"] == 0, 120, "no worker")
    assert "every byte as sent" in release.test()
    release.remove()


@pytest.mark.timeout(300)
def test_helm_test_sends_files_and_finds_every_byte_in_the_archive(release: Release):
    for _ in range(2):
        told = release.test()
        assert "every byte as sent" in told
        assert "Phase:          Succeeded" in told


@pytest.mark.timeout(300)
def test_what_is_secret_is_in_secrets_alone(release: Release):
    secrets = {value for name in SECRETS for value in release.secret(name).values() if value != "teltubby"}
    assert len(secrets) >= 7
    shown = [release.kubectl("get", "all,events,configmaps,pvc,ingress", "--output=json")]
    shown += [release.logs(component, tail=-1) for component in COMPONENTS]
    secrets -= {str(DEFAULT_API_ID), DEFAULT_API_HASH}  # the simulator's own, the same everywhere
    assert [index for index, text in enumerate(shown) for secret in secrets if secret in text] == []


@pytest.mark.timeout(300)
def test_every_pod_stands_ready_in_a_namespace_that_allows_only_restricted_ones(release: Release):
    labels = release.get("namespace", release.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert [component for component in COMPONENTS if not release.ready(component)] == []
    restarts = [
        (pod["metadata"]["name"], container["restartCount"])
        for component in COMPONENTS
        for pod in release.pods(component)
        for container in pod["status"]["containerStatuses"]
        if container["restartCount"]
    ]
    assert restarts == []


@pytest.mark.timeout(300)
def test_only_workers_hold_a_token_and_pods_can_write_only_where_they_are_meant_to(release: Release):
    expected = {"bot": "10001 False ['/data', '/tmp']", "worker": "10001 True ['/tmp']"}
    for component, right in expected.items():
        pod = release.pod(component)
        script = (
            "import os; "
            "print(os.getuid(), os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount'), "
            "[path for path in ('/', '/opt/teltubby', '/etc', '/data', '/tmp') if os.access(path, os.W_OK)])"
        )
        told = release.kubectl("exec", pod, "--", "python", "-c", script)
        assert told.strip() == right


@pytest.mark.timeout(300)
def test_the_pages_tell_how_a_service_is_from_inside_its_pod(release: Release):
    for component in ("bot", "worker"):
        probe = ("python", "-m", "teltubby_core.probe", "http://127.0.0.1:8081/status")
        assert '"ready": true' in release.kubectl("exec", release.pod(component), "--", *probe)
