"""Files of a Bot API server that runs with ``--local``: it names them on a disk of its own, which we see too."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator, Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from teltubby_core.errors import InfrastructureError, PermanentError, TeltubbyError, TransientError

T = TypeVar("T")

SETTING = "TELEGRAM_LOCAL_FILES_DIR"
_BLOCK = 1024 * 1024  # bytes of a chunk
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a fifo must not wait for its other end
_OUTSIDE = (errno.ELOOP, errno.ENOTDIR)


class LocalFiles:
    """The server's working folder (its ``--dir``) as we see it: ``root``. Nothing outside of it is read.

    The server keeps the files of a bot in a folder that has the bot's token as its name, below its working folder;
    where we see that folder elsewhere, the path is taken from the token's folder on. Files stay for it to clean up.
    """

    def __init__(self, root: Path, token: str) -> None:
        self._root = root.absolute()
        self._folders = (token, token.replace(":", "~"))  # some file systems take no colon

    async def read(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the file that the server calls ``path``; a first chunk is empty, once it is open.

        Raises:
            InfrastructureError: the folder can't be read or holds no files of this bot.
            PermanentError: the path leads out of the folder, or to something that is no file.
            TransientError: the file is not there, or the disk fails.
        """
        names = self._below_root(path)
        file = await asyncio.to_thread(self._mapped, lambda: self._open(names))
        try:
            yield b""
            while chunk := await asyncio.to_thread(self._mapped, lambda: file.read(_BLOCK)):
                yield chunk
        finally:
            await asyncio.to_thread(file.close)  # waits for a read that goes on after its caller left

    def _below_root(self, path: str) -> list[str]:
        given = PurePosixPath(path.replace("\\", "/"))
        if given.is_relative_to(self._root):
            names = list(given.relative_to(self._root).parts)
        else:
            parts = list(given.parts)
            names = next((parts[parts.index(name) :] for name in self._folders if name in parts), [])
        if not names:
            raise InfrastructureError(
                f"{SETTING}: the Bot API server names a file that is neither in {self._root} nor in a folder of this"
                " bot; set it to the server's --dir as it is seen here"
            )
        if ".." in names:
            raise PermanentError(f"{SETTING}: the Bot API server names a file outside of its folder")
        return names

    def _open(self, names: list[str]) -> BinaryIO:
        """Open step by step without following links, so that nothing leads out of the root."""
        current = os.open(self._root, _FOLDER)
        try:
            for name in names[:-1]:
                above, current = current, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=current)
                os.close(above)
            descriptor = os.open(names[-1], _FILE, dir_fd=current)
        finally:
            os.close(current)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PermanentError(f"{SETTING}: the Bot API server names something that is no file")
        return os.fdopen(descriptor, "rb")

    def _mapped(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except OSError as error:
            raise self._ours(error) from error

    def _ours(self, error: OSError) -> TeltubbyError:
        # The names of the system's errors, not its paths: the token is part of them.
        if error.errno in _OUTSIDE:
            return PermanentError(f"{SETTING}: a link on the way of the file; links are not followed")
        if isinstance(error, FileNotFoundError) and any((self._root / name).is_dir() for name in self._folders):
            return TransientError("the Bot API server has removed the file before it was read")
        if isinstance(error, FileNotFoundError | PermissionError):
            return InfrastructureError(
                f"{SETTING}: {self._root} can't be read or holds no files of this bot: {error.strerror}; it must be"
                " the Bot API server's --dir, readable for this user"
            )
        return TransientError(f"{SETTING}: {self._root} can't be read: {error.strerror}")
