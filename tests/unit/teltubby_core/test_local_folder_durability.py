# looking at the disk is what these tests do, and nobody else waits on their loop
"""What a folder store brings to the disk, and when."""

import os
from pathlib import Path
from typing import Any

import pytest

from teltubby_core.adapters.local_folder import LocalFolderStore

TEXT = "text/plain"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def store(root: Path) -> LocalFolderStore:
    return LocalFolderStore(root)


@pytest.fixture
def disk_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Note what is brought to the disk and moved, in order; the real calls are made."""
    calls: list[tuple[str, str]] = []
    real_fsync, real_replace, real_link = os.fsync, os.replace, os.link

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    def replace(source: str, target: str, **folders: Any) -> None:
        real_replace(source, target, **folders)
        calls.append(("move", target))

    def link(source: str, target: str, **folders: Any) -> None:
        real_link(source, target, **folders)
        calls.append(("move", target))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "link", link)
    return calls


@pytest.mark.parametrize("how", ["commit", "put", "put_if_absent"])
async def test_bytes_and_folders_reach_the_disk_around_the_move(
    store: LocalFolderStore, tmp_path: Path, disk_calls: list[tuple[str, str]], how: str
) -> None:
    if how == "commit":
        upload = await store.begin("a/b/clip", TEXT, {})
        await upload.write(b"x")
        await upload.commit()
    else:
        await getattr(store, how)("a/b/clip", b"x", TEXT)

    part = next(name for _, name in disk_calls if name.endswith(".part"))
    assert disk_calls == [
        ("fsync", tmp_path.name),  # holds the new root
        ("fsync", "archive"),  # holds .parts
        ("fsync", part),
        ("fsync", "archive"),  # holds a
        ("fsync", "a"),  # holds b
        ("move", "clip"),
        ("fsync", "b"),
    ]


async def test_a_folder_found_there_is_brought_to_the_disk_once(
    root: Path, store: LocalFolderStore, disk_calls: list[tuple[str, str]]
) -> None:
    (root / "a").mkdir(parents=True)
    await store.put("a/one", b"x", TEXT)
    disk_calls.clear()
    await LocalFolderStore(root).put("a/two", b"x", TEXT)
    assert ("fsync", "archive") in disk_calls

    disk_calls.clear()
    await store.put("a/three", b"x", TEXT)
    assert ("fsync", "archive") not in disk_calls
