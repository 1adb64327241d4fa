"""Each error that the manual pages document means something for an archive."""

import errno
import os
from pathlib import Path

import pytest

from teltubby_core.adapters._file_errors import ERRORS, mapped
from teltubby_core.errors import StorageFullError, TeltubbyError

DOCUMENTED = {
    "open": "EACCES EAGAIN EBADF EBUSY EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG "
    "ENFILE ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENXIO EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EWOULDBLOCK",
    "read": "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR EWOULDBLOCK",
    "write": "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE EWOULDBLOCK",
    "fsync": "EBADF EDQUOT EINTR EINVAL EIO ENOSPC EROFS",
    "close": "EBADF EDQUOT EINTR EIO ENOSPC",
    "flock": "EBADF EINTR EINVAL ENOLCK EWOULDBLOCK",
    "rename": "EACCES EBADF EBUSY EDQUOT EEXIST EFAULT EINVAL EISDIR ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC "
    "ENOTDIR ENOTEMPTY EPERM EROFS EXDEV",
    "link": "EACCES EBADF EDQUOT EEXIST EFAULT EINVAL EIO ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR "
    "EPERM EROFS EXDEV",
    "unlink": "EACCES EBADF EBUSY EFAULT EINVAL EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS",
    "mkdir": "EACCES EBADF EDQUOT EEXIST EFAULT EINVAL ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR EPERM "
    "EROFS",
    "stat": "EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW",
    "dup": "EBADF EMFILE",
    "getdents": "EBADF EFAULT EINVAL ENOENT ENOTDIR",
    "network file systems": "ESTALE ETIMEDOUT EHOSTDOWN ENOTCONN ENOLINK",
}
"""The ERRORS sections of the Linux manual pages (man-pages 6) of the calls that the adapter makes."""


@pytest.mark.parametrize("call", DOCUMENTED)
def test_every_documented_error_has_a_meaning(call: str) -> None:
    unmapped = [name for name in DOCUMENTED[call].split() if getattr(errno, name) not in ERRORS]

    assert unmapped == []


@pytest.mark.parametrize("code", [*ERRORS, 9999])
def test_every_error_of_the_system_becomes_one_of_ours_with_the_folder_in_it(code: int) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(TeltubbyError, match="/srv/archive") as caught:
        mapped(Path("/srv/archive"), fail)

    assert "{" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_and_no_quota_mean_the_same(code: int) -> None:
    assert ERRORS[code][0] is StorageFullError
