"""What lies in an archive, wherever it is kept: sizes by key, and bytes. Uses nothing of the product's own code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_BLOCK = 1024 * 1024


class Objects(Protocol):
    """An archive to be looked at. Blocks while it is."""

    @property
    def title(self) -> str:
        """Where it is, for people."""
        ...

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every object, by key."""
        ...

    def blocks(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of an object that is there."""
        ...


class Folder:
    """An archive in a folder: keys are paths in it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"{self._root.name}/"

    def sizes(self) -> dict[str, int]:
        """See Objects. Everything counts that is a file."""
        files = (path for path in self._root.rglob("*") if path.is_file())
        return {path.relative_to(self._root).as_posix(): path.stat().st_size for path in files}

    def blocks(self, key: str) -> Iterator[bytes]:
        """See Objects."""
        with (self._root / key).open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def whole(objects: Objects, key: str) -> bytes:
    """Return all bytes of an object."""
    return b"".join(objects.blocks(key))


def copy(objects: Objects, folder: Path) -> None:
    """Copy an archive into a folder."""
    for key in objects.sizes():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for block in objects.blocks(key):
                file.write(block)
