"""Objects as files below one folder. Knows nothing of what they mean; keeps neither content type nor metadata.

    <root>/.parts/<random>.part     an upload; its writer holds a lock on it for as long as it lives
    <root>/<key>                    an object, moved here in one step once all its bytes are on the disk

No name in a key starts with a dot, so no key reaches the parts. Folders are opened one by one without following
symbolic links, so no key reaches what lies outside of ``root``.
"""

import asyncio
import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from teltubby_core.adapters._file_errors import mapped
from teltubby_core.adapters._part_files import PartFile, remove_dead
from teltubby_core.domain.keys import is_valid
from teltubby_core.errors import PermanentError, TransientError
from teltubby_core.ports import ObjectHead

T = TypeVar("T")

MAX_DOCUMENT = 16 * 1024 * 1024
"""Bytes that ``get`` reads at most: documents of ours, never media."""

_PARTS = ".parts"
_PART_ATTEMPTS = 10
_KNOWN_FOLDERS = 10_000
_FOLDER_MODE = 0o700
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a fifo must not wait for its other end


class LocalFolderStore:
    """An ObjectStore in the folder ``root``, on a file system with locks and hard links.

    The work is done in threads. A cancelled caller still waits for the call that runs there, so that nothing goes
    on behind its back. A file system's errors become ours by the table in ``_file_errors``.
    """

    def __init__(self, root: Path, bucket: str | None = None) -> None:
        """Use ``root`` (made by the first write, for its owner only) as ``bucket``, else by the folder's name."""
        self._root = root.absolute()
        self._bucket = bucket or self._root.name
        self._folders = _Folders(self._root)

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self._bucket

    async def begin(self, key: str, content_type: str, metadata: Mapping[str, str]) -> "FolderUpload":  # noqa: ARG002
        """Start an object. Its bytes go to a part file as they come."""
        _check(key)
        made: list[FolderUpload] = []
        try:
            await self._run(lambda: made.append(FolderUpload(self._folders, key, _new_part(self._folders))))
        except asyncio.CancelledError:
            for upload in made:  # nobody else would
                await upload.abort()
            raise
        return made[0]

    async def put(self, key: str, body: bytes, content_type: str) -> None:  # noqa: ARG002
        """Store a document, durably and in one step."""
        _check(key)

        def work() -> None:
            with _filled_part(self._folders, body) as part:
                _publish(self._folders, part, key)

        await self._run(work)

    async def put_if_absent(self, key: str, body: bytes, content_type: str) -> bool:  # noqa: ARG002
        """Store a document unless the key is taken. Of any number at once, in any process, one succeeds."""
        _check(key)

        def work() -> bool:
            with _filled_part(self._folders, body) as part:
                return _publish_new(self._folders, part, key)

        return await self._run(work)

    async def get(self, key: str) -> bytes | None:
        """Read a document.

        Raises:
            PermanentError: it is larger than ``MAX_DOCUMENT``.
        """
        return await self._look_up(key, _read)

    async def read(self, key: str, start: int, size: int) -> bytes | None:
        """Read a part of an object."""
        return await self._look_up(key, lambda folder, name: _read_part(folder, name, start, size))

    async def head(self, key: str) -> ObjectHead | None:
        """Look at an object."""
        return await self._look_up(key, _stat)

    async def delete(self, key: str) -> None:
        """Remove an object, durably. Its folder stays: another object may be on its way there."""
        await self._look_up(key, _unlink)

    async def sweep(self) -> int:
        """Remove the parts whose writers are dead, which their locks tell, and return how many there were."""

        def work() -> int:
            with contextlib.suppress(FileNotFoundError), self._folders.parts() as parts:
                return remove_dead(parts)
            return 0  # nothing was ever written

        return await self._run(work)

    async def _look_up(self, key: str, call: Callable[[int, str], T]) -> T | None:
        """Call ``call`` with the folder and name of an object; None when the object, but not the root, is missing."""
        _check(key)

        def work() -> T | None:
            with self._folders.root() as root:
                try:
                    with self._folders.of_key(key, below=root) as (folder, name):
                        return call(folder, name)
                except (FileNotFoundError, IsADirectoryError):
                    return None

        return await self._run(work)

    async def _run(self, call: Callable[[], T]) -> T:
        return await _in_thread(self._root, call)


class FolderUpload:
    """An object in the making. Its calls follow one another."""

    def __init__(self, folders: "_Folders", key: str, part: PartFile) -> None:
        self._folders = folders
        self._key = key
        self._part: PartFile | None = part

    async def write(self, chunk: bytes) -> None:
        """Append bytes. Returns when the system took them, which is what bounds memory."""
        part = self._open()
        await self._run(lambda: part.write(chunk))

    async def commit(self, late: Mapping[str, str] | None = None) -> None:  # noqa: ARG002  # a folder keeps none
        """Bring all bytes to the disk, then make the object appear."""
        part = self._open()

        def work() -> None:
            part.sync()
            _publish(self._folders, part, self._key)
            self._part = None  # nothing to abort from here on, even if the caller was cancelled meanwhile
            part.close()

        await self._run(work)

    async def abort(self) -> None:
        """Remove the part. Does nothing after a commit."""
        part, self._part = self._part, None
        if part is not None:
            await self._run(lambda: _discard(self._folders, part))

    def _open(self) -> PartFile:
        if self._part is None:
            raise PermanentError(f"the upload of {self._key!r} is over")
        return self._part

    async def _run(self, call: Callable[[], T]) -> T:
        return await _in_thread(self._folders.path, call)


