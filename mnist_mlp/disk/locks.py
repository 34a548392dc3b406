"""Locks between processes, also on file systems that do not support file locks, such as some network file systems."""

from __future__ import annotations

import atexit
import errno
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where every file system has locks
    fcntl = None

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
SECONDS_TO_BREAK = 0.2  # enough for a second attempt, after the first one has removed the mark of a dead process
SECONDS_TO_WAIT = 60  # for a mark; nobody holds one for long, but one from another machine may be left over


class LeftoverMark(OSError):
    """A mark has existed for too long, so the process that made it was probably killed on another machine."""

    remedy = "delete that file if no other process uses this directory"


class Lock:
    """A lock that one process can hold at a time.

    If the file system supports it, the operating system locks a file and unlocks it when the process ends. Otherwise,
    a second file, the mark, exists while the lock is held. A mark that a killed process left behind is ignored on the
    same machine. On any other machine, the user has to delete it.

    Args:
        path: path of the file, which is created if necessary.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: BaseFileLock | None = None  # chosen when it is first needed

    @property
    def mark(self) -> Path | None:
        """The mark, if this lock needs one, else None."""
        return Path(self._lock.lock_file) if isinstance(self._lock, SoftFileLock) else None

    def acquire(self, wait: bool = True) -> None:
        """Acquires the lock.

        Raises:
            Timeout: another process holds it, and `wait` is false or a mark has existed for too long.
            OSError: the file cannot be created. A `Timeout` is an OSError too.
        """
        self._lock = self._lock or _lock_for(self._path)
        if not self.mark:
            self._lock.acquire(timeout=-1 if wait else 0)
            return
        try:
            self._lock.acquire(timeout=SECONDS_TO_BREAK)
        except Timeout:
            if not wait:
                raise
            print(f"Waiting for another process to delete {self.mark}", file=sys.stderr)
            self._lock.acquire(timeout=SECONDS_TO_WAIT)
        atexit.register(self._lock.release)

    def release(self) -> None:
        """Releases the lock, if this process holds it."""
        if self._lock:
            self._lock.release()
            atexit.unregister(self._lock.release)

    def __enter__(self) -> None:
        try:
            self.acquire()
        except Timeout:
            raise LeftoverMark(f"another process holds {self.mark}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock_for(path: Path) -> BaseFileLock:
    # Another name for the mark, because the first file is still there after it was unlocked.
    return FileLock(path) if _can_lock_files(path.parent) else SoftFileLock(path.with_name(f"{path.name}.held"))


def _can_lock_files(folder: Path) -> bool:
    """Returns whether the file system supports file locks. FileLock would report that in several ways, or in none."""
    if not fcntl:
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in UNSUPPORTED
    return True
