"""Files in the making. Whether a writer lives is seen by its lock, which the system takes away with the process."""

import contextlib
import fcntl
import os
import secrets

_SUFFIX = ".part"
_MODE = 0o600
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC


class PartFile:
    """A file of its own random name, locked for as long as it is open."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor: int | None = descriptor

    @classmethod
    def make(cls, folder: int) -> "PartFile | None":
        """Make one in the folder open as ``folder``; None when a sweep took it before it was locked."""
        name = secrets.token_hex(16) + _SUFFIX
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, _MODE, dir_fd=folder)
        part = cls(name, descriptor)
        try:
            if _lock(descriptor) and os.fstat(descriptor).st_nlink > 0:
                return part
        except OSError:
            part.close()
            raise
        part.close()
        return None

    def write(self, chunk: bytes) -> None:
        """Append all of ``chunk``."""
        left = memoryview(chunk)
        while left:
            left = left[os.write(self._open(), left) :]

    def sync(self) -> None:
        """Return when all bytes are on the disk."""
        os.fsync(self._open())

    def close(self) -> None:
        """Close and unlock; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.name} is closed")
        return self._descriptor


def remove_dead(folder: int) -> int:
    """Remove the parts in ``folder`` that no living process has open; return how many there were."""
    return sum(_remove_if_dead(folder, name) for name in os.listdir(folder) if name.endswith(_SUFFIX))


def _remove_if_dead(folder: int, name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_NONBLOCK | _SAFE, dir_fd=folder)
    except FileNotFoundError:
        return False  # its writer finished meanwhile
    try:
        # Names are never used twice: even if the writer finished since, this can't hit what it made of the part.
        if _lock(descriptor):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
                return True
        return False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