async def _in_thread(root: Path, call: Callable[[], T]) -> T:
    # Shielded: a call that goes on in its thread after its caller left would write to files that were closed.
    future = asyncio.get_running_loop().run_in_executor(None, mapped, root, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # read, or asyncio reports it as one that nobody saw
        raise


# What follows runs in threads and raises OSError.


class _Folders:
    """The folders below ``path``, opened step by step. They are closed again by the ``with`` that opened them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._used = False  # we saw our parts there; from then on a root without them is another folder
        self._durable: set[str] = set()  # paths whose own entry is known to be on the disk
        self._making = threading.Lock()

    @contextmanager
    def root(self) -> Iterator[int]:
        """Open the root; where we were before, its parts must still be there.

        Otherwise the mount point of a disk that is gone would pass for an archive in which every object is missing,
        and new ones would be written where nobody finds them.
        """
        folder = os.open(self.path, _FOLDER)  # may be a symbolic link: that is the operator's own choice
        try:
            if self._used:
                os.stat(_PARTS, dir_fd=folder, follow_symlinks=False)
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def parts(self, *, make: bool = False) -> Iterator[int]:
        """Open the folder of parts."""
        if make and not self._used:
            _make_root(self.path)
        with self.root() as root, self._walk(root, [_PARTS], make=make) as folder:
            self._used = True
            yield folder

    @contextmanager
    def of_key(self, key: str, *, below: int, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder of an object; yields it with the object's name."""
        *names, name = key.split("/")
        with self._walk(below, names, make=make) as folder:
            yield folder, name

    @contextmanager
    def _walk(self, start: int, names: list[str], *, make: bool) -> Iterator[int]:
        current = os.dup(start)
        try:
            for depth, name in enumerate(names, 1):
                if make:
                    self._make(current, name, "/".join(names[:depth]))
                above, current = current, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=current)
                os.close(above)
            yield current
        finally:
            os.close(current)

    def _make(self, above: int, name: str, path: str) -> None:
        # Locked, and synced also by those who find the folder there: an object is not durable before its folder is.
        with self._making:
            made = _made(above, name)
            if not made and path in self._durable:
                return
            os.fsync(above)
            if len(self._durable) >= _KNOWN_FOLDERS:
                self._durable.clear()
            self._durable.add(path)


def _made(above: int, name: str) -> bool:
    try:
        os.mkdir(name, _FOLDER_MODE, dir_fd=above)
    except FileExistsError:
        return False
    return True


def _make_root(path: Path) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        above = os.open(folder.parent, _FOLDER)
        try:
            os.fsync(above)
        finally:
            os.close(above)


def _new_part(folders: _Folders) -> PartFile:
    with folders.parts(make=True) as parts:
        for _ in range(_PART_ATTEMPTS):
            if part := PartFile.make(parts):
                return part
    raise TransientError(f"no part file could be locked in {folders.path}: sweeps took each of {_PART_ATTEMPTS}")


@contextmanager
def _filled_part(folders: _Folders, body: bytes) -> Iterator[PartFile]:
    part = _new_part(folders)
    try:
        part.write(body)
        part.sync()
        yield part
    finally:
        _discard(folders, part)


def _discard(folders: _Folders, part: PartFile) -> None:
    try:
        # it is no longer there when it became an object, or was lost with its folder
        with contextlib.suppress(FileNotFoundError), folders.parts() as parts:
            os.unlink(part.name, dir_fd=parts)
    finally:
        part.close()


def _publish(folders: _Folders, part: PartFile, key: str) -> None:
    with (
        folders.root() as root,
        folders.parts() as parts,
        folders.of_key(key, below=root, make=True) as (folder, name),
    ):
        os.replace(part.name, name, src_dir_fd=parts, dst_dir_fd=folder)
        os.fsync(folder)


def _publish_new(folders: _Folders, part: PartFile, key: str) -> bool:
    with (
        folders.root() as root,
        folders.parts() as parts,
        folders.of_key(key, below=root, make=True) as (folder, name),
    ):
        try:
            os.link(part.name, name, src_dir_fd=parts, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        os.fsync(folder)
        return True


def _read(folder: int, name: str) -> bytes:
    with open(name, "rb", opener=lambda path, _: os.open(path, _FILE, dir_fd=folder)) as file:
        _refuse_unless_file(os.fstat(file.fileno()))
        body = file.read(MAX_DOCUMENT + 1)
    if len(body) > MAX_DOCUMENT:
        raise PermanentError(f"{name} is larger than the {MAX_DOCUMENT} bytes of a document")
    return body


def _read_part(folder: int, name: str, start: int, size: int) -> bytes:
    with open(name, "rb", opener=lambda path, _: os.open(path, _FILE, dir_fd=folder)) as file:
        _refuse_unless_file(os.fstat(file.fileno()))
        file.seek(start)
        return file.read(size)


def _stat(folder: int, name: str) -> ObjectHead:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    _refuse_unless_file(status)
    return ObjectHead(status.st_size)


def _unlink(folder: int, name: str) -> None:
    os.unlink(name, dir_fd=folder)
    os.fsync(folder)


def _refuse_unless_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ELOOP, "not a regular file")


def _check(key: str) -> None:
    if not is_valid(key):
        raise PermanentError(f"not a valid object key: {key!r}")
