"""What the Dockerfiles make, run as a cluster runs it: read-only, as nobody in particular."""

import subprocess

import pytest

from testbed import images
from testbed.docker_engine import Engine
from testbed.images import PRODUCT, TAG
from testbed.processes import wait_for

SERVICES = ("teltubby-bot", "teltubby-worker")
_CONFINED = ("--read-only", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")


def run(docker: Engine, image: str, *command: str, entry: str | None = None) -> "subprocess.CompletedProcess[str]":
    entrypoint = [f"--entrypoint={entry}"] if entry else []
    return docker.try_out("run", "--rm", *_CONFINED, *entrypoint, f"{image}:{TAG}", *command)


def python(docker: Engine, image: str, script: str) -> str:
    done = run(docker, image, "-c", script, entry="python")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("image", PRODUCT)
def test_it_runs_as_an_ordinary_user_that_owns_none_of_its_files(docker: Engine, image: str):
    script = (
        "import os; print(os.getuid(), os.getgid(), os.access(os.__file__, os.W_OK), os.stat('/opt/teltubby').st_uid)"
    )
    assert python(docker, image, script) == "10001 10001 False 0"


def test_an_operator_without_a_cluster_says_so_and_ends(docker: Engine):
    done = run(docker, "teltubby-operator")
    assert done.returncode == 2
    assert "Kubernetes: Configuration file" in done.stderr


@pytest.mark.parametrize("image", SERVICES)
def test_without_settings_it_names_what_is_missing_and_ends(docker: Engine, image: str):
    done = run(docker, image)
    assert done.returncode == 2
    assert "TELEGRAM_BOT_TOKEN" in done.stderr


def test_the_tools_tell_how_to_use_them(docker: Engine):
    for entry, named in (("teltubby", "doctor"), ("teltubby-simulator", "--fetch-key-from")):
        done = run(docker, "teltubby-tools", "--help", entry=entry)
        assert done.returncode == 0, done.stderr
        assert named in done.stdout


@pytest.mark.parametrize("image", PRODUCT)
def test_every_module_is_there_in_bytecode(docker: Engine, image: str):
    script = (
        "import importlib.util, pathlib, sysconfig; "
        "found = list(pathlib.Path(sysconfig.get_path('purelib')).rglob('teltubby_*/**/*.py')); "
        "missing = [str(path) for path in found if not pathlib.Path(importlib.util.cache_from_source(path)).exists()]; "
        "print(len(found) > 10, missing)"
    )
    assert python(docker, image, script) == "True []"


@pytest.mark.parametrize("image", PRODUCT)
def test_nothing_of_the_build_is_left(docker: Engine, image: str):
    script = (
        "import importlib.util, os, shutil; "
        "print([name for name in ('uv', 'pytest', 'watchfiles') if shutil.which(name)], "
        "[path for path in ('/src', '/uv') if os.path.exists(path)])"
    )
    assert python(docker, image, script) == "[] []"


@pytest.mark.parametrize("image", SERVICES)
@pytest.mark.timeout(300)
def test_in_the_inner_loop_a_changed_file_starts_the_service_again(docker: Engine, image: str):
    tag, changed = f"{image}:reload", "/tmp/sync/teltubby_core/probe.py"
    images.build(docker, image, tag, target="reload")
    container = docker.run("run", "--detach", *_CONFINED, tag).strip()
    try:

        def starts() -> int:
            # each ends at once, for want of settings
            return docker.try_out("logs", container).stderr.count("TELEGRAM_BOT_TOKEN")

        wait_for(lambda: starts() == 1, 30, "the service's first start")
        docker.run("exec", container, "sh", "-c", f"echo >> {changed}")
        wait_for(lambda: starts() == 2, 30, "its next one")
    finally:
        docker.run("rm", "--force", container)
