"""A process of its own for test_local_folder.py: run as ``python folder_child.py <scene> <root>``, reports JSON.

It may mount and set limits as it likes: it runs in a mount namespace made for it, and both end with it.
"""

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.errors import TeltubbyError

MIB = 1024 * 1024
Report = dict[str, Any]


async def error_of(call: Awaitable[object]) -> Report | None:
    try:
        await call
    except TeltubbyError as error:
        return {"kind": type(error).__name__, "text": str(error)}
    return None


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mount_small_disk(root: Path) -> None:
    root.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(root))


def parts(root: Path) -> list[str]:
    return [path.name for path in (root / ".parts").iterdir()]


async def full(root: Path) -> Report:
    mount_small_disk(root)
    ballast = root / "ballast"
    ballast.write_bytes(bytes(MIB))
    store = LocalFolderStore(root)
    upload = await store.begin("a/clip.mp4", "video/mp4", {})
    await upload.write(bytes(MIB // 2))
    report: Report = {"write": await error_of(upload.write(bytes(2 * MIB)))}
    report["put"] = await error_of(store.put("a/message.json", bytes(2 * MIB), "application/json"))
    await upload.abort()
    report["left"] = parts(root)
    report["head"] = await store.head("a/clip.mp4")
    ballast.unlink()
    report["after"] = await error_of(store.put("a/clip.mp4", bytes(MIB), "video/mp4"))
    return report


async def read_only(root: Path) -> Report:
    mount_small_disk(root)
    store = LocalFolderStore(root)
    await store.put("a/one", b"one", "text/plain")
    upload = await store.begin("a/two", "text/plain", {})
    # what is open for writing keeps the file system from being made read-only; a bind mount of it can still be
    mount("--bind", str(root), str(root))
    mount("-o", "remount,bind,ro", str(root))
    report: Report = {
        "begin": await error_of(store.begin("a/three", "text/plain", {})),
        "put": await error_of(store.put("a/one", b"1", "text/plain")),
        "put_if_absent": await error_of(store.put_if_absent("a/three", b"3", "text/plain")),
        "commit": await error_of(upload.commit()),
        "delete": await error_of(store.delete("a/one")),
        "get": (await store.get("a/one") or b"").decode(),
    }
    mount("-o", "remount,bind,rw", str(root))
    report["after"] = await error_of(upload.commit())
    report["left"] = parts(root)
    return report


async def limits(root: Path) -> Report:
    store = LocalFolderStore(root)
    await store.put("a/one", b"one", "text/plain")
    upload = await store.begin("a/two", "text/plain", {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    report: Report = {"size": await error_of(upload.write(bytes(2000)))}
    await upload.abort()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
    report["descriptors"] = await error_of(store.get("a/one"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report["left"] = parts(root)
    return report


async def hang(root: Path) -> Report:
    """Hold a part until killed."""
    upload = await LocalFolderStore(root).begin("a/clip.mp4", "video/mp4", {})
    await upload.write(b"half")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    return {}


SCENES: dict[str, Callable[[Path], Awaitable[Report]]] = {
    "full": full,
    "read-only": read_only,
    "limits": limits,
    "hang": hang,
}


async def main() -> None:
    report = await SCENES[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
