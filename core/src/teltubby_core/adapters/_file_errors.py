"""What a file system's refusals mean for an archive."""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from teltubby_core.errors import (
    InfrastructureError,
    PermanentError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransientError,
)

T = TypeVar("T")

_FULL = (StorageFullError, "no space left in {root}: free some space; what waits is archived then ({why})")
_CLOSED = (StorageUnavailableError, "{root} can't be written: it is read-only or belongs to somebody else ({why})")
_GONE = (StorageUnavailableError, "{root} is not there or does not answer: check its disk and mount ({why})")
_IN_THE_WAY = (StorageUnavailableError, "in {root} something stands where a file or folder belongs: move it ({why})")
_UNFIT = (StorageUnavailableError, "the file system of {root} can't hold an archive ({why})")
_SCARCE = (InfrastructureError, "the system has no files, locks or memory left for {root}: raise its limits ({why})")
_NEVER = (PermanentError, "the file system of {root} does not take such a name or size ({why})")
_AGAIN = (TransientError, "{root} is busy ({why})")
_DEFECT = (InfrastructureError, "unexpected answer of the file system of {root}: please report it ({why})")

ERRORS: Mapping[int, tuple[type[TeltubbyError], str]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EMLINK), _FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), _CLOSED),
    **dict.fromkeys((errno.ENOENT, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO), _GONE),
    **dict.fromkeys((errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN, errno.ENOLINK), _GONE),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY), _IN_THE_WAY),
    **dict.fromkeys((errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS), _UNFIT),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOLCK), _SCARCE),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EFBIG, errno.EOVERFLOW), _NEVER),
    **dict.fromkeys((errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ETXTBSY), _AGAIN),
    **dict.fromkeys((errno.EBADF, errno.EDESTADDRREQ, errno.EFAULT, errno.EINVAL, errno.EPIPE), _DEFECT),
}
"""Our error and its text for each errno that open, read, write, fsync, rename, link, unlink, mkdir, stat and flock
document. Linux numbers EWOULDBLOCK like EAGAIN and ENOTSUP like EOPNOTSUPP."""


def mapped(root: Path, call: Callable[[], T]) -> T:
    """Run ``call``, which works below ``root``, and raise ours in place of an OSError."""
    try:
        return call()
    except OSError as error:
        kind, text = ERRORS.get(error.errno or 0, _DEFECT)
        raise kind(text.format(root=root, why=error.strerror)) from error
