# ruff: noqa: ASYNC240  # looking at the disk is what these tests do, and nobody else waits on their loop
"""What only a folder can show: disks that fill up, mounts, links, modes, killed writers."""

import asyncio
import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support import mount_namespace
from teltubby_core.adapters._part_files import remove_dead
from teltubby_core.adapters.local_folder import MAX_DOCUMENT, FolderUpload, LocalFolderStore
from teltubby_core.errors import PermanentError, StorageUnavailableError

CHILD = Path(__file__).with_name("folder_child.py")
KEY = "teltubby/2025/ada/clip.mp4"
TEXT = "text/plain"
LIMIT = 60
"""Seconds after which a child counts as hung."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def store(root: Path) -> LocalFolderStore:
    return LocalFolderStore(root)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def parts(root: Path) -> list[str]:
    return names(root / ".parts")


def open_files() -> int:
    return len(names(Path("/proc/self/fd")))


def report_of(scene: str, root: Path, *, confined: bool = False) -> dict[str, Any]:
    """Run a scene of folder_child.py, ``confined`` in a mount namespace of its own."""
    prefix = mount_namespace() if confined else []
    child = [*prefix, sys.executable, str(CHILD), scene, str(root)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_full_disk_is_told_and_used_again_once_there_is_space(root: Path) -> None:
    report = report_of("full", root, confined=True)

    for call in ("write", "put"):
        assert report[call]["kind"] == "StorageFullError"
        assert f"no space left in {root}: free some space; what waits is archived then" in report[call]["text"]
    assert report["left"] == []
    assert report["head"] is None
    assert report["after"] is None


def test_a_read_only_folder_is_told_can_be_read_and_is_used_again_once_it_is_writable(root: Path) -> None:
    report = report_of("read-only", root, confined=True)

    for call in ("begin", "put", "put_if_absent", "commit", "delete"):
        assert report[call]["kind"] == "StorageUnavailableError", call
        assert f"{root} can't be written: it is read-only" in report[call]["text"]
    assert report["get"] == "one"
    assert report["after"] is None
    assert report["left"] == []


def test_limits_of_the_system_are_told_apart(root: Path) -> None:
    report = report_of("limits", root)

    assert report["size"]["kind"] == "PermanentError"
    assert report["descriptors"]["kind"] == "InfrastructureError"
    assert "raise its limits" in report["descriptors"]["text"]
    assert report["left"] == []


async def test_the_part_of_a_killed_writer_is_swept_but_not_before(root: Path, store: LocalFolderStore) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHILD), "hang", str(root)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert await asyncio.wait_for(child.stdout.readline(), LIMIT) == b"ready\n"
        assert await store.sweep() == 0
        assert len(parts(root)) == 1
    finally:
        child.kill()
        await asyncio.wait_for(child.wait(), LIMIT)

    assert await store.sweep() == 1
    assert parts(root) == []


async def test_sweeps_at_any_moment_never_take_a_live_part(root: Path) -> None:
    writer, sweeper = LocalFolderStore(root), LocalFolderStore(root)
    done = asyncio.Event()

    async def sweep_on() -> int:
        swept = 0
        while not done.is_set():
            swept += await sweeper.sweep()
        return swept

    sweeping = asyncio.ensure_future(sweep_on())
    for number in range(100):
        await writer.put(f"a/{number}", b"x", TEXT)
    done.set()
    await sweeping

    assert len(names(root / "a")) == 100
    assert parts(root) == []


async def test_a_part_that_a_sweep_took_before_its_lock_is_not_used(
    root: Path, store: LocalFolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("a", b"x", TEXT)
    folder = os.open(root / ".parts", os.O_RDONLY)
    lock, swept = fcntl.flock, []

    def lock_after_a_sweep(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        swept.append(remove_dead(folder))
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock_after_a_sweep)
    await store.put("a", b"y", TEXT)
    os.close(folder)

    assert swept == [1]
    assert await store.get("a") == b"y"


async def test_objects_and_folders_are_private(root: Path, store: LocalFolderStore) -> None:
    before = os.umask(0)
    try:
        upload = await store.begin(KEY, TEXT, {})
        await upload.commit()
        await store.put("teltubby/message.json", b"{}", TEXT)
        await store.put_if_absent("bucket.json", b"{}", TEXT)
    finally:
        os.umask(before)

    found = [root, *root.rglob("*")]
    files, folders = [p for p in found if p.is_file()], [p for p in found if p.is_dir()]
    assert len(files) == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in folders} == {0o700}


async def test_the_root_is_made_with_its_parents(tmp_path: Path) -> None:
    store = LocalFolderStore(tmp_path / "some" / "where" / "archive")
    assert store.bucket == "archive"

    await (await store.begin("a", TEXT, {})).commit()

    assert (tmp_path / "some" / "where" / "archive" / "a").read_bytes() == b""


async def test_nothing_lies_elsewhere_while_an_object_is_made(root: Path, store: LocalFolderStore) -> None:
    upload = await store.begin(KEY, TEXT, {})
    await upload.write(b"x" * 1000)

    assert names(root) == [".parts"]
    assert [(root / ".parts" / name).stat().st_size for name in parts(root)] == [1000]
    await upload.abort()


@pytest.fixture(params=["begin", "put", "put_if_absent", "get", "head", "delete"])
def verb(request: pytest.FixtureRequest, store: LocalFolderStore) -> Callable[[str], Awaitable[object]]:
    async def begin(key: str) -> None:
        upload = await store.begin(key, TEXT, {})
        try:
            await upload.commit()
        finally:
            await upload.abort()

    verbs: dict[str, Callable[[str], Awaitable[object]]] = {
        "begin": begin,
        "put": lambda key: store.put(key, b"x", TEXT),
        "put_if_absent": lambda key: store.put_if_absent(key, b"x", TEXT),
        "get": store.get,
        "head": store.head,
        "delete": store.delete,
    }
    return verbs[request.param]


async def test_no_key_leaves_the_root_through_a_link(
    root: Path, tmp_path: Path, verb: Callable[[str], Awaitable[object]]
) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "secret").write_bytes(b"secret")
    root.mkdir()
    (root / "link").symlink_to(outside)

    for key in ("link/secret", "link/new", "link/deep/new"):
        with pytest.raises(StorageUnavailableError, match="something stands"):
            await verb(key)

    assert names(outside) == ["deep", "secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert not (root / ".parts").exists() or parts(root) == []


async def test_a_link_in_place_of_an_object_is_never_followed(
    root: Path, store: LocalFolderStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    root.mkdir()
    for name in ("a", "b"):
        (root / name).symlink_to(secret)

    for read in (store.get, store.head):
        with pytest.raises(StorageUnavailableError):
            await read("a")
    assert not await store.put_if_absent("a", b"mine", TEXT)
    await store.put("a", b"mine", TEXT)
    await store.delete("b")

    assert await store.get("a") == b"mine"
    assert secret.read_bytes() == b"secret"
    assert not (root / "b").is_symlink()


async def test_parts_are_not_written_through_a_link(root: Path, store: LocalFolderStore, tmp_path: Path) -> None:
    root.mkdir()
    (root / ".parts").symlink_to(tmp_path)

    with pytest.raises(StorageUnavailableError):
        await store.put("a", b"x", TEXT)
    assert names(tmp_path) == ["archive"]


async def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root.symlink_to(tmp_path / "disk")

    await LocalFolderStore(root).put("a", b"x", TEXT)

    assert (tmp_path / "disk" / "a").read_bytes() == b"x"


async def test_a_fifo_in_place_of_an_object_holds_nobody_up(root: Path, store: LocalFolderStore) -> None:
    root.mkdir()
    os.mkfifo(root / "a")

    async with asyncio.timeout(LIMIT):
        for read in (store.get, store.head):
            with pytest.raises(StorageUnavailableError):
                await read("a")


async def test_what_stands_in_the_way_is_told_and_no_part_stays(root: Path, store: LocalFolderStore) -> None:
    await store.put("file", b"x", TEXT)
    (root / "folder").mkdir()

    for key in ("file/below", "folder"):
        upload = await store.begin(key, TEXT, {})
        with pytest.raises(StorageUnavailableError, match="something stands"):
            await upload.commit()
        await upload.abort()

    assert parts(root) == []


async def test_a_root_that_vanished_is_an_error_not_an_empty_archive(root: Path, store: LocalFolderStore) -> None:
    await store.put(KEY, b"x", TEXT)
    upload = await store.begin("late", TEXT, {})
    away = root.rename(root.with_name("away"))

    for empty_mount_point in (False, True):
        if empty_mount_point:
            root.mkdir()
        calls: list[Awaitable[object]] = [
            *(store.head(KEY), store.get(KEY), store.delete(KEY)),
            *(store.begin("new", TEXT, {}), store.put("new", b"x", TEXT), upload.commit()),
        ]
        for call in calls:
            with pytest.raises(StorageUnavailableError, match="is not there"):
                await call

    assert names(root) == []
    root.rmdir()
    away.rename(root)
    await upload.commit()
    assert await store.get(KEY) == b"x"
    assert await store.get("late") == b""


async def test_reading_before_the_first_write_needs_a_root(root: Path, store: LocalFolderStore) -> None:
    with pytest.raises(StorageUnavailableError):
        await store.head(KEY)
    root.mkdir()
    assert await store.head(KEY) is None


async def test_a_name_too_long_for_the_file_system_is_refused_for_good(root: Path, store: LocalFolderStore) -> None:
    with pytest.raises(PermanentError):
        await store.put("x" * 300, b"x", TEXT)
    assert parts(root) == []


async def test_get_reads_documents_only(root: Path, store: LocalFolderStore) -> None:
    await store.put("a", b"x", TEXT)
    os.truncate(root / "a", MAX_DOCUMENT)
    assert len(await store.get("a") or b"") == MAX_DOCUMENT

    os.truncate(root / "a", MAX_DOCUMENT + 1)
    with pytest.raises(PermanentError, match="larger"):
        await store.get("a")


async def test_cancelled_calls_leave_neither_parts_nor_open_files(root: Path, store: LocalFolderStore) -> None:
    await store.put("warm-up", b"x", TEXT)
    before = open_files()

    async def transfer() -> None:
        upload: FolderUpload | None = None
        try:
            upload = await store.begin(KEY, TEXT, {})
            while True:
                await upload.write(bytes(4096))
        finally:
            if upload:
                await upload.abort()

    for turns in range(40):
        task = asyncio.ensure_future(transfer())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert parts(root) == []
    assert open_files() == before
    assert await store.head(KEY) is None
