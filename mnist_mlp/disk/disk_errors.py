"""What a user can do about a file that cannot be written or read."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from mnist_mlp.errors import in_one_line

FREE_FILES_AT_LEAST = 16  # a few may be free again, because unfinished files were deleted before the error is reported

# Windows: by default, a path has at most 260 characters. The names of files in a run take up to about 100 of them.
WINDOWS_PATH_LENGTH = 260 - 100
_OPEN_ELSEWHERE = {5, 32, 33}  # access denied, sharing violation, lock violation
_NO_SUCH_PATH = {2, 3, 206}  # file not found, path not found, file name too long

_REMEDIES = {
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.EROFS: "make the file system writable",
    errno.ENOSPC: "free up disk space",
    errno.EDQUOT: "free up space in your disk quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENAMETOOLONG: "use a shorter path",
    errno.ENOENT: "check whether it was moved or deleted",
    errno.ENOTDIR: "rename the file that has the name of a directory",
    errno.EEXIST: "rename the file that has the name of a directory",
    errno.EISDIR: "rename the directory that has the name of a file",
    errno.ELOOP: "remove the symbolic link",
}


def explained(error: OSError, path: Path) -> str:
    """Returns what the operating system reports and what to do about it: "(Permission denied); change its permissions".

    Args:
        path: the file or directory that cannot be written or read.
    """
    return f"({reason(error)}); {remedy(error, path)}"


def reason(error: OSError) -> str:
    """Returns what the operating system reports, in one line and without the path."""
    return error.strerror or in_one_line(error)


def remedy(error: OSError, path: Path) -> str:
    """Returns what to do about the error, as a clause that can follow the reason.

    Args:
        path: the file or directory that cannot be written. The disk that it is on tells why it is full.
    """
    if isinstance(own := getattr(error, "remedy", None), str):
        return own
    if may_be_open_elsewhere(error):
        return "close any program that uses it, or change its permissions"
    if _is_too_long_for_windows(error, path):
        return _REMEDIES[errno.ENAMETOOLONG]
    if error.errno == errno.ENOSPC and _lacks_free_files(path):
        return "delete some files: this file system limits their number, and no more can be created"
    if link := broken_link(path):
        return f"the symbolic link {link} leads nowhere: make its target available, or remove the link"
    return _REMEDIES.get(error.errno, "check the disk and its connection")


def broken_link(path: Path) -> Path | None:
    """Returns the symbolic link in this path whose target does not exist, for example on a disk that is not mounted."""
    links = (part for part in (path, *path.parents) if part.is_symlink())
    return next((link for link in links if not os.path.exists(link)), None)


def with_number(message: str) -> OSError:
    """Returns an OSError for a message of a library that reports errors of the operating system only as text."""
    for number in _REMEDIES:
        if os.strerror(number) in message:
            return OSError(number, os.strerror(number))
    return OSError(message)


def may_be_open_elsewhere(error: OSError) -> bool:
    """Returns whether Windows may have refused the call because another program has the file open."""
    return getattr(error, "winerror", None) in _OPEN_ELSEWHERE


def _is_too_long_for_windows(error: OSError, path: Path) -> bool:
    """Returns whether Windows, which reports a path that is too long as missing, may have refused it for that."""
    return getattr(error, "winerror", None) in _NO_SUCH_PATH and len(str(path.absolute())) > WINDOWS_PATH_LENGTH


def _lacks_free_files(path: Path) -> bool:
    with contextlib.suppress(OSError, AttributeError):  # Windows does not have statvfs
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        disk = os.statvfs(existing)
        return disk.f_files > 0 and disk.f_favail < FREE_FILES_AT_LEAST
    return False
